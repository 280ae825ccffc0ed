import Persistence

extension VirtualSwitch {
    /// Leads a port of the host to a guest behind the NAT switch, at once where it runs. Ids are unique within the store. Throws
    /// `SwitchNotNat`, `MappingExists`, `PortInUse`, `MappingInvalid`.
    public func addMapping(
        transport: String, externalAddress: String, externalPort: Int, internalAddress: String, internalPort: Int
    ) throws -> SwitchConfiguration.Mapping {
        var mapping = SwitchConfiguration.Mapping(
            id: 0, transport: transport, externalAddress: externalAddress, externalPort: externalPort,
            internalAddress: internalAddress, internalPort: internalPort)
        try configure { configuration in
            guard configuration.switchType == .nat else { throw notNat() }
            let clash = (configuration.mappings ?? []).first {
                $0.transport == transport && $0.externalPort == externalPort && $0.externalAddress == externalAddress
            }
            if let clash {
                throw ManagementError(
                    "MappingExists", .resourceExists,
                    "\(transport) port \(externalPort) of \(externalAddress) already leads to \(clash.internalAddress) port \(clash.internalPort).",
                    action: "Remove that mapping first: Remove-NetNatStaticMapping -StaticMappingID \(clash.id)", target: name)
            }
            // Under the store's lock: nobody else takes the number meanwhile.
            let numbers = 0..<Int(UInt32.max)
            let taken = Set(try host.switches().flatMap { (try? $0.configuration().mappings) ?? [] }.map(\.id))
            let next = (taken.filter(numbers.contains).max() ?? -1) + 1
            mapping.id = numbers.contains(next) ? next : numbers.first { !taken.contains($0) } ?? 0
            configuration.mappings = (configuration.mappings ?? []) + [mapping]
        }
        return mapping
    }

    /// Takes a mapping away, at once where the switch runs; one that is not there is fine.
    public func removeMapping(id: Int) throws {
        try configure { $0.mappings = ($0.mappings ?? []).filter { $0.id != id } }
    }

    private func notNat() -> ManagementError {
        ManagementError(
            "SwitchNotNat", .invalidOperation, "“\(name)” is no NAT switch; only these have port mappings.",
            action: "Make one: New-VMSwitch NAME -SwitchType NAT", target: name)
    }
}
