import Basics

/// An adapter of the host itself on a switch, as the engine takes it.
package struct HostAdapterPort: Sendable {
    package let id: GUID
    /// Name of the host's network interface.
    package let interface: String
    package let rules: PortRules
    /// Name of the uplink that its frames leave by; nil: the switch chooses.
    package let teamMember: String?

    /// Throws a `NetworkError` for settings that cannot be. The host chooses its own address, so any source may send.
    package init(id: GUID, interface: String, settings: PortSettings) throws {
        var settings = settings
        settings.macAddressSpoofing = true
        (self.id, self.interface, rules, teamMember) = (id, interface, try PortRules(settings), settings.teamMember)
    }
}
