import Basics
import Persistence

extension Cmdlet {
    /// `New-VMGroup`.
    static let newVMGroup = Cmdlet(
        "New", "VMGroup", synopsis: "Makes a group of virtual machines, or of such groups.",
        details: "A group changes nothing about its members; a machine may be in many.",
        sets: [.init("Default", shape: .one)],
        parameters: [
            Parameter("Name", .string, "Name of the new group.", mandatory: true, position: 0),
            Parameter(
                "GroupType", .enumeration("GroupType", VirtualMachineGroup.Kind.allCases.map(\.rawValue)),
                "VMCollectionType for machines, ManagementCollectionType for groups of machines.", mandatory: true, position: 1),
            Parameter("Id", .guid, "Its identifier; drawn unless given.", position: 2),
        ] + Parameter.remote(sets: []),
        output: "VMGroup",
        examples: [
            Example("New-VMGroup front VMCollectionType", "A group for machines."),
            Example("New-VMGroup -Name site -GroupType ManagementCollectionType", "One for groups."),
        ],
        body: .perCall { invocation in
            let kind = invocation.string("GroupType").flatMap(VirtualMachineGroup.Kind.init(rawValue:)) ?? .machines
            try invocation.emit(
                try invocation.context.host.createGroup(
                    named: invocation.string("Name") ?? "", kind: kind, id: invocation.string("Id").flatMap { GUID($0) }))
        })
}
