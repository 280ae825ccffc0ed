import Basics
import CHost
import Glibc
import Persistence

/// What a new switch is to be.
public struct VirtualSwitchSpecification: Sendable {
    public var name: String
    public var switchType: SwitchConfiguration.Kind
    public var notes = ""
    /// NAT; nil: a free network 192.168.x.0/24 is chosen.
    public var natSubnet: String?
    /// External: a bridge or TAP device of this host, or several as a team.
    public var netAdapterNames: [String] = []
    public var isTeam = false

    public init(name: String, switchType: SwitchConfiguration.Kind) { (self.name, self.switchType) = (name, switchType) }
}

extension VirtualMachineHost {
    /// All switches, sorted by name. One whose configuration cannot be read is listed under its id.
    public func switches() throws -> [VirtualSwitch] {
        guard let store = try store() else { return [] }
        return try store.switches().map { folder in
            VirtualSwitch(id: folder.id, name: (try? folder.readConfiguration().name) ?? folder.id.description, host: self)
        }.sorted { ($0.name.lowercased(), $0.id.description) < ($1.name.lowercased(), $1.id.description) }
    }

    /// Throws `SwitchNotFound`.
    public func virtualSwitch(id: GUID) throws -> VirtualSwitch {
        guard let folder = try store()?.switchFolder(id) else { throw ManagementError.switchNotFound(id.description, nearest: nil) }
        return VirtualSwitch(id: id, name: (try? folder.readConfiguration().name) ?? id.description, host: self)
    }

    /// The switch of that very name, without regard to case. Throws `SwitchNotFound` with the nearest name.
    public func virtualSwitch(named name: String) throws -> VirtualSwitch {
        let all = try switches()
        if let found = all.first(where: { $0.name.lowercased() == name.lowercased() }) { return found }
        throw ManagementError.switchNotFound(
            String(name.prefix(120)), nearest: Spelling.nearest(to: name, among: all.map(\.name), limit: 1).first)
    }

    /// Switches whose names match a pattern of `* ? [a-z]`, sorted by name; none is no error.
    public func switches(matching pattern: String) throws -> [VirtualSwitch] {
        let wanted = WildcardPattern(pattern)
        return try switches().filter { wanted.matches($0.name) }
    }

    /// Makes a switch. Errors: `SwitchNameInvalid`, `SwitchNameExists`, `NatSubnetInvalid`, `NatSubnetInUse`, `PrivilegeMissing`, `NetAdapterNotFound`, `NetAdapterUnusable`.
    public func createSwitch(_ specification: VirtualSwitchSpecification) throws -> VirtualSwitch {
        var configuration = SwitchConfiguration(
            id: GUID(), name: specification.name, switchType: specification.switchType, creationTime: HostTime.wall())
        configuration.notes = specification.notes
        configuration.netAdapterName = specification.netAdapterNames.first
        configuration.netAdapterNames = specification.isTeam ? specification.netAdapterNames : nil
        configuration.natSubnet = specification.natSubnet
        try configuration.check()
        if configuration.switchType == .nat, configuration.natSubnet == nil { configuration.natSubnet = try freeSubnet() }
        try check(configuration)
        let store = try existingStore()
        try store.locked {
            try checkName(configuration.name, in: store, except: nil)
            try store.create(configuration)
        }
        return VirtualSwitch(id: configuration.id, name: configuration.name, host: self)
    }

    func checkName(_ name: String, in store: Store, except id: GUID?) throws {
        for folder in try store.switches() where folder.id != id {
            guard let other = try? folder.readConfiguration().name, other.lowercased() == name.lowercased() else { continue }
            throw ManagementError(
                "SwitchNameExists", .resourceExists,
                "There is already a switch “\(other)”; names are unique within a store without regard to case.",
                action: "Choose another name, or remove the other switch with Remove-VMSwitch.", target: name)
        }
    }

    /// Beyond the document's own rules: what this host can do.
    func check(_ configuration: SwitchConfiguration) throws {
        try configuration.check()
        try checkHostAdapters(configuration)
        switch configuration.switchType {
        case .private: break
        case .nat:
            guard let subnet = configuration.natSubnet else {
                throw ManagementError(
                    "NatSubnetMissing", .invalidArgument, "“\(configuration.name)” has no network to translate addresses for.",
                    action: "Name one: Set-VMSwitch '\(configuration.name)' -SwitchType NAT -NatSubnet 192.168.100.0/24",
                    target: configuration.name)
            }
            guard let range = SubnetText.range(subnet) else {
                throw ManagementError(
                    "NatSubnetInvalid", .invalidArgument, "“\(subnet.prefix(64))” is no network for a NAT switch.",
                    action: "Give an IPv4 network with a prefix of 8 to 27, like 192.168.100.0/24.", target: configuration.name)
            }
            for mapping in configuration.mappings ?? [] {
                guard let address = SubnetText.address(mapping.internalAddress), range.contains(address),
                    SubnetText.address(mapping.externalAddress) != nil
                else {
                    throw ManagementError(
                        "MappingInvalid", .invalidArgument,
                        "The mapping of \(mapping.externalAddress) port \(mapping.externalPort) to “\(mapping.internalAddress)” cannot be.",
                        action: "Name an IPv4 address of this host (0.0.0.0: all) and an internal address within \(subnet).",
                        target: configuration.name)
                }
            }
        case .internal: try HostNetwork.checkPrivilege(for: "An internal switch")
        case .external:
            for adapter in configuration.uplinkNames { try Self.checkUplink(adapter) }
        }
    }

