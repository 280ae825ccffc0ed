import Basics
import DeviceModel
import VMBus

/// Key-value exchange: reads what the guest tells of itself, writes pairs into it, and sets its addresses (Linux: hv_kvp_daemon).
///
/// The service asks by itself: the network addresses every 10 s of partition time (every 2 s until there are some, in the first two
/// minutes: somebody may wait for them), everything every 60 s and after a change. Requests of the host go before.
/// Without the daemon a Linux driver answers negotiation late and everything else with failure; then the service asks again every 10 s.
package final class KeyValueExchangeService: IntegrationDevice, StatefulUnit, @unchecked Sendable {
    package typealias Completion = (Result<Void, IntegrationError>) -> Void

    package struct State: Codable, Sendable {
        var link = Link()
        var information = GuestInformation()
        var refresh: KeyValueRefresh?
        /// The awaited answer belongs to `refresh`, not to a request of the host.
        var isRefreshing = false
        /// Partition times of the next short and the next complete round; nil: not connected.
        var nextRound: UInt64?
        var nextCompleteRound: UInt64 = 0
        /// Partition time when versions were agreed on.
        var readySince: UInt64 = 0
    }

    /// A request of the host's.
    private struct Request {
        let body: [UInt8]
        let completion: Completion
    }

    /// Nanoseconds.
    private static let period: UInt64 = 10_000_000_000
    private static let eagerPeriod: UInt64 = 2_000_000_000
    private static let eagerTime: UInt64 = 120_000_000_000
    private static let completePeriod: UInt64 = 60_000_000_000
    /// Linux gives its daemon 30 s.
    private static let answerLimit: UInt64 = 60_000_000_000
    private static let requestsAtMost = 16

    package static let stateVersion = 1
    package let unitName = IntegrationIdentity.keyValueExchange.unitName
    /// Called in the pump when `information` has changed in more than its time.
    package var onChange: ((GuestInformation) -> Void)?
    private var state = State()
    private var adapters: [GuestAdapter] = []
    private var requests: [Request] = []
    private var current: Request?
    private var refreshCompletions: [Completion] = []
    private var timer: (any PartitionTimer)?

    package init(pump: any ServicePump) {
        super.init(.keyValueExchange, pump: pump)
        timer = pump.makeTimer(name: unitName) { [weak self] in self?.roundIsDue() }
    }

    /// What the guest has told, as of its `updated`. Empty when the guest's driver is gone.
    package var information: GuestInformation { state.information.readable }

    /// The VM's adapters whose addresses are asked for.
    package func setAdapters(_ adapters: [GuestAdapter]) { self.adapters = adapters }

    // MARK: Requests

    /// Asks the guest for everything, each adapter's addresses included.
    package func refresh(completion: @escaping Completion) {
        guard isReady, let version = negotiatedVersion else { return completion(.failure(error(.notConnected))) }
        guard refreshCompletions.count < Self.requestsAtMost else { return completion(.failure(error(.busy))) }
        refreshCompletions.append(completion)
        // A round under way that the service began may be a short one: begin anew after its answer.
        state.refresh = .complete(state.information, adapters: adapters, withAdapters: true, version: version)
        if state.isRefreshing { isRestarted = true }
        goOn()
    }

    /// Adds or changes a pair in the guest's pool “external”.
    package func setHostItem(key: String, value: String, completion: @escaping Completion) {
        add(
            negotiatedVersion.map { KeyValueMessage.set(.external, key: key, value: value, version: $0) },
            reason: "The pair “\(key)” cannot be sent to a guest: a key has 1 to 255 characters, a value at most 1,023, and none is NUL.",
            completion: completion)
    }

    /// Removes a pair from the guest's pool “external”; `notFound` when there is none of this key.
    package func removeHostItem(key: String, completion: @escaping Completion) {
        add(
            negotiatedVersion.map { KeyValueMessage.delete(.external, key: key, version: $0) },
            reason: "“\(key)” cannot be a key: a key has 1 to 255 characters, none of them NUL.", completion: completion)
    }

    /// Sets an adapter's addresses. Success says that the guest took the request; Linux's stock daemon hands it to a program
    /// `hv_set_ifconfig`, which the guest must have for any effect.
    package func setAddresses(_ settings: GuestAddressSettings, completion: @escaping Completion) {
        if let version = negotiatedVersion, version < KeyValueMessage.addressVersion {
            return completion(.failure(error(.notSupported)))
        }
        add(
            negotiatedVersion.map { KeyValueMessage.setAddresses(settings, version: $0) },
            reason: "The lists of addresses are too long for a guest.", completion: completion)
    }

    /// `body`: nil when not connected, inner nil when it cannot be encoded.
    private func add(_ body: [UInt8]??, reason: String, completion: @escaping Completion) {
        guard isReady, let body else { return completion(.failure(error(.notConnected))) }
        guard let body else { return completion(.failure(IntegrationError(.invalidArgument, service: identity, message: reason))) }
        guard requests.count < Self.requestsAtMost else { return completion(.failure(error(.busy))) }
        requests.append(Request(body: body, completion: completion))
        goOn()
    }

    // MARK: Conversation

    /// `state.refresh` was replaced while an answer for the round before was awaited.
    private var isRestarted = false

    /// Sends what is next, when nothing is awaited.
    private func goOn() {
        guard isReady, !link.channel.isWaiting else { return }
        if current == nil, !requests.isEmpty {
            let request = requests.removeFirst()
            if send(request.body, limit: Self.answerLimit) {
                current = request
            } else {
                requests.insert(request, at: 0)
            }
            return
        }
        if let body = state.refresh?.request, send(body, limit: Self.answerLimit) { state.isRefreshing = true }
    }

    override func answered(_ status: IntegrationStatus, _ body: [UInt8]) {
        if state.isRefreshing {
            state.isRefreshing = false
            if isRestarted { isRestarted = false } else { refreshAnswered(status, body) }
        } else if let request = current {
            current = nil
            if status == .success { state.nextCompleteRound = 0 }
            request.completion(result(status))
        }
        goOn()
    }

    private func result(_ status: IntegrationStatus) -> Result<Void, IntegrationError> {
        switch status {
        case .success: .success(())
        case .noMoreItems, .notFound: .failure(error(.notFound, status: status))
        default: .failure(error(.refused, status: status))
        }
    }

    private func refreshAnswered(_ status: IntegrationStatus, _ body: [UInt8]) {
        switch state.refresh?.answered(status, body) {
        case .more, nil: break
        case .complete:
            if var information = state.refresh?.draft {
                (information.isDaemonPresent, information.updated) = (true, pump.clock.nanoseconds)
                update(information)
                planEagerly()
            }
            endRound(.success(()))
        case .daemonAbsent:
            markAbsent()
            endRound(.failure(error(.refused, status: status)))
        }
    }

    override func unanswered() {
        let wasRefreshing = state.isRefreshing
        (state.isRefreshing, isRestarted) = (false, false)
        if wasRefreshing {
            markAbsent()
            endRound(.failure(error(.timedOut)))
        } else if let request = current {
            current = nil
            request.completion(.failure(error(.timedOut)))
        }
        goOn()
    }

    private func markAbsent() {
        var information = state.information
        information.isDaemonPresent = false
        // A daemon that comes back may be another one.
        state.nextCompleteRound = 0
        update(information)
    }

    private func update(_ information: GuestInformation) {
        var comparable = information
        comparable.updated = state.information.updated
        let hasChanged = comparable != state.information
        state.information = information
        if hasChanged { onChange?(information.readable) }
    }

    private func endRound(_ result: Result<Void, IntegrationError>) {
        state.refresh = nil
        let completions = refreshCompletions
        refreshCompletions = []
        for completion in completions { completion(result) }
    }

    // MARK: Rounds

    override func becameReady() {
        (state.nextCompleteRound, state.readySince) = (0, pump.clock.nanoseconds)
        beginRound()
    }

    private func roundIsDue() {
        guard let next = state.nextRound, pump.clock.nanoseconds >= next else { return }
        beginRound()
    }

    private func beginRound() {
        let now = pump.clock.nanoseconds
        plan(now &+ Self.period)
        guard state.refresh == nil, let version = negotiatedVersion else { return }
        if now < state.nextCompleteRound, let short = KeyValueRefresh.short(state.information, adapters: adapters, version: version) {
            state.refresh = short
        } else {
            state.refresh = .complete(state.information, adapters: adapters, withAdapters: false, version: version)
            state.nextCompleteRound = now &+ Self.completePeriod
        }
        goOn()
    }

    /// The next round comes sooner while a daemon that is there has no address to tell.
    private func planEagerly() {
        let now = pump.clock.nanoseconds
        guard state.information.ipv4Addresses.isEmpty, now < state.readySince &+ Self.eagerTime else { return }
        plan(now &+ Self.eagerPeriod)
    }

    private func plan(_ time: UInt64?) {
        state.nextRound = time
        timer?.arm(at: time)
    }

    override func channelClosed() {
        let information = GuestInformation()
        let hasChanged = state.information != information
        state = State()
        isRestarted = false
        timer?.arm(at: nil)
        fail(.disconnected)
        if hasChanged { onChange?(information) }
    }

    package override func interrupt() { fail(.interrupted) }

    /// Ends all requests of the host's. An answer still awaited belongs to nobody then.
    private func fail(_ code: IntegrationError.Code) {
        let completions = (current.map { [$0.completion] } ?? []) + requests.map(\.completion) + refreshCompletions
        (current, requests, refreshCompletions) = (nil, [], [])
        for completion in completions { completion(.failure(error(code))) }
    }

    // MARK: Saved state

    package func saveState() throws(StateError) -> State {
        var state = state
        state.link = link
        // A round that was begun anew is begun anew after a restore too: its first answer would not fit.
        if isRestarted { (state.refresh, state.isRefreshing) = (nil, false) }
        return state
    }

    package func restoreState(_ state: State, version: Int) throws(StateError) {
        try restoreLink(state.link)
        self.state = state
        // A step that saved state made up asks nothing and would never end.
        if state.refresh?.request == nil { self.state.refresh = nil }
        isRestarted = false
        timer?.arm(at: state.nextRound)
    }
}
