import Basics
import DeviceModel
import VMBus

/// What an integration service's channel is worth, in Get-VMIntegrationService's words.
package enum IntegrationContact: String, Codable, Sendable, CustomStringConvertible {
    case noContact = "No Contact"
    case negotiating = "Negotiating"
    case ok = "OK"
    case incompatible = "Protocol Mismatch"

    package var description: String { rawValue }
}

/// What all integration services share: the offer, the channel, sending one request at a time with a time limit, and its saved part.
///
/// Everything is called in the pump's context, also by the worker (`pump.perform`), and calls completions there.
/// A guest that does not answer, answers wrongly or floods the ring costs at most one packet of memory.
package class IntegrationDevice: VMBusDevice, @unchecked Sendable {
    /// Saved state of the shared part.
    package struct Link: Codable, Sendable {
        var channel = IntegrationChannel()
        /// A packet that found no room in the ring.
        var unsent: [UInt8]?
        /// Partition time when the awaited answer is late.
        var answerDeadline: UInt64?
    }

    package let identity: IntegrationIdentity
    package let pump: any ServicePump
    private(set) var link = Link()
    private var channel: (any ServiceChannel)?
    private var answerTimer: (any PartitionTimer)?
    private var packet = ReceivedPacket()

    /// Packets taken from the ring in one go, so that a flood leaves room for the pump's other devices.
    private static let packetsPerRun = 64
    /// A packet buffer above this many bytes is not kept.
    private static let keptBytes = 65_536

    init(_ identity: IntegrationIdentity, pump: any ServicePump) {
        (self.identity, self.pump) = (identity, pump)
        answerTimer = pump.makeTimer(name: identity.unitName + ".answer") { [weak self] in self?.answerIsLate() }
    }

    package var offer: ChannelOffer { identity.offer }

    /// Versions are agreed: requests can be made.
    package var isReady: Bool { link.channel.phase == .ready }
    /// The agreed message version.
    package var negotiatedVersion: IntegrationVersion? { link.channel.version }
    package var status: IntegrationContact {
        switch link.channel.phase {
        case .closed: .noContact
        case .negotiating: .negotiating
        case .ready: .ok
        case .incompatible: .incompatible
        }
    }

    // MARK: What a service adds

    /// Versions have just been agreed.
    func becameReady() {}
    /// The driver knows none of our versions.
    func becameIncompatible() {}
    /// The answer to the last request.
    func answered(_ status: IntegrationStatus, _ body: [UInt8]) {}
    /// The last request was not answered within its limit; a later answer is ignored.
    func unanswered() {}
    /// The channel is gone, and with it every request.
    func channelClosed() {}
    /// The machine ends (saved, turned off): completions that wait are told so. The guest is not told; saved state is not changed.
    package func interrupt() {}

    // MARK: Requests

    /// Sends a request; false: not ready, or another is awaited. `limit` in nanoseconds of partition time; `queued`: a packet that finds
    /// no room is kept and sent when there is some (else false is returned and nothing awaited).
    func send(_ body: [UInt8], limit: UInt64, queued: Bool = true) -> Bool {
        guard let channel, link.unsent == nil else { return false }
        var conversation = link.channel
        guard let packet = conversation.request(identity.kind, body: body) else { return false }
        let isSent = channel.send(packet)
        guard isSent || queued else { return false }
        link.channel = conversation
        if !isSent { link.unsent = packet }
        wait(until: pump.clock.nanoseconds &+ limit)
        return true
    }

    /// A service's error with this service's name.
    func error(_ code: IntegrationError.Code, status: IntegrationStatus? = nil) -> IntegrationError {
        IntegrationError(code, service: identity, status: status)
    }

    /// The error that fits a request which `send` did not take.
    var unsendable: IntegrationError { error(isReady ? .busy : .notConnected) }

    private func wait(until deadline: UInt64?) {
        link.answerDeadline = deadline
        answerTimer?.arm(at: deadline)
    }

    private func answerIsLate() {
        guard let deadline = link.answerDeadline, pump.clock.nanoseconds >= deadline else { return }
        wait(until: nil)
        link.channel.giveUp()
        // What never found room is not sent late.
        link.unsent = nil
        unanswered()
    }

    // MARK: The channel

    package func opened(_ channel: any ServiceChannel, userData: [UInt8]) -> Bool {
        guard self.channel == nil, channel.index == 0 else { return false }
        self.channel = channel
        link = Link()
        let packet = link.channel.open(identity)
        if !channel.send(packet) { link.unsent = packet }
        return true
    }

    package func reopened(_ channel: any ServiceChannel) {
        if channel.index == 0 { self.channel = channel }
    }

    package func closed(_ channel: any ServiceChannel) {
        guard channel === self.channel else { return }
        self.channel = nil
        link = Link()
        answerTimer?.arm(at: nil)
        channelClosed()
    }

    package func ringChanged(_ channel: any ServiceChannel) {
        guard channel === self.channel else { return }
        sendUnsent(channel)
        for _ in 0..<Self.packetsPerRun {
            guard channel.receive(into: &packet) else { return }
            if packet.completionRequested { _ = channel.complete(packet.transaction, []) }
            if packet.kind == .inBand { received(packet.payload) }
            if packet.payload.capacity > Self.keptBytes { packet.payload = [] }
            guard channel === self.channel else { return }
        }
        pump.post { [weak self] in
            if let self, let channel = self.channel { self.ringChanged(channel) }
        }
    }

    private func sendUnsent(_ channel: any ServiceChannel) {
        if let unsent = link.unsent, channel.send(unsent) { link.unsent = nil }
    }

    private func received(_ payload: [UInt8]) {
        switch link.channel.receive(payload, identity: identity) {
        case .negotiated: becameReady()
        case .answer(let status, let body):
            wait(until: nil)
            answered(status, body)
        case .incompatible: becameIncompatible()
        case .ignored: break
        }
    }

    // MARK: Saved state

    /// Takes the shared part of saved state. The server has told of an open channel before.
    func restoreLink(_ saved: Link) throws(StateError) {
        guard saved.channel.phase == .closed || channel != nil else {
            throw StateError(.inconsistent, unit: identity.unitName, detail: "it talks on a channel that is not open")
        }
        link = saved
        answerTimer?.arm(at: saved.answerDeadline)
        // The guest frees room or not; a wake of ours at the start sends what waited.
        if saved.unsent != nil {
            pump.post { [weak self] in
                if let self, let channel = self.channel { self.sendUnsent(channel) }
            }
        }
    }
}
