extension Cmdlet {
    /// `Remove-VMGroup`.
    static let removeVMGroup = Cmdlet(
        "Remove", "VMGroup", synopsis: "Removes a group; its members stay.",
        sets: [.init("Name", isDefault: true, shape: .nothing), .init("Id", shape: .nothing), .init("InputObject", shape: .nothing)],
        parameters: [
            .groupName(sets: ["Name"]), .groupId(sets: ["Id"]), .groupObject(sets: ["InputObject"], pipeline: .byValue), .force(),
        ] + Parameter.remote(sets: ["Name", "Id"]),
        examples: [Example("Remove-VMGroup front -Force", "Removes the group without asking.")],
        shouldProcess: true, confirms: .byBody,
        body: .perCall { invocation in
            for group in try invocation.groups() {
                guard try invocation.isOn("Force") || invocation.confirm("The group “\(group.name)” will be removed."),
                    try invocation.shouldProcess(group.name, "Remove-VMGroup")
                else { continue }
                try invocation.context.host.removeGroup(group.id)
            }
        })
}
