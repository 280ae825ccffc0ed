import Network

/// Frames for tests, and checksums by the book: sixteen bits at a time, carries added at the end of each step.
enum PlainFrame {
    static let host: [UInt8] = [0x02, 0, 0, 0, 0, 1]
    static let guest: [UInt8] = [0x00, 0x15, 0x5d, 0, 0, 7]

    static func checksum(_ bytes: [UInt8], _ start: UInt16 = 0) -> UInt16 {
        var sum = UInt32(start)
        var position = 0
        while position < bytes.count {
            let low: UInt32 = position + 1 < bytes.count ? UInt32(bytes[position + 1]) : 0
            sum += UInt32(bytes[position]) << 8 | low
            if sum > 0xffff { sum = sum - 0x10000 + 1 }
            position += 2
        }
        return UInt16(sum)
    }

    static func word(_ bytes: [UInt8], _ offset: Int) -> Int { Int(bytes[offset]) << 8 | Int(bytes[offset + 1]) }

    static func put(_ bytes: inout [UInt8], _ offset: Int, _ value: Int) {
        (bytes[offset], bytes[offset + 1]) = (UInt8(value >> 8 & 255), UInt8(value & 255))
    }

    static func pseudoHeader(_ frame: [UInt8], number: UInt8, length: Int) -> UInt16 {
        let addresses = frame[12] == 8 ? Array(frame[26..<34]) : Array(frame[22..<54])
        return checksum(
            addresses + [0, number] + [UInt8(length >> 24 & 255), UInt8(length >> 16 & 255), UInt8(length >> 8 & 255), UInt8(length & 255)])
    }

    /// A TCP frame without checksums: IP length and header checksum right, TCP's field zero.
    static func tcp(
        to: [UInt8] = guest, from: [UInt8] = host, version6: Bool = false, payload: Int, ports: (Int, Int) = (40000, 5201),
        flags: UInt8 = 0x18,
        sequence: UInt32 = 0xffff_fa00, options: Int = 12, source: UInt8 = 1
    ) -> [UInt8] {
        var tcp: [UInt8] = [UInt8(ports.0 >> 8), UInt8(ports.0 & 255), UInt8(ports.1 >> 8), UInt8(ports.1 & 255)]
        tcp += [UInt8(sequence >> 24), UInt8(sequence >> 16 & 255), UInt8(sequence >> 8 & 255), UInt8(sequence & 255)]
        tcp += [1, 2, 3, 4, UInt8((20 + options) / 4) << 4, flags, 0x20, 0, 0, 0, 0, 0] + [UInt8](repeating: 1, count: options)
        return ip(to: to, from: from, version6: version6, number: 6, transport: tcp + data(payload), source: source)
    }

    static func udp(
        to: [UInt8] = guest, from: [UInt8] = host, version6: Bool = false, payload: Int, ports: (Int, Int) = (1000, 53)
    ) -> [UInt8] {
        let length = 8 + payload
        let udp: [UInt8] = [
            UInt8(ports.0 >> 8), UInt8(ports.0 & 255), UInt8(ports.1 >> 8), UInt8(ports.1 & 255), UInt8(length >> 8), UInt8(length & 255),
            0, 0,
        ]
        return ip(to: to, from: from, version6: version6, number: 17, transport: udp + data(payload))
    }

    static func data(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) } }

    private static func ip(to: [UInt8], from: [UInt8], version6: Bool, number: UInt8, transport: [UInt8], source: UInt8 = 1) -> [UInt8] {
        if version6 {
            let length = transport.count
            var header: [UInt8] = [0x60, 0, 0, 0, UInt8(length >> 8 & 255), UInt8(length & 255), number, 64]
            header += [0xfd] + [UInt8](repeating: 0, count: 14) + [source] + [0xfd] + [UInt8](repeating: 0, count: 14) + [2]
            return to + from + [0x86, 0xdd] + header + transport
        }
        let length = 20 + transport.count
        var header: [UInt8] = [0x45, 0, UInt8(length >> 8 & 255), UInt8(length & 255), 0xff, 0xfe, 0x40, 0, 64, number, 0, 0]
        header += [10, 0, 0, source, 10, 0, 0, 2]
        put(&header, 10, Int(~checksum(header)))
        return to + from + [8, 0] + header + transport
    }

    static func transport(_ frame: [UInt8]) -> Int { frame[12] == 8 ? 34 : 54 }
    static func number(_ frame: [UInt8]) -> UInt8 { frame[12] == 8 ? frame[23] : frame[20] }
    static func field(_ frame: [UInt8]) -> Int { transport(frame) + (number(frame) == 6 ? 16 : 6) }

    /// The frame with its transport checksum made.
    static func finished(_ frame: [UInt8]) -> [UInt8] {
        var frame = frame
        let start = transport(frame)
        put(&frame, field(frame), 0)
        let pseudo = pseudoHeader(frame, number: number(frame), length: frame.count - start)
        let value = ~checksum(Array(frame[start...]), pseudo)
        put(&frame, field(frame), value == 0 ? 0xffff : Int(value))
        return frame
    }

    /// The frame with the pseudo header's sum in the checksum field, and the header that says so.
    static func partial(_ frame: [UInt8], segment: Int = 0) -> FakePort.Frame {
        var bytes = frame
        let start = transport(frame)
        put(&bytes, field(frame), Int(pseudoHeader(frame, number: number(frame), length: frame.count - start)))
        var header = FrameHeader()
        (header.checksum, header.checksumStart, header.checksumOffset) = (.partial, UInt16(start), UInt16(field(frame) - start))
        if segment > 0 { (header.segmentSize, header.headerCount) = (UInt16(segment), UInt16(start + Int(frame[start + 12] >> 4) * 4)) }
        return FakePort.Frame(header: header, bytes: bytes)
    }

    /// IPv4 header and transport checksum are both good.
    static func isGood(_ frame: [UInt8]) -> Bool {
        if frame[12] == 8, checksum(Array(frame[14..<34])) != 0xffff { return false }
        let start = transport(frame)
        let length = frame.count - start
        let claimed = frame[12] == 8 ? word(frame, 16) - 20 : word(frame, 18)
        return claimed == length && checksum(Array(frame[start...]), pseudoHeader(frame, number: number(frame), length: length)) == 0xffff
    }
}
