import Basics
import Management
import Persistence

/// The VLAN of a network adapter.
final class VlanSettingObject: MachinePart {
    let machine: VirtualMachine
    private let adapter: AdapterConfiguration

    init(_ machine: VirtualMachine, _ adapter: AdapterConfiguration) { (self.machine, self.adapter) = (machine, adapter) }

    var type: ObjectType { .vlanSetting }
    var identity: String { "\(machine.id)\\\(adapter.id)\\VLAN" }
    var displayName: String { "VLAN of \(adapter.name)" }

    func fields(_ view: MachineView) -> [(name: String, value: Value)]? {
        guard let now = view.configuration.adapters.first(where: { $0.id == adapter.id }) else { return nil }
        return Self.fields(of: now.vlan) + [
            ("VMNetworkAdapterName", .string(now.name)), ("ParentAdapter", .object(NetworkAdapterObject(machine, now))),
        ]
    }

    /// What a VLAN says of itself.
    static func fields(of vlan: VirtualMachineConfiguration.VLAN?) -> [(name: String, value: Value)] {
        let vlan = vlan ?? .init(mode: "Untagged")
        let allowed = vlan.allowedIds ?? []
        let list =
            switch vlan.mode {
            case "Access": "\(vlan.accessId ?? 0)"
            case "Trunk": "\(vlan.nativeId ?? 0),\(VlanList.text(allowed))"
            default: ""
            }
        return [
            ("OperationMode", .string(vlan.mode)), ("Mode", .string(vlan.mode)), ("AccessVlanId", .count(vlan.accessId ?? 0)),
            ("NativeVlanId", .count(vlan.nativeId ?? 0)), ("AllowedVlanIdList", .list(allowed.map { .count($0) })),
            ("AllowedVlanIdListString", .string(VlanList.text(allowed))), ("VlanList", .string(list)),
        ]
    }
}

extension ObjectType {
    static let vlanSetting = ObjectType(
        name: "VMNetworkAdapterVlanSetting",
        properties: [
            .init("VMNetworkAdapterName", "String", "Name of the adapter."),
            .init("OperationMode", "VMNetworkAdapterVlanMode", "Untagged, Access or Trunk."),
            .init("Mode", "VMNetworkAdapterVlanMode", "As OperationMode."),
            .init("AccessVlanId", "Int32", "Access: the VLAN; else 0."),
            .init("NativeVlanId", "Int32", "Trunk: the VLAN of untagged frames; else 0."),
            .init("AllowedVlanIdList", "Int32[]", "Trunk: the VLANs that pass."),
            .init("AllowedVlanIdListString", "String", "The same with ranges."),
            .init("VlanList", "String", "What the mode needs, in short."),
            .init("ParentAdapter", "VMNetworkAdapter", "The adapter."),
        ] + ComponentObject.common)
}

/// Lists of VLAN ids with ranges, as the module writes them: `1-100,200`.
enum VlanList {
    /// nil: not such a list. Ids out of range are kept, for a message that names them.
    static func parse(_ text: String) -> [Int]? {
        var ids: Set<Int> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.filter { !$0.isWhitespace }.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard ends.count == 1 || ends.count == 2, let first = ends[0], let last = ends[ends.count - 1], first <= last else {
                return nil
            }
            guard first >= 0, last <= 65_535 else { return nil }
            ids.formUnion(first...last)
        }
        return ids.sorted()
    }

    static func text(_ ids: [Int]) -> String {
        var ranges: [ClosedRange<Int>] = []
        for id in ids.sorted() {
            if let last = ranges.last, last.upperBound + 1 == id {
                ranges[ranges.count - 1] = last.lowerBound...id
            } else {
                ranges.append(id...id)
            }
        }
        return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ",")
    }
}
