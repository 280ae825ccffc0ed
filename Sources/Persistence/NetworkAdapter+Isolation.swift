/// Isolation of a guest's traffic is a VLAN setting of its port by another name.
extension VirtualMachineConfiguration.NetworkAdapter {
    /// What the port does: the VLAN, or what isolation makes of it.
    public var effectiveVLAN: VirtualMachineConfiguration.VLAN? {
        guard let isolation else { return vlan }
        guard isolation.isMultiTenant else {
            guard isolation.defaultId != 0 else { return nil }
            var access = VirtualMachineConfiguration.VLAN(mode: "Access")
            access.accessId = isolation.defaultId
            return access
        }
        var trunk = VirtualMachineConfiguration.VLAN(mode: "Trunk")
        trunk.nativeId = isolation.allowsUntagged ? isolation.defaultId : VirtualMachineConfiguration.noNetwork
        trunk.allowedIds = Array(Set((routingDomains ?? []).flatMap(\.isolationIds))).sorted()
        return trunk
    }
}

extension VirtualMachineConfiguration {
    /// The VLAN of frames that belong nowhere: 4095 is reserved (IEEE 802.1Q, table 9-2), and no port has it.
    public static let noNetwork = 4095
}
