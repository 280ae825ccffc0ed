import Basics
import Persistence

/// Groups of VMs. A member that was removed since is left out of what a group tells, and forgotten when the group changes.
extension VirtualMachineHost {
    /// All groups, sorted by name.
    public func groups() throws -> [VirtualMachineGroup] {
        guard let store = try store() else { return [] }
        return try GroupDocument.read(in: store).groups.sorted {
            VirtualMachineConfiguration.key(ofName: $0.name) < VirtualMachineConfiguration.key(ofName: $1.name)
        }
    }

    /// Throws `GroupNotFound`.
    public func group(id: GUID) throws -> VirtualMachineGroup {
        guard let group = try groups().first(where: { $0.id == id }) else { throw Self.missing(id.description, among: []) }
        return group
    }

    /// The group of that name, without regard to case. Throws `GroupNotFound` with the nearest name.
    public func group(named name: String) throws -> VirtualMachineGroup {
        let all = try groups()
        let key = VirtualMachineConfiguration.key(ofName: name)
        guard let group = all.first(where: { VirtualMachineConfiguration.key(ofName: $0.name) == key }) else {
            throw Self.missing(name, among: all.map(\.name))
        }
        return group
    }

    /// Makes an empty group. Errors: `GroupNameExists`, `GroupNameInvalid`.
    public func createGroup(named name: String, kind: VirtualMachineGroup.Kind, id: GUID? = nil) throws -> VirtualMachineGroup {
        let group = VirtualMachineGroup(id: id ?? GUID(), name: name, kind: kind)
        try changeGroups { groups in
            try Self.check(name, in: groups)
            guard !groups.contains(where: { $0.id == group.id }) else {
                throw ManagementError(
                    "GroupNameExists", .resourceExists, "There is already a group with the id \(group.id).", target: name)
            }
            groups.append(group)
        }
        return group
    }

    /// Gives a group another name. Errors as `createGroup`, and `GroupNotFound`.
    public func renameGroup(_ id: GUID, to name: String) throws {
        try changeGroup(id) { group, others in
            try Self.check(name, in: others)
            group.name = name
        }
    }

    /// Removes a group, not its members; it leaves the groups that it is in.
    public func removeGroup(_ id: GUID) throws {
        try changeGroups { groups in
            guard groups.contains(where: { $0.id == id }) else { throw Self.missing(id.description, among: []) }
            groups.removeAll { $0.id == id }
            for index in groups.indices { groups[index].members.removeAll { $0 == id } }
        }
    }

    /// Puts VMs into a group. Errors: `GroupNotFound`, `GroupKindInvalid`.
    public func addMachines(_ machines: [VirtualMachine], toGroup id: GUID) throws {
        try change(id, kind: .machines) { $0.add(machines.map(\.id)) }
    }

    /// Puts groups of VMs into a group of groups.
    public func addGroups(_ members: [GUID], toGroup id: GUID) throws {
        let known = try groups()
        for member in members {
            guard let member = known.first(where: { $0.id == member }) else { throw Self.missing(member.description, among: []) }
            guard member.kind == .machines else {
                throw ManagementError(
                    "GroupKindInvalid", .invalidArgument, "“\(member.name)” holds groups; only groups of VMs can be in a group.",
                    target: member.name)
            }
        }
        try change(id, kind: .groups) { $0.add(members) }
    }

    /// Takes VMs or groups out of a group; those that are not in it are left alone.
    public func removeMembers(_ members: [GUID], fromGroup id: GUID, kind: VirtualMachineGroup.Kind) throws {
        try change(id, kind: kind) { group in group.members.removeAll { members.contains($0) } }
    }

    /// The groups that the VM itself is in.
    public func groups(of machine: VirtualMachine) throws -> [VirtualMachineGroup] {
        try groups().filter { $0.kind == .machines && $0.members.contains(machine.id) }
    }

    /// A group's VMs that are still there.
    public func machines(in group: VirtualMachineGroup) throws -> [VirtualMachine] {
        guard group.kind == .machines else { return [] }
        return try group.members.compactMap { id in
            do { return try machine(id: id) } catch let error as ManagementError where error.identifier == "VMNotFound" { return nil }
        }
    }

    private func change(_ id: GUID, kind: VirtualMachineGroup.Kind, _ body: (inout VirtualMachineGroup) -> Void) throws {
        try changeGroup(id) { group, _ in
            guard group.kind == kind else {
                let holds = group.kind == .machines ? "VMs" : "groups of VMs"
                throw ManagementError(
                    "GroupKindInvalid", .invalidArgument, "“\(group.name)” holds \(holds) only.",
                    action: "A VMCollectionType group has -VM, a ManagementCollectionType group -VMGroupMember.", target: group.name)
            }
            body(&group)
        }
    }

    private func changeGroup(_ id: GUID, _ body: (inout VirtualMachineGroup, [VirtualMachineGroup]) throws -> Void) throws {
        try changeGroups { groups in
            guard let index = groups.firstIndex(where: { $0.id == id }) else { throw Self.missing(id.description, among: []) }
            try body(&groups[index], groups.filter { $0.id != id })
        }
    }

    private func changeGroups(_ body: (inout [VirtualMachineGroup]) throws -> Void) throws {
        let store = try existingStore()
        try store.locked {
            var document = try GroupDocument.read(in: store)
            try body(&document.groups)
            let living = Set(try store.machineIds())
            for index in document.groups.indices where document.groups[index].kind == .machines {
                document.groups[index].members.removeAll { !living.contains($0) }
            }
            try document.write(in: store)
        }
    }

    private static func check(_ name: String, in groups: [VirtualMachineGroup]) throws {
        let key = VirtualMachineConfiguration.key(ofName: name)
        guard !groups.contains(where: { VirtualMachineConfiguration.key(ofName: $0.name) == key }) else {
            throw ManagementError(
                "GroupNameExists", .resourceExists, "There is already a group “\(name)”.", action: "Choose another name.", target: name)
        }
        do { try VirtualMachineConfiguration.check(name: name) } catch let error as PersistenceError {
            throw ManagementError(
                "GroupNameInvalid", .invalidArgument, error.message.replacing("a VM's name", with: "a group's name"),
                action: error.recommendedAction, target: error.target)
        }
    }

    private static func missing(_ name: String, among names: [String]) -> ManagementError {
        ManagementError(
            "GroupNotFound", .objectNotFound, "There is no group “\(name.prefix(120))” in this store.",
            action: Spelling.nearest(to: name, among: names, limit: 1).first.map { "Did you mean “\($0)”? Get-VMGroup lists them all." }
                ?? "Get-VMGroup lists those that exist.", target: String(name.prefix(120)))
    }
}

extension VirtualMachineGroup {
    fileprivate mutating func add(_ new: [GUID]) { members += new.filter { !members.contains($0) } }
}
