import Basics
import Persistence

/// An adapter of the host itself on a virtual switch: a network interface of this host while the switch runs.
public struct HostAdapter: Sendable {
    public let virtualSwitch: VirtualSwitch
    public let id: GUID

    public init(_ virtualSwitch: VirtualSwitch, id: GUID) { (self.virtualSwitch, self.id) = (virtualSwitch, id) }

    /// Its settings; nil: it was removed, or its switch was.
    public func settings() throws -> VirtualMachineConfiguration.NetworkAdapter? {
        do {
            return try virtualSwitch.configuration().adaptersOfHost.first { $0.id == id }
        } catch let error as ManagementError where error.identifier == "SwitchNotFound" {
            return nil
        }
    }

    /// Name of the host's interface that it is.
    public var interface: String { SwitchConfiguration.interfaceName(of: id) }

    /// The interface's address while it is there, twelve digits.
    public var macAddress: String? {
        VirtualMachineHost.text(of: "/sys/class/net/\(interface)/address").flatMap { text in
            MACAddress.normalised(text.filter { !$0.isWhitespace })
        }
    }

    /// Changes its settings, also while machines are connected. Throws `AdapterNotFound`.
    public func configure(_ change: (inout VirtualMachineConfiguration.NetworkAdapter) throws -> Void) throws {
        try virtualSwitch.configure { configuration in
            var adapters = configuration.adaptersOfHost
            guard let index = adapters.firstIndex(where: { $0.id == id }) else { throw missing() }
            try change(&adapters[index])
            configuration.hostAdapters = adapters
        }
    }

    /// Takes it off the host. Throws `AdapterNotFound`.
    public func remove() throws {
        try virtualSwitch.configure { configuration in
            var adapters = configuration.adaptersOfHost
            guard adapters.contains(where: { $0.id == id }) else { throw missing() }
            adapters.removeAll { $0.id == id }
            configuration.hostAdapters = adapters
        }
    }

    private func missing() -> ManagementError {
        ManagementError(
            "AdapterNotFound", .objectNotFound, "The host has no such adapter on “\(virtualSwitch.name)” any more.",
            action: "Get-VMNetworkAdapter -ManagementOS lists those it has.", target: virtualSwitch.name)
    }
}

extension VirtualSwitch {
    /// Gives the host one more adapter on the switch. Errors: `AdapterNameExists`, `PrivilegeMissing`, `SwitchKindInvalid`.
    public func addHostAdapter(named name: String) throws -> HostAdapter {
        let id = GUID()
        try configure { configuration in
            var adapter = VirtualMachineConfiguration.NetworkAdapter(id: id, macAddress: "")
            adapter.name = name
            configuration.hostAdapters = configuration.adaptersOfHost + [adapter]
        }
        return HostAdapter(self, id: id)
    }
}

extension VirtualMachineHost {
    /// The host's adapters on all switches that can be read, by switch.
    public func hostAdapters() throws -> [(adapter: HostAdapter, settings: VirtualMachineConfiguration.NetworkAdapter)] {
        try switches().flatMap { found in
            ((try? found.configuration())?.adaptersOfHost ?? []).map { (HostAdapter(found, id: $0.id), $0) }
        }
    }

    /// What the host's adapters of a switch must fulfil.
    func checkHostAdapters(_ configuration: SwitchConfiguration) throws {
        guard let adapters = configuration.hostAdapters, !adapters.isEmpty else { return }
        guard configuration.switchType != .private else {
            throw ManagementError(
                "SwitchKindInvalid", .invalidArgument, "“\(configuration.name)” is private: the host has no adapter on it.",
                action: "Make it internal: Set-VMSwitch '\(configuration.name)' -SwitchType Internal", target: configuration.name)
        }
        var names: Set<String> = []
        for adapter in adapters {
            let size = adapter.name.utf8.count
            if let flaw = NameRule.flaw(of: adapter.name) ?? (size > 255 ? "it has \(size) bytes" : nil) {
                throw ManagementError(
                    "AdapterNameInvalid", .invalidArgument, "This cannot be the name of an adapter of the host: \(flaw).",
                    action: "Choose a name of 1 to 255 bytes without control characters.",
                    target: configuration.name)
            }
            guard names.insert(adapter.name.lowercased()).inserted else {
                throw ManagementError(
                    "AdapterNameExists", .resourceExists, "The host has an adapter “\(adapter.name)” on “\(configuration.name)” already.",
                    action: "Choose another name.", target: adapter.name)
            }
            for id in [adapter.vlan?.accessId, adapter.vlan?.nativeId].compactMap(\.self) + (adapter.vlan?.allowedIds ?? [])
            where !(0...4094).contains(id) || id == 0 && adapter.vlan?.mode == "Access" {
                throw ManagementError(
                    "VlanIdOutOfRange", .invalidArgument, "The VLAN id \(id) of “\(adapter.name)” is not within 1 to 4094.",
                    target: adapter.name)
            }
        }
        try HostNetwork.checkPrivilege(for: "An adapter of the host")
    }
}
