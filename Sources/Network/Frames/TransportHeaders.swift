/// Where the headers of a TCP or UDP frame lie. Works on a private copy of the frame's beginning (`reach` bytes at most), because the
/// frame itself may lie in memory that its sender can still change.
///
///     0          14                    transport         end of headers
///     │ Ethernet │ IPv4 20…60 or       │ TCP 20…60       │ payload …
///     │          │ IPv6 40 + options   │ or UDP 8        │
public struct TransportHeaders: Equatable, Sendable {
    /// Bytes of a frame's beginning that are looked at.
    public static let reach = 256
    static let ethernet = 14
    public static let tcp: UInt8 = 6
    public static let udp: UInt8 = 17

    public let isVersion6: Bool
    /// IP protocol number; what follows a fragment is not looked into, and has no number here.
    public let number: UInt8
    /// Offset of the TCP or UDP header.
    public let transport: Int
    /// Bytes of Ethernet, IP and transport headers.
    public let count: Int
    /// The frame's bytes that belong to the IP packet, Ethernet header included.
    public let packetEnd: Int

    /// Reads the beginning of a frame; nil when it is not a whole header of TCP or UDP over IPv4 or IPv6.
    /// `lengthKnown`: the IP header's length is right; else (a large send) it may be zero and the packet ends with the frame.
    public init?(_ start: UnsafeRawBufferPointer, frameCount: Int, lengthKnown: Bool = true) {
        let available = min(start.count, frameCount)
        guard available >= Self.ethernet + 20 else { return nil }
        func word(_ offset: Int) -> Int { Int(start[offset]) << 8 | Int(start[offset + 1]) }
        var offset = Self.ethernet
        let length: Int
        switch word(12) {
        case 0x0800:
            let size = Int(start[offset] & 15) * 4
            // A fragment (more to come, or not the first) has no transport header of its own to work on.
            guard start[offset] >> 4 == 4, size >= 20, word(offset + 6) & 0x3fff == 0 else { return nil }
            (isVersion6, number, length) = (false, start[offset + 9], word(offset + 2))
            offset += size
        case 0x86dd:
            guard available >= offset + 40, start[offset] >> 4 == 6 else { return nil }
            var next = start[offset + 6]
            length = word(offset + 4) == 0 ? 0 : word(offset + 4) + 40
            offset += 40
            // Hop-by-hop, routing and destination options (RFC 8200 4.1).
            while next == 0 || next == 43 || next == 60 {
                guard offset + 8 <= available else { return nil }
                next = start[offset]
                offset += 8 + Int(start[offset + 1]) * 8
            }
            (isVersion6, number) = (true, next)
        default: return nil
        }
        transport = offset
        switch number {
        case Self.tcp:
            guard offset + 20 <= available, start[offset + 12] >> 4 >= 5 else { return nil }
            count = offset + Int(start[offset + 12] >> 4) * 4
        case Self.udp: count = offset + 8
        default: return nil
        }
        packetEnd = lengthKnown ? Self.ethernet + length : frameCount
        guard count <= available, packetEnd >= count, packetEnd <= frameCount else { return nil }
    }

    /// Offset of the checksum field from the transport header.
    public var checksumOffset: Int { number == Self.tcp ? 16 : 6 }
    /// Where source and destination address lie, one after another.
    public var addresses: Range<Int> { isVersion6 ? 22..<54 : 26..<34 }
    /// Bytes from the transport header to the packet's end.
    public var transportCount: Int { packetEnd - transport }

    /// Writes the IP length of a packet of `end` bytes (Ethernet header included) into its copied header, and IPv4's header checksum.
    public func finishNetworkHeader(_ header: UnsafeMutableRawBufferPointer, end: Int) {
        let ip = Self.ethernet
        func store(_ value: Int, _ offset: Int) {
            header.storeBytes(of: UInt16(truncatingIfNeeded: value).bigEndian, toByteOffset: offset, as: UInt16.self)
        }
        if isVersion6 { return store(end - ip - 40, ip + 4) }
        store(end - ip, ip + 2)
        store(0, ip + 10)
        let size = Int(header[ip] & 15) * 4
        guard ip + size <= header.count else { return }
        let sum = InternetChecksum.sum(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(header)[ip..<ip + size]))
        header.storeBytes(of: ~InternetChecksum.fold(sum), toByteOffset: ip + 10, as: UInt16.self)
    }

    /// The sum of the pseudo header of a packet that ends at `end`.
    public func pseudoHeader(_ header: UnsafeRawBufferPointer, end: Int) -> UInt64 {
        InternetChecksum.pseudoHeader(
            addresses: UnsafeRawBufferPointer(rebasing: header[addresses]), protocol: number, length: end - transport)
    }
}
