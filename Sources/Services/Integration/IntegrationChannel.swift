/// The conversation on one integration service's channel as a value: versions first, then one request and its answer at a time.
///
///     closed ── open: send versions ──▶ negotiating ── answer ──▶ ready ⇄ awaiting an answer
///                                           └── no common version ──▶ incompatible
///
/// Answers are matched by transaction: one that comes after `giveUp`, twice or unasked is ignored. A driver answers negotiation when it
/// pleases (Linux's waits up to 55 s for hv_kvp_daemon), so nothing here has a time limit; requests get theirs from the device.
package struct IntegrationChannel: Codable, Equatable, Sendable {
    package enum Phase: String, Codable, Sendable { case closed, negotiating, ready, incompatible }

    /// What a packet of the guest's meant.
    enum Event: Equatable {
        case negotiated
        case incompatible
        case answer(IntegrationStatus, body: [UInt8])
        case ignored
    }

    package private(set) var phase = Phase.closed
    /// Agreed versions, from `ready` on.
    package private(set) var framework: IntegrationVersion?
    package private(set) var version: IntegrationVersion?
    /// Transaction of the message whose answer is awaited.
    private var awaited: UInt8?
    private var lastTransaction: UInt8 = 0

    package init() {}

    /// A request is out and not answered.
    package var isWaiting: Bool { phase == .ready && awaited != nil }

    /// The driver opened the channel. Returns the packet that offers our versions.
    mutating func open(_ identity: IntegrationIdentity) -> [UInt8] {
        self = IntegrationChannel()
        phase = .negotiating
        var body = IntegrationFields()
        body.append(UInt16(IntegrationIdentity.frameworks.count))
        body.append(UInt16(identity.versions.count))
        body.append(UInt32(0))
        for version in IntegrationIdentity.frameworks + identity.versions { version.append(to: &body) }
        return IntegrationMessage(.negotiate, transaction: nextTransaction(), body: body.bytes).encoded
    }

    mutating func close() { self = IntegrationChannel() }

    /// The packet of a request; nil when versions are not agreed or another answer is awaited.
    mutating func request(_ kind: IntegrationMessage.Kind, body: [UInt8]) -> [UInt8]? {
        guard phase == .ready, awaited == nil, let framework, let version else { return nil }
        var message = IntegrationMessage(kind, transaction: nextTransaction(), body: body)
        (message.framework, message.version) = (framework, version)
        return message.encoded
    }

    /// The answer is not waited for any longer.
    mutating func giveUp() {
        if phase == .ready { awaited = nil }
    }

    /// A packet came. In every phase a packet may be anything.
    mutating func receive(_ payload: [UInt8], identity: IntegrationIdentity) -> Event {
        guard let message = IntegrationMessage(parsing: payload), message.flags & IntegrationMessage.Flags.response != 0,
            let awaited, message.transaction == awaited
        else { return .ignored }
        switch phase {
        case .negotiating:
            guard message.kind == .negotiate else { return .ignored }
            self.awaited = nil
            return agree(IntegrationFields(message.body), identity)
        case .ready:
            guard message.kind == identity.kind else { return .ignored }
            self.awaited = nil
            return .answer(message.status, body: message.body)
        case .closed, .incompatible: return .ignored
        }
    }

    private mutating func agree(_ body: IntegrationFields, _ identity: IntegrationIdentity) -> Event {
        guard body.value(at: 0) == UInt16(1), body.value(at: 2) == UInt16(1), let framework = IntegrationVersion(body, at: 8),
            let version = IntegrationVersion(body, at: 12), IntegrationIdentity.frameworks.contains(framework),
            identity.versions.contains(version)
        else {
            phase = .incompatible
            return .incompatible
        }
        (self.framework, self.version, phase) = (framework, version, .ready)
        return .negotiated
    }

    private mutating func nextTransaction() -> UInt8 {
        lastTransaction = lastTransaction == .max ? 1 : lastTransaction + 1
        awaited = lastTransaction
        return lastTransaction
    }
}
