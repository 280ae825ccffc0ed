import Basics
import Management

extension Cmdlet {
    /// `Export-VM`.
    static let exportVM = Cmdlet(
        "Export", "VM", synopsis: "Writes virtual machines with their disks and checkpoints into folders.",
        details:
            "In the folder -Path each machine gets one of its own name that holds everything that it needs, and a list of all files with their hashes; get-help about_Export says more. Of a running machine a checkpoint is made for the time that this takes. An export that was cut off has a name that begins with .partial-.",
        departures: [
            "Kernel, initial ramdisk and the images in DVD drives are exported, too.",
            "CaptureDataConsistentState fails where the guest cannot make its file systems consistent.",
        ],
        sets: ParameterSet.verbSets,
        parameters: [.vmName(), .vm()] + Parameter.remote(sets: ["Name"]) + [
            .exportPath(position: 1), .asJob, .passthru,
            Parameter(
                "CaptureLiveState", .enumeration("CaptureLiveState", LiveCapture.allCases.map(\.rawValue)),
                "Of a running machine: its memory, too (CaptureSavedState), disks that the guest made consistent, or disks as after a power cut.",
                default: .string(LiveCapture.savedState.rawValue)),
        ],
        output: "VirtualMachine",
        examples: [
            Example("Export-VM web01 /srv/exports", "Writes web01 into /srv/exports/web01."),
            Example("Get-VM | Export-VM -Path /srv/exports", "All of them."),
        ],
        shouldProcess: true,
        plan: { invocation, target in
            let machine = try target.virtualMachine()
            return try machine.planExport(to: invocation.string("Path") ?? ".", capturing: invocation.liveCapture).plan(for: machine.name)
        },
        body: .perTarget(parameters: ["Name", "VM"]) { invocation, target in
            let machine = try target.virtualMachine()
            let capture = invocation.liveCapture
            try invocation.withTransferProgress("Exporting \(machine.name)") { isCancelled, progress in
                let path = try machine.export(
                    to: invocation.string("Path") ?? ".", capturing: capture, isCancelled: isCancelled, progress: progress)
                invocation.verbose("\(machine.name) is exported to \(path).")
            }
            try invocation.passthru(target)
        })

    /// `Export-VMSnapshot`.
    static let exportVMSnapshot = Cmdlet(
        "Export", "VMSnapshot", aliases: ["Export-VMCheckpoint"],
        synopsis: "Writes what virtual machines were at checkpoints into folders, as machines without checkpoints.",
        details: "As Export-VM; the folder has the machine's name, so several checkpoints of one machine need several folders.",
        sets: [
            .init("SnapshotName", isDefault: true, shape: .passthru(["VMName", "Name"])),
            .init("VMObject", shape: .passthru(["VM", "Name"])), .init("SnapshotObject", shape: .passthru(["VMSnapshot"])),
        ],
        parameters: [
            Parameter(
                "Name", .string, "Names of checkpoints; wildcards are accepted.", sets: ["SnapshotName", "VMObject"], mandatory: true,
                position: 1, pipeline: .byValue, many: true, wildcards: true),
            .exportPath(position: 2),
            Parameter(
                "VMName", .name(of: "VirtualMachine"), "Names of virtual machines; wildcards are accepted.", sets: ["SnapshotName"],
                mandatory: true, many: true, wildcards: true, completion: .vmName),
            Parameter(
                "VM", .object("VirtualMachine"), "Virtual machine objects.", sets: ["VMObject"], mandatory: true, position: 0,
                pipeline: .byValue,
                many: true, completion: .vmName),
            .checkpoint(many: true),
        ] + Parameter.remote(sets: ["SnapshotName"]) + [.asJob, .passthru],
        output: "VMSnapshot",
        examples: [
            Example("Export-VMSnapshot -Name installed -VMName web01 -Path /srv/exports", "web01 as it was when it had been installed.")
        ],
        shouldProcess: true,
        body: .perCall { invocation in
            for checkpoint in try invocation.checkpointsToExport() {
                do {
                    let path = invocation.string("Path") ?? "."
                    guard
                        try invocation.shouldProcess(
                            try checkpoint.machine.planExport(ofCheckpoint: checkpoint.id, to: path)
                                .plan(for: invocation.describe(checkpoint)), "Export-VMSnapshot")
                    else { continue }
                    try invocation.withTransferProgress("Exporting \(checkpoint.name)") { isCancelled, progress in
                        _ = try checkpoint.machine.exportCheckpoint(
                            checkpoint.id, to: path, isCancelled: isCancelled, progress: progress)
                    }
                    try invocation.passthru(checkpoint)
                } catch {
                    try invocation.report(error)
                }
            }
        })
}

extension Parameter {
    fileprivate static func exportPath(position: Int) -> Parameter {
        Parameter(
            "Path", .path, "The folder in which each gets one of its own.", mandatory: true, position: position, completion: .path)
    }
}

extension Invocation {
    fileprivate var liveCapture: LiveCapture {
        LiveCapture.allCases.first { $0.rawValue == string("CaptureLiveState") } ?? .savedState
    }

    fileprivate func checkpointsToExport() throws -> [CheckpointObject] {
        if let given = list("VMSnapshot") { return try given.map { try Self.checkpoint($0, cmdlet.name) } }
        var found: [CheckpointObject] = []
        for machine in try checkpointMachines() {
            let all = try machine.checkpoints()
            for name in list("Name")?.map(\.text) ?? [] {
                let wanted = WildcardPattern(name)
                let matching = all.filter { wanted.matches($0.name) || $0.id.description == name }
                if matching.isEmpty, !WildcardPattern.isPattern(name) { try report(ErrorRecord.noCheckpoint(name, machine, all)) }
                found += matching.map { CheckpointObject(machine, $0) }
            }
        }
        return found
    }

    /// Shows progress while `body` works, and lets Ctrl-C stop it.
    func withTransferProgress<Result>(
        _ activity: String, _ body: (@escaping @Sendable () -> Bool, @escaping @Sendable (Double, UInt64) -> Void) throws -> Result
    ) throws -> Result {
        let terminal = terminal
        defer { terminal.endProgress(activity) }
        return try body(
            { (try? self.checkCancelled()) == nil },
            { terminal.show(Progress(activity, fraction: $0, total: $1 > 0 ? Int64(clamping: $1) : nil)) })
    }
}
