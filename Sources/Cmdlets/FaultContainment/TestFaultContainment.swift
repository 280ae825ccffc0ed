import Basics
import Management

extension Cmdlet {
    /// `Test-FaultContainment`.
    static let testFaultContainment = Cmdlet(
        "Test", "FaultContainment", synopsis: "Harms a process of a running virtual machine and tells what became of all that run.",
        details: """
            The fault hits the process that does that part of the machine's work: a disk's own under DriverDomain, the switch's for the network, \
            else the worker, which holds the hypervisor, too. A wild write changes 64 words of that process's own memory at places that -Seed \
            chooses; it may do nothing or anything to what the process serves, so use machines whose disks may be lost. A process that hangs is let \
            go on at the end. One object per machine that ran tells whether it survived, how many requests to disks its events say had \
            failed, and whether and when another process took the place of the one that was hit. ProcessId and CameBack are nil for a \
            machine for which that process did nothing.
            """,
        sets: [.init("VMName", isDefault: true, shape: .many), .init("VMObject", shape: .many)],
        parameters: [.partVMName(mandatory: true), .vm()] + [
            Parameter(
                "Service", .enumeration("Service", FaultContainment.Service.allCases.map(\.rawValue)), "What is hit.", mandatory: true,
                ours: true),
            Parameter(
                "Fault", .enumeration("Fault", FaultContainment.Fault.allCases.map(\.rawValue)), "What happens to it.", mandatory: true,
                ours: true),
            Parameter("Seed", .integer(0...Int64.max), "Chooses the places of a wild write; 1 unless given.", ours: true),
            Parameter("Timeout", .integer(1...3600), "Seconds to watch at most; 10 unless given.", ours: true),
            .force("Does not ask."),
        ],
        output: "FaultFinding",
        examples: [
            Example(
                "Test-FaultContainment lab -Service Disk -Fault Crash -Force",
                "What becomes of all machines when a disk's process of lab ends.")
        ],
        shouldProcess: true, confirms: .always("will be harmed and may lose what its guest has not saved"), ours: true,
        body: .perTarget(parameters: ["VMName", "VM"]) { invocation, target in
            let machine = try target.virtualMachine()
            guard let service = invocation.string("Service").flatMap({ FaultContainment.Service(rawValue: $0) }),
                let fault = invocation.string("Fault").flatMap({ FaultContainment.Fault(rawValue: $0) })
            else { return }
            let test = FaultContainment(machine, service, fault, seed: UInt64(invocation.integer("Seed") ?? 1))
            let findings = try test.run(
                seconds: Double(invocation.integer("Timeout") ?? 10), isCancelled: { (try? invocation.checkCancelled()) == nil })
            try invocation.checkCancelled()
            for finding in findings { try invocation.emit(.record(Cmdlet.faultFinding(finding, service, fault))) }
        })

    private static func faultFinding(
        _ finding: FaultContainment.Finding, _ service: FaultContainment.Service, _ fault: FaultContainment.Fault
    ) -> Record {
        let fields: [(name: String, value: Value)] = [
            ("VMName", .string(finding.machine.name)), ("Architecture", .string(finding.architecture)),
            ("Service", .string(service.rawValue)), ("Fault", .string(fault.rawValue)), ("IsTarget", .boolean(finding.isTarget)),
            ("ProcessId", finding.process.map { .count($0) } ?? .null), ("Survived", .boolean(finding.survived)),
            ("FailedRequests", .count(finding.failures)), ("CameBack", finding.cameBack.map { .boolean($0) } ?? .null),
            ("Recovery", finding.recovery.map { .span(nanoseconds: $0) } ?? .null),
        ]
        return Record(typeName: "FaultFinding", fields)
    }
}
