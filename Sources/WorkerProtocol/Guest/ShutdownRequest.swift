/// Asks the guest, through its shutdown service, to shut down or restart. The answer comes when the guest's driver has answered; that the
/// VM then stops shows as its state. Errors: `IntegrationServiceDisabled` (the service is off), `IntegrationServiceMissing` (the guest has
/// not opened it), `GuestNotResponding` (no answer within `timeoutSeconds`), `GuestRefused` (with the guest's status code).
package struct ShutdownRequest: WorkerRequest {
    package typealias Reply = Done
    package static let name = "shutdown"

    package enum Kind: String, Codable, Sendable { case shutdown, restart }
    package var kind: Kind
    /// The guest shall not wait for its programs.
    package var isForced: Bool
    /// How long the guest's driver may take to answer.
    package var timeoutSeconds: Double
    /// Text for the guest's log.
    package var reason: String

    package init(_ kind: Kind, isForced: Bool, timeoutSeconds: Double, reason: String) {
        (self.kind, self.isForced, self.timeoutSeconds, self.reason) = (kind, isForced, timeoutSeconds, reason)
    }
}
