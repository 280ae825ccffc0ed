extension Cmdlet {
    /// `Rename-VMSwitch`.
    static let renameVMSwitch = Cmdlet(
        "Rename", "VMSwitch", synopsis: "Gives a virtual switch another name.",
        departures: ["Names are unique within a store without regard to letter case."],
        sets: [
            .init("SwitchName", isDefault: true, shape: .passthru(["Name", "VMSwitch"])),
            .init("SwitchObject", shape: .passthru(["Name", "VMSwitch"])),
        ],
        parameters: [
            .switchName(many: false, sets: ["SwitchName"]), .switchObject(many: false, sets: ["SwitchObject"]),
            Parameter("NewName", .string, "The new name.", mandatory: true, position: 1), .passthru,
        ] + Parameter.remote(sets: ["SwitchName"]),
        output: "VMSwitch",
        examples: [Example("Rename-VMSwitch inside -NewName lab", "inside is called lab from now on.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["Name", "VMSwitch"]) { invocation, target in
            try target.virtualSwitch().rename(to: invocation.string("NewName") ?? "")
            try invocation.passthru(target)
        })
}
