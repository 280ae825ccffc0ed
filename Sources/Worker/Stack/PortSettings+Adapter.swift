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
        if let vlan = adapter.effectiveVLAN {
            switch vlan.mode {
            case "Access": self.vlan = .access(vlan.accessId ?? 0)
            case "Trunk": self.vlan = .trunk(native: vlan.nativeId ?? 0, allowed: vlan.allowedIds ?? [])
            default: break
            }
        }
        macAddressSpoofing = adapter.macAddressSpoofing
        (dhcpGuard, routerGuard) = (adapter.dhcpGuard, adapter.routerGuard)
        mirroring = adapter.portMirroring
        teamMember = adapter.teamMember
        maximumBandwidth = adapter.maximumBandwidth
        accessRules = (adapter.accessRules ?? []).map {
            PortAccessRule(action: $0.action, direction: $0.direction, localAddress: $0.localAddress, remoteAddress: $0.remoteAddress)
        }
        extendedRules = adapter.extendedRules?.map { rule in
            var port = PortExtendedRule(isAllowing: rule.action == "Allow", isInbound: rule.direction == "Inbound", weight: rule.weight)
            (port.localAddress, port.remoteAddress) = (rule.localAddress, rule.remoteAddress)
            port.localPorts = rule.localPort.flatMap { PortRange($0)?.ports }
            port.remotePorts = rule.remotePort.flatMap { PortRange($0)?.ports }
            port.transport = rule.transport
            // The module's default.
            port.idleTimeout = rule.isStateful ? rule.idleSessionTimeout ?? 255 : nil
            return port
        }
        try check()
    }
}
