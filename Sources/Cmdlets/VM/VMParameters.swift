import Basics
import Persistence

/// The parameters that the module's cmdlets on virtual machines share, under the sets the module gives them.
extension Parameter {
    /// -Name of the verbs (Start-VM …).
    static func vmName(mandatory: Bool = true, sets: [String] = ["Name"], wildcards: Bool = true) -> Parameter {
        Parameter(
            "Name", .name(of: "VirtualMachine"), "Names of virtual machines; wildcards are accepted.", aliases: ["VMName"], sets: sets,
            mandatory: mandatory, position: 0, pipeline: .byValue, many: true, wildcards: wildcards, completion: .vmName)
    }

    /// -VMName of the cmdlets on parts (Get-VMProcessor …).
    static func partVMName(mandatory: Bool = true, sets: [String] = ["VMName"]) -> Parameter {
        Parameter(
            "VMName", .name(of: "VirtualMachine"), "Names of virtual machines; wildcards are accepted.", sets: sets, mandatory: mandatory,
            position: 0, pipeline: .byValue, many: true, wildcards: true, completion: .vmName)
    }

    /// -VMName of the cmdlets that take one machine and nothing from the pipeline (Set-VMHardDiskDrive …).
    static let oneVMName = Parameter(
        "VMName", .name(of: "VirtualMachine"), "Name of the virtual machine.", sets: ["VMName"], mandatory: true, position: 0,
        completion: .vmName)

    /// -VM, the objects themselves.
    static func vm(sets: [String] = ["VMObject"]) -> Parameter {
        Parameter(
            "VM", .object("VirtualMachine"), "Virtual machine objects.", sets: sets, mandatory: true, position: 0, pipeline: .byValue,
            many: true,
            completion: .vmName)
    }

    /// -VMSnapshot of the cmdlets on parts.
    static let vmSnapshot = Parameter(
        "VMSnapshot", .object("VMSnapshot"), "A checkpoint, as Get-VMSnapshot gives it: what the machine was then.",
        aliases: ["VMCheckpoint"], sets: ["VMSnapshot"], mandatory: true, position: 0, pipeline: .byValue)

    /// -CimSession, which takes a computer's name as -ComputerName does.
    static func cimSession(sets: [String], mandatory: Bool = false, position: Int? = nil, pipeline: PipelineBinding = []) -> Parameter {
        Parameter(
            "CimSession", .computer, "As -ComputerName: localhost, . or this host's own name.", sets: sets, mandatory: mandatory,
            position: position, pipeline: pipeline, many: true)
    }

    /// -ComputerName, -CimSession and -Credential: this host only.
    ///
    /// Some cmdlets of the module bind one or the other by property name, or know -PSComputerName.
    static func remote(
        sets: [String], sessionByProperty: Bool = false, computerByProperty: Bool = false, hasPSName: Bool = false
    ) -> [Parameter] {
        [
            Parameter(
                "ComputerName", .computer, "localhost, . or this host's own name.", aliases: hasPSName ? ["PSComputerName"] : [],
                sets: sets,
                pipeline: computerByProperty ? .byPropertyName : [], many: true),
            .cimSession(sets: sets, pipeline: sessionByProperty ? .byPropertyName : []),
            Parameter(
                "Credential", .any, "Who to be on another host.", sets: sets, many: true, effect: .refused("remote hosts are not there yet")
            ),
        ]
    }

    static let passthru = Parameter("Passthru", .switched, "Gives the object that was acted on.")
    static let architecture = Parameter(
        "Architecture", .enumeration("Architecture", Architecture.allCases.map(\.rawValue)),
        "Where a machine's devices and services run.", ours: true)

    static let asJob = Parameter("AsJob", .switched, "Gives a job at once; Receive-Job gives what the call gives.")
    static func force(_ summary: String = "Answers every question with yes.") -> Parameter { Parameter("Force", .switched, summary) }

    /// -Name, -VM, -ComputerName …, -AsJob, -Passthru: what every verb on virtual machines has.
    static var verbTargets: [Parameter] { [.vmName(), .vm()] + remote(sets: ["Name"]) + [.asJob, .passthru] }

    /// -VMName, -VM, -ComputerName …: what every cmdlet on a part of virtual machines has.
    static var partTargets: [Parameter] { [.partVMName(), .vm()] + remote(sets: ["VMName"]) }
}

extension Cmdlet.ParameterSet {
    /// The sets of a verb on virtual machines: nothing, or with -Passthru the machine.
    static let verbSets: [Cmdlet.ParameterSet] = [
        .init("Name", isDefault: true, shape: .passthru(["Name", "VM"])), .init("VMObject", shape: .passthru(["Name", "VM"])),
    ]
    /// The sets of Add- on parts: nothing, or with -Passthru the part.
    static let partActionSets: [Cmdlet.ParameterSet] = [
        .init("VMName", isDefault: true, shape: .passthru(["VMName", "VM"])), .init("VMObject", shape: .passthru(["VMName", "VM"])),
    ]
    /// The sets of a Get- on parts of which a machine has one.
    static let partSets: [Cmdlet.ParameterSet] = [
        .init("VMName", isDefault: true, shape: .oneIfSingle(["VMName", "VM"])), .init("VMObject", shape: .oneIfSingle(["VMName", "VM"])),
        .init("VMSnapshot", shape: .one),
    ]
}

extension Invocation {
    /// The target again, when -Passthru asks for it.
    func passthru(_ target: any LiveObject) throws {
        if isOn("Passthru") { try emit(.object(target)) }
    }

    /// True when the machine is in that state already, after warning as the module does.
    func isAlready(_ state: String, _ target: any LiveObject, is current: String) -> Bool {
        guard current == state else { return false }
        warn("\(target.displayName): the virtual machine is already in the specified state (\(state)).")
        return true
    }
}

extension Invocation {
    /// -Architecture; nil: not given.
    func architecture() -> Architecture? { string("Architecture").flatMap { Architecture(rawValue: $0) } }
}
