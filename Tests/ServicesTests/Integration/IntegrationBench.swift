import DeviceModel
import Services
import VMBus
import VMBusTestSupport

/// A channel without rings: what the host sent, what it will receive, and as much room as a test allows.
final class BareChannel: ServiceChannel {
    let index: Int
    let targetProcessor = 0
    var isOpen = true
    var room = 100_000
    var capacity: Int { 100_000 }
    /// What the host sent, in order.
    var sent: [[UInt8]] = []
    var completed: [UInt64] = []
    private var waiting: [ReceivedPacket] = []
    private(set) var failure: String?

    init(index: Int = 0) { self.index = index }

    /// Puts a packet of the guest's into the ring.
    func put(_ payload: [UInt8], kind: PacketKind = .inBand, transaction: UInt64 = 0, completionRequested: Bool = false) {
        var packet = ReceivedPacket()
        (packet.payload, packet.kind, packet.transaction) = (payload, kind, transaction)
        packet.completionRequested = completionRequested
        waiting.append(packet)
    }

    func receive(into packet: inout ReceivedPacket) -> Bool {
        guard !waiting.isEmpty else { return false }
        packet = waiting.removeFirst()
        return true
    }

    func send(
        _ kind: PacketKind, transaction: UInt64, completionRequested: Bool, payload: UnsafeRawBufferPointer, _ more: UnsafeRawBufferPointer
    ) -> Bool {
        guard payload.count + more.count <= room else { return false }
        if kind == .completion { completed.append(transaction) } else { sent.append(Array(payload) + Array(more)) }
        return true
    }

    func sendTransferPages(
        transaction: UInt64, set: UInt16, ranges: [(offset: UInt32, count: UInt32)], payload: UnsafeRawBufferPointer
    ) -> Bool { false }
    func buffer(gpadl: UInt32) -> GuestBuffer? { nil }
    func flush() {}
    func fail(_ reason: String) { failure = reason }
}

/// The guest's side of an integration service as Linux 6.1 has it: the answer is the request's packet, changed in place.
struct LinuxDriver {
    /// Descending, as the driver lists them (drivers/hv/hv_util.c and kin).
    var versions: [(UInt16, UInt16)]
    var frameworks: [(UInt16, UInt16)] = [(3, 0), (1, 0)]
    /// Changes the body, returns the status.
    var handle: (inout [UInt8]) -> UInt32 = { _ in 0 }

    func answer(_ request: [UInt8]) -> [UInt8] {
        var packet = request
        if packet[12] == 0, packet[13] == 0 { negotiate(&packet) } else { service(&packet) }
        packet[25] = 1 | 4
        return packet
    }

    /// vmbus_prep_negotiate_resp: the first of the driver's versions that is offered.
    private func negotiate(_ packet: inout [UInt8]) {
        func word(_ offset: Int) -> UInt16 { UInt16(packet[offset]) | UInt16(packet[offset + 1]) << 8 }
        let (frameworkCount, versionCount) = (Int(word(28)), Int(word(30)))
        func offered(_ range: Range<Int>) -> [(UInt16, UInt16)] { range.map { (word(36 + $0 * 4), word(38 + $0 * 4)) } }
        let framework = frameworks.first { own in offered(0..<frameworkCount).contains { $0 == own } }
        let version = versions.first { own in
            offered(frameworkCount..<frameworkCount + versionCount).contains { $0 == own }
        }
        packet.set(UInt16(16), at: 18)
        packet.set(UInt16(framework == nil ? 0 : 1), at: 28)
        packet.set(UInt16(version == nil ? 0 : 1), at: 30)
        for (position, pair) in [framework ?? (0, 0), version ?? (0, 0)].enumerated() {
            packet.set(pair.0, at: 36 + position * 4)
            packet.set(pair.1, at: 38 + position * 4)
        }
    }

    private func service(_ packet: inout [UInt8]) {
        var body = Array(packet[28...])
        packet.set(handle(&body), at: 20)
        packet.replaceSubrange(28..., with: body)
    }
}

extension [UInt8] {
    mutating func set<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
        for byte in 0..<Value.bitWidth / 8 { self[offset + byte] = UInt8(truncatingIfNeeded: value >> Value(byte * 8)) }
    }

    func get<Value: FixedWidthInteger>(_ type: Value.Type, at offset: Int) -> Value {
        (0..<Value.bitWidth / 8).reversed().reduce(0) { $0 << 8 | Value(self[offset + $1]) }
    }

    /// UTF-16 text with a zero at its end.
    mutating func set(text: String, at offset: Int) {
        for (position, unit) in ([UInt16](text.utf16) + [0]).enumerated() { set(unit, at: offset + position * 2) }
    }

    func text(at offset: Int) -> String {
        var units: [UInt16] = []
        for position in stride(from: offset, to: count - 1, by: 2) {
            let unit = get(UInt16.self, at: position)
            if unit == 0 { break }
            units.append(unit)
        }
        return String(decoding: units, as: UTF16.self)
    }
}

/// One service on a bare channel, with a driver that answers when told to.
final class IntegrationBench<Device: IntegrationDevice> {
    let clock: ManualClock
    let pump: ManualPump
    let device: Device
    var driver: LinuxDriver
    private(set) var channel = BareChannel()
    private var answered = 0

    init(_ driver: LinuxDriver, at nanoseconds: UInt64 = 0, make: (ManualPump) -> Device) {
        clock = ManualClock(nanoseconds: nanoseconds)
        pump = ManualPump(clock: clock)
        device = make(pump)
        self.driver = driver
    }

    /// Opens the channel; `negotiated`: and answers negotiation.
    func open(negotiated: Bool = true) {
        channel = BareChannel()
        answered = 0
        _ = device.opened(channel, userData: [])
        device.ringChanged(channel)
        if negotiated { answerOne() }
    }

    /// Requests that the driver has not answered.
    var unanswered: [[UInt8]] { Array(channel.sent.dropFirst(answered)) }

    /// Body of the newest request.
    var lastBody: [UInt8] { Array(channel.sent.last?.dropFirst(28) ?? []) }

    /// Answers the oldest request. false: there is none.
    @discardableResult
    func answerOne() -> Bool {
        guard let request = unanswered.first else { return false }
        answered += 1
        reply(driver.answer(request))
        return true
    }

    /// Answers as long as there are requests.
    func answerAll() {
        while answerOne() {}
    }

    func reply(_ payload: [UInt8]) {
        channel.put(payload)
        device.ringChanged(channel)
        pump.run()
    }

    /// Lets partition time pass, timer by timer; `answering`: the driver answers everything on the way.
    func advance(seconds: UInt64, answering: Bool = false) {
        let end = clock.nanoseconds + seconds * 1_000_000_000
        while let next = pump.nextDeadline, next <= end {
            clock.nanoseconds = max(clock.nanoseconds, next)
            pump.run()
            if answering { answerAll() }
        }
        clock.nanoseconds = end
        pump.run()
        if answering { answerAll() }
    }

    func close() {
        device.closed(channel)
        pump.run()
    }
}

/// A generator whose sequence a seed fixes (SplitMix64).
struct IntegrationRandom: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