    private static func checkUplink(_ adapter: String) throws {
        switch lv_interface_kind(adapter) {
        case 1, 2: try HostNetwork.checkPrivilege(for: "An external switch")
        case 0:
            throw ManagementError(
                "NetAdapterUnusable", .invalidArgument, "“\(adapter)” is neither a bridge nor a TAP device.",
                action:
                    "Make a bridge that holds it (ip link add br0 type bridge; ip link set \(adapter) master br0; move its addresses to br0) and name the bridge.",
                target: adapter)
        default:
            throw ManagementError(
                "NetAdapterNotFound", .objectNotFound, "There is no network interface “\(adapter)” on this host.",
                action: "ip link lists those that exist.", target: adapter)
        }
    }

    /// A network that no other NAT switch of the store has.
    private func freeSubnet() throws -> String {
        let taken = try switches().compactMap { try? $0.configuration().natSubnet }.compactMap(SubnetText.range)
        for third in [100] + Array(101...254) + Array(1...99) {
            let text = "192.168.\(third).0/24"
            if let range = SubnetText.range(text), !taken.contains(where: { $0.overlaps(range) }) { return text }
        }
        throw ManagementError(
            "NatSubnetInUse", .resourceUnavailable, "All networks 192.168.x.0/24 belong to NAT switches.",
            action: "Name one with -NatSubnet.")
    }

    /// The adapters that are connected to a switch, running or not.
    func adapters(on id: GUID) throws -> [(machine: VirtualMachine, adapter: String)] {
        try machines().flatMap { machine in
            ((try? machine.configuration())?.networkAdapters ?? []).filter { $0.switchId == id }.map { (machine, $0.name) }
        }
    }
}

/// IPv4 networks in writing.
enum SubnetText {
    static func address(_ text: String) -> UInt32? {
        var address = in_addr()
        return inet_pton(AF_INET, text, &address) == 1 ? UInt32(bigEndian: address.s_addr) : nil
    }

    /// The addresses of a network like 192.168.100.0/24 with a prefix of 8 to 27; nil for anything else.
    static func range(_ text: String) -> ClosedRange<UInt32>? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, let first = address(parts[0]), let prefix = UInt32(parts[1]), 8...27 ~= prefix, first != 0 else {
            return nil
        }
        let rest = UInt32.max >> prefix
        return first & rest == 0 ? first...(first + rest) : nil
    }
}

/// What this host lets this process do to its network.
enum HostNetwork {
    /// CAP_NET_ADMIN (capabilities(7), bit 12) and /dev/net/tun, without which there is no TAP device.
    static func checkPrivilege(for what: String) throws {
        let line = (try? OpenFile(descriptor: open("/proc/self/status", O_RDONLY | O_CLOEXEC), path: "status").read(at: 0, count: 8192))
            .map { String(decoding: $0, as: UTF8.self) }?.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
        let mask = line.flatMap { UInt64($0.dropFirst(7).filter { !$0.isWhitespace }, radix: 16) } ?? 0
        guard mask >> 12 & 1 != 0 else {
            throw ManagementError(
                "PrivilegeMissing", .permissionDenied, "\(what) needs the privilege CAP_NET_ADMIN, which this user does not have.",
                action:
                    "Run as root, give the program the privilege (setcap cap_net_admin+ep), or use a switch that needs none: -SwitchType NAT."
            )
        }
        guard access("/dev/net/tun", R_OK | W_OK) == 0 else {
            throw ManagementError(
                "NetAdapterUnusable", .resourceUnavailable, "\(what) needs /dev/net/tun, which cannot be opened here.",
                action: "Load the module tun, or use a switch that needs none: -SwitchType NAT.")
        }
    }
}

extension ManagementError {
    static func switchNotFound(_ name: String, nearest: String?) -> ManagementError {
        ManagementError(
            "SwitchNotFound", .objectNotFound, "There is no virtual switch “\(name)” in this store.",
            action: nearest.map { "Did you mean “\($0)”? Get-VMSwitch lists them all." }
                ?? "Get-VMSwitch lists those that exist; New-VMSwitch makes one.",
            target: name)
    }
}
