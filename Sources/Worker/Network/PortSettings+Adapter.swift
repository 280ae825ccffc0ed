import Basics
import Network
import Persistence

extension PortSettings {
    /// What the switch must know of a configured adapter. Throws a `NetworkError` for settings that cannot be.
    init(
        adapter: VirtualMachineConfiguration.NetworkAdapter, virtualMachineId: GUID, virtualMachineName: String
    ) throws {
        self.init(
            adapterId: adapter.id, virtualMachineId: virtualMachineId, virtualMachineName: virtualMachineName, adapterName: adapter.name,
            macAddress: adapter.macAddress)
        switch adapter.vlan?.mode {
        case "Access": vlan = .access(adapter.vlan?.accessId ?? 0)
        case "Trunk": vlan = .trunk(native: adapter.vlan?.nativeId ?? 0, allowed: adapter.vlan?.allowedIds ?? [])
        default: vlan = .untagged
        }
        (macAddressSpoofing, dhcpGuard, routerGuard) = (adapter.macAddressSpoofing, adapter.dhcpGuard, adapter.routerGuard)
        (mirroring, maximumBandwidth) = (adapter.portMirroring, adapter.maximumBandwidth)
        accessRules = (adapter.accessRules ?? []).map {
            PortAccessRule(
                action: $0.action, direction: $0.direction, localAddress: $0.localAddress, remoteAddress: $0.remoteAddress)
        }
        try check()
    }
}
