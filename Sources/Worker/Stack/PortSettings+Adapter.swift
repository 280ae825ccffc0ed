import Basics
import Network
import Persistence

extension PortSettings {
    /// A port as the configuration describes its adapter. Throws where a setting is out of range.
    init(
        adapter: VirtualMachineConfiguration.NetworkAdapter, virtualMachineId: GUID, virtualMachineName: String
    ) throws {
        self.init(
            adapterId: adapter.id, virtualMachineId: virtualMachineId, virtualMachineName: virtualMachineName, adapterName: adapter.name,
            macAddress: adapter.macAddress)
        if let vlan = adapter.vlan {
            switch vlan.mode {
            case "Access": self.vlan = .access(vlan.accessId ?? 0)
            case "Trunk": self.vlan = .trunk(native: vlan.nativeId ?? 0, allowed: vlan.allowedIds ?? [])
            default: break
            }
        }
        macAddressSpoofing = adapter.macAddressSpoofing
        (dhcpGuard, routerGuard) = (adapter.dhcpGuard, adapter.routerGuard)
        mirroring = adapter.portMirroring
        maximumBandwidth = adapter.maximumBandwidth
        accessRules = (adapter.accessRules ?? []).map {
            PortAccessRule(action: $0.action, direction: $0.direction, localAddress: $0.localAddress, remoteAddress: $0.remoteAddress)
        }
        try check()
    }
}
