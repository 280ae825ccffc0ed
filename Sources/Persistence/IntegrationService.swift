/// The integration services of a VM, with the real module's names.
public enum IntegrationService: String, Codable, CaseIterable, Sendable {
    case guestServiceInterface = "Guest Service Interface"
    case heartbeat = "Heartbeat"
    case keyValuePairExchange = "Key-Value Pair Exchange"
    case shutdown = "Shutdown"
    case timeSynchronization = "Time Synchronization"
    case vss = "VSS"

    /// As in a new VM of the real module: all but guest file copy.
    public var isEnabledByDefault: Bool { self != .guestServiceInterface }

    /// The service of that name in any letter case.
    public init?(named name: String) {
        guard let found = Self.allCases.first(where: { $0.rawValue.lowercased() == name.lowercased() }) else { return nil }
        self = found
    }
}

extension VirtualMachineConfiguration {
    /// Whether the VM offers the service to its guest.
    public func isEnabled(_ service: IntegrationService) -> Bool { integrationServices?[service.rawValue] ?? service.isEnabledByDefault }

    public mutating func enable(_ service: IntegrationService, _ isEnabled: Bool) {
        var settings = integrationServices ?? [:]
        settings[service.rawValue] = isEnabled == service.isEnabledByDefault ? nil : isEnabled
        integrationServices = settings.isEmpty ? nil : settings
    }
}
