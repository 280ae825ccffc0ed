import Management
import Persistence

extension ObjectType {
    static let vmStorageSetting = ObjectType(
        name: "VMStorageSetting",
        properties: [
            .init("ThreadCountPerChannel", "ThreadCount", "Automatic: one thread of the host serves all channels of a controller."),
            .init("VirtualProcessorsPerChannel", "UInt16", "Virtual processors that share a channel of a SCSI controller."),
            .init("DisableInterruptBatching", "Boolean", "False: what is done together is told together."),
        ] + ComponentObject.common)
}

extension ComponentObject {
    /// How a virtual machine's storage uses its processors.
    static func storageSetting(_ machine: VirtualMachine) -> ComponentObject {
        ComponentObject(
            .vmStorageSetting, identity: machine.id.description, displayName: "storage settings of \(machine.name)", machine: machine,
            read: {
                let perChannel = try machine.configuration().storage?.virtualProcessorsPerChannel ?? 1
                return Record(
                    [
                        ("ThreadCountPerChannel", .string("Automatic")), ("VirtualProcessorsPerChannel", .count(perChannel)),
                        ("DisableInterruptBatching", .boolean(false)),
                    ] + commonFields(machine))
            })
    }
}

extension Cmdlet {
    /// `Get-VMStorageSettings`.
    static let getVMStorageSettings = Cmdlet(
        "Get", "VMStorageSettings", synopsis: "Gets how the storage of virtual machines uses their processors.",
        sets: ["VMName", "VMObject"].map { .init($0, isDefault: $0 == "VMName", shape: .oneIfSingle(["VMName", "VM"])) },
        parameters: Parameter.partTargets, output: "VMStorageSetting",
        examples: [Example("(Get-VMStorageSettings web01).VirtualProcessorsPerChannel", "How many processors share a channel.")],
        body: .perTarget(parameters: ["VMName", "VM"]) { invocation, target in
            try invocation.emit(.object(ComponentObject.storageSetting(try target.virtualMachine())))
        })

    /// `Set-VMStorageSettings`.
    static let setVMStorageSettings = Cmdlet(
        "Set", "VMStorageSettings", synopsis: "Changes how the storage of virtual machines uses their processors.",
        details:
            "A SCSI controller has a channel of its own for every so many virtual processors, eight at most; the guest spreads its requests and interrupts over them. The machine must be off.",
        sets: ["VMName", "VMObject"].map { .init($0, isDefault: $0 == "VMName", shape: .passthru(["VMName", "VM"])) },
        parameters: Parameter.partTargets + [
            Parameter("VirtualProcessorsPerChannel", .integer(1...Int64(UInt16.max)), "Virtual processors that share a channel."),
            Parameter(
                "ThreadCountPerChannel", .enumeration("ThreadCount", ["Automatic", "Low", "Medium", "High"]), "Threads of the host.",
                effect: .noEffect("one thread serves a controller, whatever its channels")),
            Parameter(
                "DisableInterruptBatching", .boolean, "Tells each completion by itself.",
                effect: .noEffect("a completion waits for no other; only what is done at once is told at once")), .passthru,
        ],
        output: "VirtualMachine",
        examples: [Example("Set-VMStorageSettings web01 -VirtualProcessorsPerChannel 4", "Four processors share a channel.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM"]) { invocation, target in
            let machine = try target.virtualMachine()
            if let count = invocation.number("VirtualProcessorsPerChannel") {
                try machine.configure { configuration in
                    var storage = configuration.storage ?? .init()
                    storage.virtualProcessorsPerChannel = count == 1 ? nil : count
                    configuration.storage = storage == .init() ? nil : storage
                }
            }
            try invocation.passthru(target)
        })
}
