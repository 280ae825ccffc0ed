import Basics
import Management

extension Cmdlet {
    /// `Get-Partition`.
    static let getPartition = Cmdlet(
        "Get", "Partition", synopsis: "Gets the hypervisor's partitions: the root and one child for each virtual machine that runs.",
        sets: [
            .init("Id", isDefault: true, shape: .oneIfSingle(["Id"])), .init("VMName", shape: .oneIfSingle(["VMName"])),
            .init("VMObject", shape: .oneIfSingle(["VM"])),
        ],
        parameters: [
            Parameter("Id", .integer(1...Int64.max), "Partition identifier; the root is 1.", sets: ["Id"], position: 0),
            Parameter(
                "VMName", .name(of: "VirtualMachine"), "Names of virtual machines; wildcards are accepted.", aliases: ["Name"],
                sets: ["VMName"],
                mandatory: true, position: 0, pipeline: .byValue, many: true, wildcards: true, completion: .vmName, ours: true),
            .vm(),
        ],
        output: "Partition",
        examples: [
            Example("Get-Partition", "The root partition and its children."),
            Example("(Get-Partition web01).Privileges", "What web01's guest may do."),
        ],
        ours: true,
        body: .perCall { invocation in
            let host = invocation.context.host
            if let id = invocation.integer("Id") {
                guard let found = try host.partitions(id: UInt64(id)).first else {
                    throw ErrorRecord(
                        "There is no partition \(id).", "PartitionNotFound", .objectNotFound, target: "\(id)",
                        action: "Get-Partition lists them.",
                        cmdlet: "Get-Partition")
                }
                return try invocation.emit(.object(PartitionObject(found, host)))
            }
            guard invocation.isGiven("VMName") || invocation.isGiven("VM") else {
                for partition in try host.partitions() { try invocation.emit(.object(PartitionObject(partition, host))) }
                return
            }
            for target in try invocation.machines(["VMName", "VM"]) {
                let found = try target.machine.partitions()
                if found.isEmpty, target.isNamed {
                    try invocation.report(
                        ErrorRecord(
                            "\(target.machine.name) has no partition: it is not running.", "PartitionNotFound", .objectNotFound,
                            target: target.machine.name, cmdlet: "Get-Partition"))
                }
                for partition in found { try invocation.emit(.object(PartitionObject(partition, host))) }
            }
        })
}
