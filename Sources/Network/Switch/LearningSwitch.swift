/// A learning switch as a value: a frame's headers in, the ports it goes out of.
///
/// ```
/// in:   connected? → source address the port's own (or spoofing) → DHCP and router guard → VLAN → access list (Outbound) → learn
/// out:  known address: that port; else every port of the network → connected? → access list (Inbound) → tag as the port wants it
///       mirrors: what a Source port sends or gets also goes to every Destination port
/// ```
package struct LearningSwitch: Sendable {
    /// What a port did, seen from the guest: `sent` came from it.
    package struct Counters: Equatable, Sendable {
        package var sentFrames: UInt64 = 0, sentBytes: UInt64 = 0, droppedSent: UInt64 = 0
        package var receivedFrames: UInt64 = 0, receivedBytes: UInt64 = 0, droppedReceived: UInt64 = 0
        package init() {}
    }

    struct Port: Sendable {
        var rules: PortRules
        var counters = Counters()
        /// Bytes counted by the access list's entries.
        var metered: [UInt64]
        var flows = FlowTable()
    }

    /// A frame on its way out.
    package struct Delivery: Equatable, Sendable {
        package var port: Int
        package var tag: UInt16?
        /// A copy for a monitoring port; not counted as received.
        package var isMirror: Bool
        package init(port: Int, tag: UInt16?, isMirror: Bool) { (self.port, self.tag, self.isMirror) = (port, tag, isMirror) }
    }

    private var ports: [Port?] = []
    package private(set) var table = ForwardingTable()
    private var team = UplinkTeam()
    private var mirrorDestinations: [Int] = []
    private var anyNeedsHeaders = false

    package init() {}

    /// A new port's number; numbers of removed ports are used again.
    package mutating func add(_ rules: PortRules) -> Int {
        let port = Port(rules: rules, metered: .init(repeating: 0, count: rules.accessList.count))
        let number = ports.firstIndex { $0 == nil } ?? ports.count
        if number == ports.count { ports.append(port) } else { ports[number] = port }
        survey()
        return number
    }

    package mutating func remove(_ number: Int) {
        guard ports.indices.contains(number) else { return }
        ports[number] = nil
        team.pin(number, to: nil)
        table.forget(port: number)
        survey()
    }

    /// New settings of a living port. Meters begin anew when the access list changed; learned addresses are forgotten.
    package mutating func configure(_ number: Int, _ rules: PortRules, keepingMeters: Bool) {
        guard ports.indices.contains(number), ports[number] != nil else { return }
        if ports[number]?.rules.extendedList.isEmpty == false || !rules.extendedList.isEmpty { ports[number]?.flows = FlowTable() }
        ports[number]?.rules = rules
        if !keepingMeters { ports[number]?.metered = .init(repeating: 0, count: rules.accessList.count) }
        table.forget(port: number)
        survey()
    }

    private mutating func survey() {
        mirrorDestinations = ports.indices.filter { ports[$0]?.rules.mirroring == .destination }
        anyNeedsHeaders = ports.contains { $0?.rules.needsHeaders ?? false }
    }

    /// Which ports are uplinks to the same network, and which of them work.
    package mutating func setTeam(_ members: [Int], working: [Int]) { team.set(members: members, working: working) }

    /// Gives a port's frames one of the uplinks; nil: the switch chooses.
    package mutating func pin(_ port: Int, to uplink: Int?) { team.pin(port, to: uplink) }

    package func counters(_ number: Int) -> Counters { ports[number]?.counters ?? Counters() }
    package func metered(_ number: Int) -> [UInt64] { ports[number]?.metered ?? [] }

    /// True when a port's traffic is to be watched.
    package var hasMirrorSource: Bool { ports.contains { $0?.rules.mirroring == .source } }

    /// Whether headers beyond the addresses are to be read at all.
    package var needsHeaders: Bool { anyNeedsHeaders }

    /// A frame that belongs to mirrored traffic, with the tag of its network.
    package struct Mirrored: Equatable, Sendable {
        package var tag: UInt16?
    }

    /// Decides about one frame of `bytes` bytes with `tag` from port `from`; `now` in seconds. Fills `deliveries`. nil: not mirrored.
    package mutating func forward(
        _ frame: FrameSummary, tag: UInt16?, bytes: Int, from: Int, now: UInt64, _ deliveries: inout [Delivery]
    ) -> Mirrored? {
        deliveries.removeAll(keepingCapacity: true)
        guard ports.indices.contains(from), let source = ports[from]?.rules else { return nil }
        guard let network = admit(frame, tag: tag, bytes: bytes, from: from, source, now) else {
            ports[from]?.counters.droppedSent += 1
            return nil
        }
        // What a port of ours sent, and another switch led back.
        if team.isTeam, team.members.contains(from), let known = table.port(of: frame.source.mac, network: network, now: now),
            !team.members.contains(known)
        {
            ports[from]?.counters.droppedSent += 1
            return nil
        }
        ports[from]?.counters.sentFrames += 1
        ports[from]?.counters.sentBytes += UInt64(bytes)
        if !frame.source.mac.isGroup { table.learn(frame.source.mac, network: network, port: from, now: now) }

        var mirrored = source.mirroring == .source
        let priority = (tag ?? 0) & 0xF000
        let destination = frame.destination.mac
        if !destination.isGroup, let known = table.port(of: destination, network: network, now: now) {
            if let known = team.target(from: from, known: known), known != from {
                deliver(frame, bytes, network, priority, to: known, now, &mirrored, &deliveries)
            }
        } else {
            for number in ports.indices where number != from && team.floods(from: from, to: number) {
                deliver(frame, bytes, network, priority, to: number, now, &mirrored, &deliveries)
            }
        }
        guard mirrored else { return nil }
        let mark = Mirrored(tag: network == 0 ? nil : priority | UInt16(truncatingIfNeeded: network))
        mirror(mark, from: from, &deliveries)
        return mark
    }

    private mutating func admit(_ frame: FrameSummary, tag: UInt16?, bytes: Int, from: Int, _ rules: PortRules, _ now: UInt64) -> Int? {
        guard rules.isConnected, let network = rules.networkIn(tag: tag) else { return nil }
        if !rules.spoofing, frame.source.mac != rules.mac { return nil }
        if rules.dhcpGuard, frame.isFromDHCPServer || frame.isObscure { return nil }
        if rules.routerGuard, frame.isFromRouter || frame.isObscure { return nil }
        guard passes(frame, bytes, rules, port: from, inbound: false, now) else { return nil }
        return network
    }

    private mutating func deliver(
        _ frame: FrameSummary, _ bytes: Int, _ network: Int, _ priority: UInt16, to number: Int, _ now: UInt64, _ mirrored: inout Bool,
        _ deliveries: inout [Delivery]
    ) {
        guard let rules = ports[number]?.rules, rules.isConnected, let tag = rules.tagOut(network: network, priority: priority) else {
            return
        }
        guard passes(frame, bytes, rules, port: number, inbound: true, now) else {
            ports[number]?.counters.droppedReceived += 1
            return
        }
        if rules.mirroring == .source { mirrored = true }
        deliveries.append(Delivery(port: number, tag: tag, isMirror: false))
    }

    private mutating func passes(_ frame: FrameSummary, _ bytes: Int, _ rules: PortRules, port: Int, inbound: Bool, _ now: UInt64) -> Bool {
        guard passesExtended(frame, rules, port: port, inbound: inbound, now) else { return false }
        guard !rules.accessList.isEmpty else { return true }
        // Addresses that cannot be read may be denied ones.
        if frame.isObscure { return false }
        let decision = rules.decide(frame, inbound: inbound)
        if decision.isAllowed, let meter = decision.meter { ports[port]?.metered[meter] += UInt64(bytes) }
        return decision.isAllowed
    }

    /// The extended list, which lets answers of connections through that a stateful rule of it let out.
    private mutating func passesExtended(_ frame: FrameSummary, _ rules: PortRules, port: Int, inbound: Bool, _ now: UInt64) -> Bool {
        guard !rules.extendedList.isEmpty else { return true }
        if frame.isObscure { return false }
        let flow = Flow(frame, inbound: inbound)
        if let flow, ports[port]?.flows.knows(flow, now: now) == true { return true }
        guard let rule = rules.extendedRule(for: frame, inbound: inbound) else { return true }
        if rule.isAllowing, let timeout = rule.idleTimeout, let flow { ports[port]?.flows.note(flow, timeout: timeout, now: now) }
        return rule.isAllowing
    }

    private func mirror(_ mark: Mirrored, from: Int, _ deliveries: inout [Delivery]) {
        for number in mirrorDestinations where number != from && !deliveries.contains(where: { $0.port == number }) {
            guard ports[number]?.rules.isConnected == true else { continue }
            deliveries.append(Delivery(port: number, tag: mark.tag, isMirror: true))
        }
    }

    /// What became of a delivery.
    package mutating func delivered(_ delivery: Delivery, bytes: Int, taken: Bool) {
        guard !delivery.isMirror else { return }
        if taken {
            ports[delivery.port]?.counters.receivedFrames += 1
            ports[delivery.port]?.counters.receivedBytes += UInt64(bytes)
        } else {
            ports[delivery.port]?.counters.droppedReceived += 1
        }
    }
}
