import Basics

extension Cmdlet {
    /// `Get-VMGroup`.
    static let getVMGroup = Cmdlet(
        "Get", "VMGroup", synopsis: "Gets groups of virtual machines.",
        details: "A name without wildcards that nothing has is an error; a pattern that matches nothing gives an empty list.",
        sets: [.init("Name", isDefault: true, shape: .oneIfSingle(["Name"])), .init("Id", shape: .one)],
        parameters: [.groupName(sets: ["Name"], mandatory: false, many: true), .groupId(sets: ["Id"])] + Parameter.remote(sets: []),
        output: "VMGroup",
        examples: [
            Example("Get-VMGroup", "All groups."), Example("(Get-VMGroup front).VMMembers | Start-VM", "Starts the machines of a group."),
        ],
        body: .perCall { invocation in
            guard invocation.isGiven("Name") || invocation.isGiven("Id") else {
                for group in try invocation.context.host.groups() { try invocation.emit(group) }
                return
            }
            for group in try invocation.groups() { try invocation.emit(group) }
        })
}
