import Basics
import Management
import Persistence

/// A group of virtual machines, or of groups, as a live handle.
final class VMGroupObject: LiveObject {
    let host: VirtualMachineHost
    let id: GUID
    private let name: String

    init(_ host: VirtualMachineHost, _ group: VirtualMachineGroup) { (self.host, id, name) = (host, group.id, group.name) }

    var type: ObjectType { .vmGroup }
    var identity: String { id.description }
    var displayName: String { (try? host.group(id: id))?.name ?? name }

    func snapshot() throws -> Record {
        guard let group = try host.groups().first(where: { $0.id == id }) else {
            let known: [String: Value] = ["Name": .string(name), "InstanceId": .string(identity), "IsDeleted": .boolean(true)]
            return Record(typeName: type.name, type.properties.map { ($0.name, known[$0.name] ?? .null) })
        }
        let inner = group.kind == .groups ? try host.groups().filter { group.members.contains($0.id) } : []
        return Record(
            typeName: type.name,
            [
                ("Name", .string(group.name)), ("InstanceId", .string(identity)), ("GroupType", .string(group.kind.rawValue)),
                ("VMMembers", .list(try host.machines(in: group).map { .object(VirtualMachineObject($0)) })),
                ("VMGroupMembers", .list(inner.map { .object(VMGroupObject(host, $0)) })), ("ComputerName", .string(LocalHost.name)),
                ("IsDeleted", .boolean(false)),
            ])
    }
}

extension ObjectType {
    static let vmGroup = ObjectType(
        name: "VMGroup",
        properties: [
            .init("Name", "String", "Name, unique among the store's groups without regard to letter case."),
            .init("InstanceId", "Guid", "Identifier that never changes."),
            .init("GroupType", "GroupType", "VMCollectionType: of machines; ManagementCollectionType: of groups of machines."),
            .init("VMMembers", "VirtualMachine[]", "Its virtual machines."),
            .init("VMGroupMembers", "VMGroup[]", "Its groups."),
            .init("ComputerName", "String", "The host it is on."),
            .init("IsDeleted", "Boolean", "Whether it has been removed."),
        ])
}

extension Parameter {
    /// -Name of one group.
    static func groupName(sets: [String], mandatory: Bool = true, many: Bool = false) -> Parameter {
        Parameter(
            "Name", .string, many ? "Names of groups; wildcards are accepted." : "Name of the group.", sets: sets, mandatory: mandatory,
            position: 0, many: many, wildcards: many)
    }

    static func groupId(sets: [String]) -> Parameter {
        Parameter("Id", .guid, "Identifier of the group.", sets: sets, mandatory: true, position: 0)
    }

    static func groupObject(sets: [String], pipeline: PipelineBinding = [], many: Bool = false) -> Parameter {
        Parameter(
            "VMGroup", .object("VMGroup"), "The group, as Get-VMGroup gives it.", sets: sets, mandatory: true, position: 0,
            pipeline: pipeline, many: many)
    }
}

extension Invocation {
    /// The groups that -VMGroup, -Id or -Name mean; a pattern may match none. Throws `GroupNotFound`.
    func groups() throws -> [VirtualMachineGroup] {
        let host = context.host
        if let objects = list("VMGroup") { return try objects.compactMap { try $0.groupObject.map { try host.group(id: $0.id) } } }
        if let id = string("Id").flatMap({ GUID($0) }) { return [try host.group(id: id)] }
        return try (list("Name") ?? []).flatMap { name in
            guard WildcardPattern.isPattern(name.text) else { return [try host.group(named: name.text)] }
            let pattern = WildcardPattern(name.text)
            return try host.groups().filter { pattern.matches($0.name) }
        }
    }

    /// Emits a group.
    func emit(_ group: VirtualMachineGroup) throws { try emit(.object(VMGroupObject(context.host, group))) }
}

extension Value {
    var groupObject: VMGroupObject? { if case .object(let object) = self { object as? VMGroupObject } else { nil } }
}
