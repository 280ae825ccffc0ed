import DeviceModel
import VMBus

/// What the heartbeat tells of a running guest (Hyper-V's VMHeartbeatStatus; Disabled and Paused are the worker's to know).
package enum HeartbeatStatus: String, Codable, Sendable, CaseIterable {
    /// No driver has answered yet.
    case noContact = "NoContact"
    /// The guest answered once and does no longer.
    case lostCommunication = "LostCommunication"
    /// The guest answers and says nothing of its applications, as Linux.
    case okApplicationsUnknown = "OkApplicationsUnknown"
    case okApplicationsHealthy = "OkApplicationsHealthy"
    case okApplicationsCritical = "OkApplicationsCritical"
    /// The driver knows none of our versions.
    case error = "Error"
}

/// Heartbeat: a counted message every two seconds of partition time that a living guest answers with the next number.
///
///     body   0 u64 number   8 u32 application state (in the answer)   12 reserved up to 40 bytes             struct heartbeat_msg_data
package final class HeartbeatService: IntegrationDevice, StatefulUnit, @unchecked Sendable {
    package struct State: Codable, Sendable {
        var link = Link()
        var beat = Beat()
    }

    /// The part that is this service's own.
    struct Beat: Codable, Sendable {
        var number: UInt64 = 0
        /// Partition time of the next beat; nil: not beating.
        var next: UInt64?
        var hasAnswered = false
        /// The last beat got no answer in time.
        var isLost = false
        /// As the guest last said; 0: unknown.
        var applicationState: UInt32 = 0
    }

    private enum ApplicationState { static let healthy: UInt32 = 1, critical: UInt32 = 2, stopped: UInt32 = 3 }
    /// Nanoseconds.
    private static let period: UInt64 = 2_000_000_000
    private static let answerLimit: UInt64 = 10_000_000_000
    private static let bodySize = 40

    package static let stateVersion = 1
    package let unitName = IntegrationIdentity.heartbeat.unitName
    /// Called in the pump when `heartbeat` has changed.
    package var onChange: ((HeartbeatStatus) -> Void)?
    private var beat = Beat()
    private var timer: (any PartitionTimer)?
    private var told = HeartbeatStatus.noContact

    package init(pump: any ServicePump) {
        super.init(.heartbeat, pump: pump)
        timer = pump.makeTimer(name: unitName) { [weak self] in self?.isDue() }
    }

    package var heartbeat: HeartbeatStatus {
        if status == .incompatible { return .error }
        guard beat.hasAnswered else { return .noContact }
        if beat.isLost { return .lostCommunication }
        return switch beat.applicationState {
        case ApplicationState.healthy: .okApplicationsHealthy
        case ApplicationState.critical, ApplicationState.stopped: .okApplicationsCritical
        default: .okApplicationsUnknown
        }
    }

    override func becameReady() {
        beat = Beat()
        isDue(at: pump.clock.nanoseconds)
    }

    override func becameIncompatible() { tell() }

    private func isDue() {
        guard let next = beat.next, pump.clock.nanoseconds >= next else { return }
        isDue(at: next)
    }

    /// Sends a beat unless one is out, and plans the next.
    private func isDue(at now: UInt64) {
        var body = IntegrationFields()
        body.append(beat.number)
        body.pad(to: Self.bodySize)
        if send(body.bytes, limit: Self.answerLimit, queued: false) { beat.number &+= 1 }
        plan(max(now &+ Self.period, pump.clock.nanoseconds))
    }

    private func plan(_ next: UInt64?) {
        beat.next = next
        timer?.arm(at: next)
    }

    override func answered(_ status: IntegrationStatus, _ body: [UInt8]) {
        let fields = IntegrationFields(body)
        // The number must have gone on: an echo alone is a driver that does not know the message.
        guard status == .success, fields.value(at: 0, as: UInt64.self) == beat.number else { return }
        beat.applicationState = fields.value(at: 8) ?? 0
        (beat.hasAnswered, beat.isLost) = (true, false)
        tell()
    }

    override func unanswered() {
        beat.isLost = true
        tell()
    }

    override func channelClosed() {
        beat = Beat()
        plan(nil)
        tell()
    }

    private func tell() {
        guard heartbeat != told else { return }
        told = heartbeat
        onChange?(told)
    }

    package func saveState() throws(StateError) -> State { State(link: link, beat: beat) }

    package func restoreState(_ state: State, version: Int) throws(StateError) {
        try restoreLink(state.link)
        beat = state.beat
        timer?.arm(at: beat.next)
        tell()
    }
}
