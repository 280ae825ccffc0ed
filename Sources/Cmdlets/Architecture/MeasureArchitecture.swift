import Basics
import Management
import Persistence
import WorkerProtocol

extension Cmdlet {
    /// `Measure-Architecture`.
    static let measureArchitecture = Cmdlet(
        "Measure", "Architecture", synopsis: "Shows how often a running machine's work went from one part of it to another.",
        details:
            "Counted since the machine's worker started; what a piece of work costs is the difference of two measurements, divided by its disk requests. System calls are those of the services' threads and of disk images, not those of the engine, the clocks and switches. about_Architectures explains the terms.",
        sets: [
            .init("Name", isDefault: true, shape: .oneIfSingle(["Name", "VM"])), .init("VMObject", shape: .oneIfSingle(["Name", "VM"])),
        ],
        parameters: [.vmName(), .vm()], output: "ArchitectureMeasurement",
        examples: [
            Example("Measure-Architecture web01", "The crossings of web01 since its start."),
            Example("Get-VM | Where-Object State -eq Running | Measure-Architecture", "Of all machines that run."),
        ],
        ours: true,
        body: .perTarget(parameters: ["Name", "VM"]) { invocation, target in
            let machine = try target.virtualMachine()
            guard let partition = try machine.partitions().first else {
                throw ErrorRecord(
                    "\(machine.name) has nothing to measure: it is not running.", "VMNotRunning", .invalidOperation, target: machine.name,
                    action: "Start-VM \(machine.name), then measure.", cmdlet: "Measure-Architecture")
            }
            guard let crossings = partition.crossings else {
                throw ErrorRecord(
                    "The worker of \(machine.name) tells no crossings: it does not answer, or it is of an older version.",
                    "CrossingsUnknown", .invalidOperation, target: machine.name,
                    action: "Try again; an older worker ends when the machine is turned off.", cmdlet: "Measure-Architecture")
            }
            let disks = try machine.guestInformation()?.disks ?? []
            let requests = disks.reduce(UInt64(0)) { $0 &+ $1.readOperations &+ $1.writeOperations &+ $1.flushes }
            let architecture = try machine.configuration().architecture ?? .microkernel
            try invocation.emit(
                .record(
                    Record(
                        typeName: "ArchitectureMeasurement",
                        [
                            ("VMName", .string(machine.name)), ("Architecture", .string(architecture.rawValue)),
                            ("DiskRequests", .count(requests)),
                        ] + crossings.map { ($0.kind, .count($0.count)) }
                            + [("Intercepts", .record(Record(partition.intercepts.map { ($0.kind, .count($0.count)) })))])))
        })
}
