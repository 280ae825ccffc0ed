import Management
import Persistence

extension Cmdlet {
    /// `Checkpoint-VM`.
    static let checkpointVM = Cmdlet(
        "Checkpoint", "VM", synopsis: "Makes checkpoints of virtual machines.",
        details:
            "Of a running machine as its CheckpointType says (Set-VM): Standard keeps memory, devices and disks of one instant; Production has the guest make its file systems consistent and keeps the disks, or falls back to Standard where the guest cannot; ProductionOnly does not fall back. Of a machine that is off or saved the checkpoint is what lies on disk. The hard disks go on in differencing images beside their parents.",
        departures: ["Disks in raw images have no checkpoints: Convert-VHD makes them VHDX."],
        sets: ParameterSet.verbSets,
        parameters: [.vmName(), .vm()] + Parameter.remote(sets: ["Name"]) + [
            Parameter(
                "SnapshotName", .string, "Its name; the machine's and the time unless given.", aliases: ["CheckpointName"], position: 1),
            .asJob, .passthru,
        ],
        output: "VMSnapshot",
        examples: [Example("Checkpoint-VM web01 -SnapshotName 'before the update'", "One that can be gone back to.")],
        shouldProcess: true,
        plan: { _, target in
            let machine = try target.virtualMachine()
            return try machine.planCheckpoint().plan(for: machine.name)
        },
        body: .perTarget(parameters: ["Name", "VM"]) { invocation, target in
            let machine = try target.virtualMachine()
            let isCancelled = { (try? invocation.checkCancelled()) == nil }
            let made = try machine.makeCheckpoint(named: invocation.string("SnapshotName"), isCancelled: isCancelled)
            if made.figures.pauseNanoseconds > 0 {
                invocation.verbose(
                    "The guest stood still for \(made.figures.pauseNanoseconds / 1_000_000) ms; \(made.figures.bytesWritten >> 10) KiB of memory and state were written."
                )
            }
            if invocation.isOn("Passthru") { try invocation.emit(.object(CheckpointObject(machine, made.checkpoint))) }
        })
}
