/// A test of a connection (Test-VMNetworkAdapter): the switch asks in the name of an adapter's guest whether another one answers.
///
/// ```
/// resolving  an ARP request (RFC 826) from the adapter's address → the answer names the other's MAC address
/// asked      an echo request (RFC 792) with an identifier of its own → its answer ends the probe, and goes no further
/// ```
/// Frames take the way of the guest's own: its VLAN, its rules and those of the other hold.
package struct ConnectionProbe: Equatable, Sendable {
    /// What is asked; addresses are IPv4, first byte highest.
    package struct Question: Equatable, Sendable {
        package var mac: MACAddress
        package var sender: UInt32
        package var receiver: UInt32
        /// Where frames go; nil: ARP says it.
        package var nextHop: MACAddress?
        package var sequence: UInt16
        /// Bytes behind the echo's head.
        package var payload: Int

        package init(mac: MACAddress, sender: UInt32, receiver: UInt32, nextHop: MACAddress?, sequence: UInt16, payload: Int) {
            (self.mac, self.sender, self.receiver, self.nextHop) = (mac, sender, receiver, nextHop)
            (self.sequence, self.payload) = (sequence, payload)
        }
    }

    package enum Phase: Equatable, Sendable {
        case resolving
        /// Since then, in nanoseconds.
        case asked(UInt64)
        /// After so many nanoseconds.
        case answered(UInt64)
    }

    package static let greatestPayload = 1472
    package let question: Question
    package private(set) var phase = Phase.resolving
    private let identifier: UInt16

    package init(_ question: Question, identifier: UInt16) { (self.question, self.identifier) = (question, identifier) }

    /// The first frame.
    package mutating func begin(now: UInt64) -> [UInt8] {
        guard let hop = question.nextHop else { return request }
        return ask(hop, now: now)
    }

    /// Looks at a frame that goes to the adapter: whether it is for the probe alone, and what to send then.
    package mutating func take(_ frame: UnsafeRawBufferPointer, now: UInt64) -> (isOwn: Bool, next: [UInt8]?) {
        guard frame.count >= 42 else { return (false, nil) }
        func word(_ offset: Int) -> UInt16 { UInt16(frame[offset]) << 8 | UInt16(frame[offset + 1]) }
        func long(_ offset: Int) -> UInt32 { UInt32(word(offset)) << 16 | UInt32(word(offset + 2)) }
        switch (word(12), phase) {
        case (0x0806, .resolving):
            guard word(20) == 2, long(28) == question.receiver, long(38) == question.sender else { return (false, nil) }
            let hop = MACAddress(value: UInt64(word(22)) << 32 | UInt64(long(24)))
            // The guest may have asked, too.
            return (false, hop.isGroup ? nil : ask(hop, now: now))
        case (0x0800, .asked(let then)):
            let head = Int(frame[14] & 15) * 4
            guard frame[14] >> 4 == 4, head >= 20, frame.count >= 14 + head + 8, frame[23] == 1, long(26) == question.receiver,
                long(30) == question.sender, frame[14 + head] == 0, word(14 + head + 4) == identifier,
                word(14 + head + 6) == question.sequence
            else { return (false, nil) }
            phase = .answered(now - then)
            return (true, nil)
        default: return (false, nil)
        }
    }

    private mutating func ask(_ hop: MACAddress, now: UInt64) -> [UInt8] {
        phase = .asked(now)
        var echo: [UInt8] = [8, 0, 0, 0] + Self.bytes(identifier) + Self.bytes(question.sequence)
        echo += (0..<question.payload).map { UInt8(truncatingIfNeeded: $0) }
        Self.setChecksum(&echo, at: 2)
        var head: [UInt8] = [0x45, 0] + Self.bytes(UInt16(20 + echo.count)) + [0, 0, 0x40, 0, 64, 1, 0, 0]
        head += Self.bytes(question.sender) + Self.bytes(question.receiver)
        Self.setChecksum(&head, at: 10)
        return Self.bytes(hop) + Self.bytes(question.mac) + [8, 0] + head + echo
    }

    private var request: [UInt8] {
        let all = [UInt8](repeating: 0xFF, count: 6)
        let own = Self.bytes(question.mac)
        return all + own + [8, 6, 0, 1, 8, 0, 6, 4, 0, 1] + own + Self.bytes(question.sender) + [0, 0, 0, 0, 0, 0]
            + Self.bytes(question.receiver)
    }

    private static func bytes(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(truncatingIfNeeded: value)] }
    private static func bytes(_ value: UInt32) -> [UInt8] {
        bytes(UInt16(truncatingIfNeeded: value >> 16)) + bytes(UInt16(truncatingIfNeeded: value))
    }
    private static func bytes(_ address: MACAddress) -> [UInt8] {
        bytes(UInt16(truncatingIfNeeded: address.value >> 32)) + bytes(UInt32(truncatingIfNeeded: address.value))
    }

    private static func setChecksum(_ bytes: inout [UInt8], at place: Int) {
        let sum = ~bytes.withUnsafeBytes { InternetChecksum.fold(InternetChecksum.sum($0)) }
        withUnsafeBytes(of: sum) { (bytes[place], bytes[place + 1]) = ($0[0], $0[1]) }
    }
}
