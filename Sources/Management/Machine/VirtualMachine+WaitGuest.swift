import Basics
import Glibc
import Persistence
import WorkerProtocol

/// What the guest reports of itself, to be waited for.
public enum GuestCondition: Sendable {
    /// The heartbeat service hears the guest.
    case heartbeat
    /// One of the guest's adapters has an address that others can reach.
    case ipAddress
    /// The guest's memory driver is there.
    case memoryOperations
    /// The guest has restarted since its count of resets was this (`VirtualMachine.resetCount`); nil: since the call.
    case reboot(since: UInt64? = nil)

    /// Completes “… within N s”.
    var missing: String {
        switch self {
        case .heartbeat: "had no heartbeat"
        case .ipAddress: "reported no IP address"
        case .memoryOperations: "was not ready for memory operations"
        case .reboot: "did not restart"
        }
    }

    /// The service that reports it.
    var service: IntegrationService? {
        switch self {
        case .heartbeat: .heartbeat
        case .ipAddress: .keyValuePairExchange
        case .memoryOperations, .reboot: nil
        }
    }
}

extension VirtualMachine {
    /// How often the guest was reset or restarted since its worker began; 0 when off.
    public func resetCount() throws -> UInt64 { try guestInformation()?.resets ?? 0 }

    /// Waits until the guest reports the condition, looking every `interval` seconds. Errors: `WaitTimeout`, `OperationStopped`,
    /// `IntegrationServiceDisabled` at once when the service that would report it is off.
    public func wait(
        forGuest condition: GuestCondition, timeout: Double? = nil, interval: Double = 0.25, isCancelled: () -> Bool = { false }
    ) throws {
        let end = timeout.map { WorkerClient.deadline($0) } ?? .max
        var first: (start: Int64?, resets: UInt64)?
        while true {
            if isCancelled() { throw ManagementError.stopped }
            if let service = condition.service, try !configuration().isEnabled(service) {
                throw ManagementError(
                    "IntegrationServiceDisabled", .invalidOperation,
                    "The integration service “\(service.rawValue)” of “\(name)” is off, so nothing could be waited for.",
                    action: "Enable-VMIntegrationService '\(service.rawValue)' \(name)", target: name)
            }
            if case .reboot(let since) = condition {
                let status = try status()
                let now = (start: status.startTime, resets: try resetCount())
                if let since, status.state == .running, now.resets > since { return }
                if let first, status.state == .running, now.start != first.start || now.resets > first.resets { return }
                if first == nil { first = now }
            } else if let information = try guestInformation(), condition.holds(information) {
                return
            }
            let now = HostTime.monotonic()
            guard now < end else {
                throw timedOut(
                    condition.missing, timeout, action: "Get-VMIntegrationService \(name) shows which services answer.")
            }
            var left = min(UInt64(interval * 1e9), end - now)
            while left > 0, !isCancelled() {
                let part = min(left, 100_000_000)
                usleep(useconds_t(part / 1_000 + 1))
                left -= part
            }
        }
    }
}

extension GuestCondition {
    fileprivate func holds(_ information: GuestInformation) -> Bool {
        switch self {
        case .heartbeat: information.heartbeat.hasPrefix("Ok")
        case .ipAddress: information.adapters.contains { $0.ipAddresses.contains(where: Self.isReachable) }
        case .memoryOperations: information.memory.isReady
        case .reboot: false
        }
    }

    /// Neither loopback nor link-local (RFC 3927, RFC 4291 2.4).
    private static func isReachable(_ address: String) -> Bool {
        let text = address.lowercased()
        return !text.isEmpty && !["127.", "169.254.", "fe8", "fe9", "fea", "feb", "0."].contains(where: text.hasPrefix) && text != "::1"
    }
}
