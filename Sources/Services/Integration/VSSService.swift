import DeviceModel
import VMBus

/// VSS: freezes and thaws the guest's file systems, so that its disks can be copied consistently (Linux: hv_vss_daemon).
///
///     body   0 u8 operation   1 reserved to 8   8 u32 flags   12 reserved to 32                                     struct hv_vss_msg
///
/// A frozen guest never stays so: a freeze that fails, that is not answered in time, or that nobody thaws within its limit is
/// followed by a thaw of ours, tried again while it fails, and also after the machine was saved and restored meanwhile.
package final class VSSService: IntegrationDevice, StatefulUnit, @unchecked Sendable {
    package typealias Completion = (Result<Void, IntegrationError>) -> Void

    package struct State: Codable, Sendable {
        var link = Link()
        var snapshot = Snapshot()
    }

    /// The part that is this service's own.
    struct Snapshot: Codable, Sendable {
        /// The request whose answer is awaited.
        var pending: Operation?
        var isFrozen = false
        /// Partition time when the service itself thaws; nil: nothing to thaw.
        var thawAt: UInt64?
        var failedThaws = 0
        /// Nanoseconds that the freeze under way may last once it is answered.
        var limit: UInt64 = 0
    }

    /// VSS_OP_….
    enum Operation: UInt8, Codable, Sendable {
        case checkHotBackup = 2
        case freeze = 5
        case thaw = 6
    }

    private static let bodySize = 32
    /// Nanoseconds: writing back everything may take a guest long; a thaw is quick.
    private static let freezeAnswerLimit: UInt64 = 120_000_000_000
    private static let answerLimit: UInt64 = 40_000_000_000
    private static let thawRetry: UInt64 = 5_000_000_000
    private static let thawTries = 5

    package static let stateVersion = 1
    package let unitName = IntegrationIdentity.vss.unitName
    private var snapshot = Snapshot()
    private var completion: ((Result<UInt32, IntegrationError>) -> Void)?
    private var timer: (any PartitionTimer)?

    package init(pump: any ServicePump) {
        super.init(.vss, pump: pump)
        timer = pump.makeTimer(name: unitName) { [weak self] in self?.thawIsDue() }
    }

    /// The guest's file systems are frozen.
    package var isFrozen: Bool { snapshot.isFrozen }

    /// Freezes the guest's file systems. Who is not told of success need not thaw.
    /// - Parameter limit: nanoseconds of partition time until the service thaws by itself.
    package func freeze(limit: UInt64 = 60_000_000_000, completion: @escaping Completion) {
        guard !snapshot.isFrozen else {
            return completion(
                .failure(
                    IntegrationError(
                        .busy, service: identity, message: "The guest's file systems are frozen already.",
                        action: "Thaw them first; they also thaw by themselves when their time is up.")))
        }
        start(.freeze, limit: Self.freezeAnswerLimit) { completion($0.map { _ in }) }
        // A thaw that was still to be tried, after a freeze that failed, is planned anew by this one's end.
        if snapshot.pending == .freeze { (snapshot.limit, snapshot.failedThaws) = (limit, 0) }
    }

    /// Thaws the guest's file systems. When it fails the service goes on trying by itself.
    package func thaw(completion: @escaping Completion) {
        start(.thaw, limit: Self.answerLimit) { completion($0.map { _ in }) }
    }

    /// Asks whether the guest can be frozen while it runs.
    package func checkHotBackup(completion: @escaping (Result<Bool, IntegrationError>) -> Void) {
        start(.checkHotBackup, limit: Self.answerLimit) { completion($0.map { $0 & 1 != 0 }) }
    }

    private func start(_ operation: Operation, limit: UInt64, completion: @escaping (Result<UInt32, IntegrationError>) -> Void) {
        guard snapshot.pending == nil, ask(operation, limit: limit) else { return completion(.failure(unsendable)) }
        self.completion = completion
    }

    private func ask(_ operation: Operation, limit: UInt64) -> Bool {
        var body = IntegrationFields([operation.rawValue])
        body.pad(to: Self.bodySize)
        guard send(body.bytes, limit: limit) else { return false }
        snapshot.pending = operation
        return true
    }

    // MARK: Answers

    override func answered(_ status: IntegrationStatus, _ body: [UInt8]) {
        guard status == .success else { return ended(.failure(error(.refused, status: status))) }
        guard let flags = IntegrationFields(body).value(at: 8, as: UInt32.self) else { return ended(.failure(error(.malformedAnswer))) }
        ended(.success(flags))
    }

    override func unanswered() { ended(.failure(error(.timedOut))) }

    private func ended(_ result: Result<UInt32, IntegrationError>) {
        let (operation, completion) = (snapshot.pending, completion)
        (snapshot.pending, self.completion) = (nil, nil)
        let succeeded = if case .success = result { true } else { false }
        switch operation {
        case .freeze where succeeded:
            snapshot.isFrozen = true
            // Nobody waits for it any longer (restored since): nobody would thaw it.
            plan(thawAt: pump.clock.nanoseconds &+ (completion == nil ? 0 : snapshot.limit))
        case .freeze: plan(thawAt: pump.clock.nanoseconds)
        case .thaw where succeeded: thawed()
        case .thaw: thawFailed()
        case .checkHotBackup, nil: break
        }
        completion?(result)
    }

    private func thawed() {
        (snapshot.isFrozen, snapshot.failedThaws) = (false, 0)
        plan(thawAt: nil)
    }

    private func thawFailed() {
        snapshot.failedThaws &+= 1
        if snapshot.failedThaws < Self.thawTries {
            plan(thawAt: pump.clock.nanoseconds &+ Self.thawRetry)
        } else {
            thawed()
        }
    }

    private func thawIsDue() {
        guard let time = snapshot.thawAt, pump.clock.nanoseconds >= time else { return }
        if snapshot.pending == nil, ask(.thaw, limit: Self.answerLimit) { return plan(thawAt: nil) }
        plan(thawAt: pump.clock.nanoseconds &+ Self.thawRetry)
    }

    private func plan(thawAt time: UInt64?) {
        snapshot.thawAt = time
        timer?.arm(at: time)
    }

    override func channelClosed() {
        snapshot = Snapshot()
        timer?.arm(at: nil)
        tell(.failure(error(.disconnected)))
    }

    package override func interrupt() { tell(.failure(error(.interrupted))) }

    private func tell(_ result: Result<UInt32, IntegrationError>) {
        let completion = completion
        self.completion = nil
        completion?(result)
    }

    // MARK: Saved state

    package func saveState() throws(StateError) -> State { State(link: link, snapshot: snapshot) }

    package func restoreState(_ state: State, version: Int) throws(StateError) {
        try restoreLink(state.link)
        snapshot = state.snapshot
        timer?.arm(at: snapshot.thawAt)
    }
}
