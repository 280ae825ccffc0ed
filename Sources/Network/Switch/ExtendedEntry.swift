/// A rule of a port's extended access control list, quick to apply.
struct ExtendedEntry: Sendable {
    let isAllowing: Bool
    let isInbound: Bool
    let idleTimeout: Int?
    private let local: AddressPattern
    private let remote: AddressPattern
    private let localPorts: ClosedRange<Int>?
    private let remotePorts: ClosedRange<Int>?
    private let transport: Int?

    init?(_ rule: PortExtendedRule) {
        guard let local = AddressPattern(rule.localAddress ?? "ANY"), let remote = AddressPattern(rule.remoteAddress ?? "ANY") else {
            return nil
        }
        (isAllowing, isInbound, idleTimeout, transport) = (rule.isAllowing, rule.isInbound, rule.idleTimeout, rule.transport)
        (self.local, self.remote, localPorts, remotePorts) = (local, remote, rule.localPorts, rule.remotePorts)
    }

    /// Whether the rule is about this frame. What cannot be known, as the ports of a fragment, is as a denial has it.
    func matches(_ frame: FrameSummary, inbound: Bool) -> Bool {
        guard inbound == isInbound else { return false }
        let localEnd: KeyPath<FrameSummary, FrameSummary.End> = inbound ? \.destination : \.source
        let remoteEnd: KeyPath<FrameSummary, FrameSummary.End> = inbound ? \.source : \.destination
        guard local.length(in: frame, localEnd) != nil, remote.length(in: frame, remoteEnd) != nil else { return false }
        guard transport == nil || transport == frame.transport else { return false }
        func fits(_ range: ClosedRange<Int>?, _ port: Int?) -> Bool {
            guard let range else { return true }
            return port.map(range.contains) ?? !isAllowing
        }
        return fits(localPorts, inbound ? frame.destinationPort : frame.sourcePort)
            && fits(remotePorts, inbound ? frame.sourcePort : frame.destinationPort)
    }
}

/// A connection seen from a port, whichever side began it.
struct Flow: Hashable, Sendable {
    private let transport: Int
    private let local: [UInt64]
    private let remote: [UInt64]

    /// nil: the frame belongs to none.
    init?(_ frame: FrameSummary, inbound: Bool) {
        guard frame.network != .other, let transport = frame.transport else { return nil }
        self.transport = transport
        func end(_ end: FrameSummary.End, _ port: Int?) -> [UInt64] { [end.high, end.low, UInt64(port ?? 0)] }
        let (from, to) = (end(frame.source, frame.sourcePort), end(frame.destination, frame.destinationPort))
        (local, remote) = inbound ? (to, from) : (from, to)
    }
}

/// The connections that stateful rules of one port let through; bounded, so that no guest can fill the host's memory.
struct FlowTable: Sendable {
    static let capacity = 4096
    private var ends: [Flow: (until: UInt64, timeout: UInt64)] = [:]

    /// Whether the connection is known and alive; it then stays so. `now` in seconds.
    mutating func knows(_ flow: Flow, now: UInt64) -> Bool {
        guard let entry = ends[flow], now <= entry.until else { return false }
        ends[flow] = (now + entry.timeout, entry.timeout)
        return true
    }

    mutating func note(_ flow: Flow, timeout: Int, now: UInt64) {
        if ends.count >= Self.capacity, ends[flow] == nil { ends = ends.filter { $0.value.until >= now } }
        guard ends.count < Self.capacity || ends[flow] != nil else { return }
        ends[flow] = (now + UInt64(max(1, timeout)), UInt64(max(1, timeout)))
    }
}

extension PortRules {
    /// What the extended list says of a frame: the rule with the greatest weight that matches; nil: none does, and it passes.
    func extendedRule(for frame: FrameSummary, inbound: Bool) -> ExtendedEntry? {
        extendedList.first { $0.matches(frame, inbound: inbound) }
    }
}
