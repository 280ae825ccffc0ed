import Basics
import Management
import Persistence

extension Cmdlet {
    private static let memberSets = [
        "VM_Using_Name", "VMGroup_Using_Name", "VM_Using_ID", "VMGroup_Using_ID", "VM_Using_InputObject", "VMGroup_Using_InputObject",
    ]

    private static func memberCmdlet(
        _ verb: String, _ synopsis: String, example: Example,
        _ change: @escaping @Sendable (any Invocation, VirtualMachineGroup) throws -> Void
    ) -> Cmdlet {
        func sets(_ word: String) -> [String] { memberSets.filter { $0.hasSuffix(word) } }
        return Cmdlet(
            verb, "VMGroupMember", synopsis: synopsis,
            sets: memberSets.map {
                .init(
                    $0, isDefault: $0 == memberSets[0],
                    shape: .computed("the group with -Passthru") { $0.isOn("Passthru") ? .one : .nothing })
            },
            parameters: [
                .groupName(sets: sets("_Name")), .groupId(sets: sets("_ID")), .groupObject(sets: sets("_InputObject")),
                Parameter(
                    "VM", .object("VirtualMachine"), "Virtual machines.", sets: memberSets.filter { $0.hasPrefix("VM_") }, mandatory: true,
                    position: 1, many: true, completion: .vmName),
                Parameter(
                    "VMGroupMember", .object("VMGroup"), "Groups of machines, as Get-VMGroup gives them.",
                    sets: memberSets.filter { $0.hasPrefix("VMGroup_") }, mandatory: true, position: 1, many: true),
                .passthru,
            ] + Parameter.remote(sets: sets("_Name") + sets("_ID")),
            output: "VMGroup", examples: [example], shouldProcess: true,
            body: .perCall { invocation in
                for group in try invocation.groups() where try invocation.shouldProcess(group.name, invocation.cmdlet.name) {
                    try change(invocation, group)
                    if invocation.isOn("Passthru") { try invocation.emit(group) }
                }
            })
    }

    /// `Add-VMGroupMember`.
    static let addVMGroupMember = memberCmdlet(
        "Add", "Puts virtual machines into a group, or groups into a group of groups.",
        example: Example("Add-VMGroupMember front -VM (Get-VM web*)", "Puts all machines whose names begin with web into the group front.")
    ) { invocation, group in
        let host = invocation.context.host
        if invocation.isGiven("VM") { try host.addMachines(invocation.memberMachines(), toGroup: group.id) }
        if invocation.isGiven("VMGroupMember") { try host.addGroups(invocation.memberGroups(), toGroup: group.id) }
    }

    /// `Remove-VMGroupMember`.
    static let removeVMGroupMember = memberCmdlet(
        "Remove", "Takes virtual machines out of a group, or groups out of a group of groups.",
        example: Example("Remove-VMGroupMember front -VM (Get-VM web01)", "Takes web01 out of the group front.")
    ) { invocation, group in
        let host = invocation.context.host
        if invocation.isGiven("VM") {
            try host.removeMembers(invocation.memberMachines().map(\.id), fromGroup: group.id, kind: .machines)
        }
        if invocation.isGiven("VMGroupMember") {
            try host.removeMembers(invocation.memberGroups(), fromGroup: group.id, kind: .groups)
        }
    }
}

extension Invocation {
    /// The machines of -VM; a name stands for the machine.
    fileprivate func memberMachines() throws -> [VirtualMachine] { try givenMachines("VM") ?? [] }

    fileprivate func memberGroups() -> [GUID] { (list("VMGroupMember") ?? []).compactMap { $0.groupObject?.id } }
}
