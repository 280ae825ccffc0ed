import DeviceModel
import VMBus

/// Shutdown: asks the guest's system to power off or to restart in order.
///
///     body   0 u32 reason   4 u32 seconds until it is due   8 u32 flags   12 2,048 bytes of text (UTF-16)     struct shutdown_msg_data
///
/// The guest answers that it will (or will not); the end of it is seen elsewhere, as the machine's power off or reset.
package final class ShutdownService: IntegrationDevice, StatefulUnit, @unchecked Sendable {
    package enum Kind: String, Codable, Sendable { case powerOff, restart }
    package typealias Completion = (Result<Void, IntegrationError>) -> Void

    package struct State: Codable, Sendable {
        var link = Link()
    }

    private enum Flags { static let force: UInt32 = 1, restart: UInt32 = 2 }
    /// SHTDN_REASON_FLAG_PLANNED.
    private static let plannedReason: UInt32 = 0x8000_0000
    private static let textUnits = 1024
    /// Linux answers before it begins; a guest that does not within 30 s hangs.
    private static let answerLimit: UInt64 = 30_000_000_000
    /// Restart is a flag that came with this version.
    private static let restartVersion = IntegrationVersion(3, 1)

    package static let stateVersion = 1
    package let unitName = IntegrationIdentity.shutdown.unitName
    private var completion: Completion?

    package init(pump: any ServicePump) { super.init(.shutdown, pump: pump) }

    /// Asks the guest. Success means that it accepted and will power off or restart in its own time.
    /// - Parameters:
    ///   - force: programs that refuse are ended (Linux always does).
    ///   - reason: shown to the guest's users; cut after 1,023 UTF-16 units.
    package func requestShutdown(_ kind: Kind, force: Bool, reason: String, completion: @escaping Completion) {
        if kind == .restart, let version = negotiatedVersion, version < Self.restartVersion {
            return completion(.failure(error(.notSupported)))
        }
        var body = IntegrationFields()
        body.append(Self.plannedReason)
        body.append(UInt32(0))
        body.append((force ? Flags.force : 0) | (kind == .restart ? Flags.restart : 0))
        for unit in reason.utf16.prefix(Self.textUnits - 1) { body.append(unit) }
        body.pad(to: 12 + Self.textUnits * 2)
        guard send(body.bytes, limit: Self.answerLimit) else { return completion(.failure(unsendable)) }
        self.completion = completion
    }

    override func answered(_ status: IntegrationStatus, _ body: [UInt8]) {
        finish(status == .success ? .success(()) : .failure(error(.refused, status: status)))
    }

    override func unanswered() { finish(.failure(error(.timedOut))) }
    override func channelClosed() { finish(.failure(error(.disconnected))) }
    package override func interrupt() { finish(.failure(error(.interrupted))) }

    private func finish(_ result: Result<Void, IntegrationError>) {
        let completion = completion
        self.completion = nil
        completion?(result)
    }

    package func saveState() throws(StateError) -> State { State(link: link) }

    package func restoreState(_ state: State, version: Int) throws(StateError) { try restoreLink(state.link) }
}
