extension Cmdlet {
    /// `Rename-VMGroup`.
    static let renameVMGroup = Cmdlet(
        "Rename", "VMGroup", synopsis: "Gives a group another name.",
        sets: ["Name", "Id", "InputObject"].map {
            .init($0, isDefault: $0 == "Name", shape: .passthru(["Name", "Id", "VMGroup"]))
        },
        parameters: [
            .groupName(sets: ["Name"], many: true), .groupId(sets: ["Id"]), .groupObject(sets: ["InputObject"], many: true),
            Parameter("NewName", .string, "The new name.", mandatory: true, position: 1), .passthru,
        ] + Parameter.remote(sets: ["Name", "Id"]),
        output: "VMGroup", examples: [Example("Rename-VMGroup front -NewName web", "The group is called web from now on.")],
        shouldProcess: true,
        body: .perCall { invocation in
            for group in try invocation.groups() where try invocation.shouldProcess(group.name, "Rename-VMGroup") {
                try invocation.context.host.renameGroup(group.id, to: invocation.string("NewName") ?? "")
                if invocation.isOn("Passthru") { try invocation.emit(group) }
            }
        })
}
