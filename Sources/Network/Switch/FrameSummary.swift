import Glibc

/// What the switch reads of a frame's headers, from a private copy of its beginning (RFC 791, 8200, 768, 4443; IEEE 802.1Q).
package struct FrameSummary: Sendable {
    /// A frame's beginning as far as the switch looks.
    package static let headBytes = 192

    package enum Network: Sendable { case ipv4, ipv6, other }

    /// Source or destination.
    package struct End: Sendable {
        package var mac = MACAddress(value: 0)
        /// IPv6: both halves; IPv4: `low`.
        package var high: UInt64 = 0
        package var low: UInt64 = 0
    }

    package var source = End()
    package var destination = End()
    package var etherType = 0
    package var network = Network.other
    /// A message that only a DHCP server sends.
    package var isFromDHCPServer = false
    /// A router's advertisement or a redirection.
    package var isFromRouter = false
    /// The headers go on beyond what was read, or are cut: what is in them is not known.
    package var isObscure = false
    /// Number of the protocol above IP; nil: there is none, or it was not read.
    package var transport: Int?
    /// TCP and UDP; nil: there are none, as in all fragments but the first.
    package var sourcePort: Int?
    package var destinationPort: Int?
    private var isFragment = false

    /// `head` is the frame's beginning without a tag: at least 14 bytes.
    package init(_ head: UnsafeRawBufferPointer, isWhole: Bool) {
        guard head.count >= 14 else { return }
        destination.mac = Self.mac(head, 0)
        source.mac = Self.mac(head, 6)
        etherType = Self.word(head, 12)
        switch etherType {
        case 0x0800: readIPv4(head)
        case 0x86DD: readIPv6(head)
        default: break
        }
        // What is missing because the frame itself is short says nothing; what is missing because we stopped reading may hide something.
        if isWhole, !isFragment { isObscure = false }
    }

    private static func word(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> Int { Int(bytes[at]) << 8 | Int(bytes[at + 1]) }

    private static func mac(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> MACAddress {
        MACAddress(value: (0..<6).reduce(0) { $0 << 8 | UInt64(bytes[at + $1]) })
    }

    private static func long(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> UInt64 {
        UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
    }

    private mutating func readIPv4(_ head: UnsafeRawBufferPointer) {
        guard head.count >= 34, head[14] >> 4 == 4 else {
            isObscure = true
            return
        }
        network = .ipv4
        source.low = UInt64(Self.word(head, 26)) << 16 | UInt64(Self.word(head, 28))
        destination.low = UInt64(Self.word(head, 30)) << 16 | UInt64(Self.word(head, 32))
        transport = Int(head[23])
        // Fragments but the first carry no ports.
        guard Self.word(head, 20) & 0x1FFF == 0 else { return }
        readTransport(head, number: Int(head[23]), at: 14 + Int(head[14] & 15) * 4)
    }

    private mutating func readIPv6(_ head: UnsafeRawBufferPointer) {
        guard head.count >= 54, head[14] >> 4 == 6 else {
            isObscure = true
            return
        }
        network = .ipv6
        (source.high, source.low) = (Self.long(head, 22), Self.long(head, 30))
        (destination.high, destination.low) = (Self.long(head, 38), Self.long(head, 46))
        var (next, at) = (Int(head[20]), 54)
        // Hop-by-hop, routing, destination options, fragment and authentication headers stand before the transport's.
        while [0, 43, 60, 44, 51].contains(next) {
            guard at + 8 <= head.count else {
                isObscure = true
                return
            }
            if next == 44 {
                if Self.word(head, at + 2) & 0xFFF8 != 0 { return }
                isFragment = true
            }
            let size = next == 44 ? 8 : next == 51 ? (Int(head[at + 1]) + 2) * 4 : (Int(head[at + 1]) + 1) * 8
            (next, at) = (Int(head[at]), at + size)
        }
        readTransport(head, number: next, at: at)
    }

    private mutating func readTransport(_ head: UnsafeRawBufferPointer, number: Int, at: Int) {
        transport = number
        guard [1, 6, 17, 58].contains(number) else { return }
        guard at + 4 <= head.count else {
            isObscure = true
            return
        }
        if number == 6 || number == 17 { (sourcePort, destinationPort) = (Self.word(head, at), Self.word(head, at + 2)) }
        switch (number, network) {
        case (17, .ipv4): isFromDHCPServer = Self.word(head, at) == 67
        case (17, .ipv6): isFromDHCPServer = Self.word(head, at) == 547
        case (1, .ipv4): isFromRouter = head[at] == 9 || head[at] == 5
        case (58, .ipv6): isFromRouter = head[at] == 134 || head[at] == 137
        default: break
        }
    }
}
