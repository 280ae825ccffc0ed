import Basics
import Glibc
import Network

/// Frames and ports for tests.
enum TestFrame {
    /// An IPv4 UDP frame.
    static func udp(
        from source: UInt64, to destination: UInt64, source sourceAddress: [UInt8] = [10, 0, 0, 1],
        destination destinationAddress: [UInt8] = [10, 0, 0, 2], ports: (UInt16, UInt16) = (1000, 2000), payload: [UInt8] = [1, 2, 3, 4]
    ) -> [UInt8] {
        let udp = word(ports.0) + word(ports.1) + word(UInt16(8 + payload.count)) + [0, 0] + payload
        return ethernet(from: source, to: destination, type: 0x0800)
            + ipv4(source: sourceAddress, destination: destinationAddress, number: 17, payload: udp)
    }

    static func ethernet(from source: UInt64, to destination: UInt64, type: UInt16) -> [UInt8] {
        mac(destination) + mac(source) + word(type)
    }

    static func mac(_ value: UInt64) -> [UInt8] { (0..<6).map { UInt8(truncatingIfNeeded: value >> (40 - 8 * $0)) } }
    static func word(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(truncatingIfNeeded: value)] }
    static func long(_ value: UInt32) -> [UInt8] { word(UInt16(value >> 16)) + word(UInt16(truncatingIfNeeded: value)) }

    static func ipv4(source: [UInt8], destination: [UInt8], number: UInt8, payload: [UInt8]) -> [UInt8] {
        var header: [UInt8] = [0x45, 0] + word(UInt16(20 + payload.count)) + [0, 1, 0x40, 0, 64, number, 0, 0] + source + destination
        let sum = checksum(header)
        (header[10], header[11]) = (UInt8(sum >> 8), UInt8(truncatingIfNeeded: sum))
        return header + payload
    }

    /// The complement of the ones' complement sum (RFC 1071), written out plainly.
    static func checksum(_ bytes: [UInt8]) -> UInt16 {
        var sum: UInt32 = 0
        for index in stride(from: 0, to: bytes.count, by: 2) {
            sum += UInt32(bytes[index]) << 8 | UInt32(index + 1 < bytes.count ? bytes[index + 1] : 0)
        }
        while sum > 0xFFFF { sum = sum & 0xFFFF + sum >> 16 }
        return ~UInt16(sum)
    }

    /// A TCP segment with a good checksum.
    static func tcp(
        source: [UInt8], destination: [UInt8], ports: (UInt16, UInt16), sequence: UInt32, acknowledgement: UInt32, flags: UInt8,
        payload: [UInt8] = []
    ) -> [UInt8] {
        var segment =
            word(ports.0) + word(ports.1) + long(sequence) + long(acknowledgement) + [0x50, flags] + word(65535) + [0, 0, 0, 0] + payload
        let sum = checksum(source + destination + [0, 6] + word(UInt16(segment.count)) + segment)
        (segment[16], segment[17]) = (UInt8(sum >> 8), UInt8(truncatingIfNeeded: sum))
        return ipv4(source: source, destination: destination, number: 6, payload: segment)
    }
}

let macA: UInt64 = 0x0015_5D00_000A
let macB: UInt64 = 0x0015_5D00_000B
let macC: UInt64 = 0x0015_5D00_000C
let everybody: UInt64 = 0xFFFF_FFFF_FFFF

func settings(_ mac: UInt64, _ change: (inout PortSettings) -> Void = { _ in }) -> PortSettings {
    let digits = TestFrame.mac(mac).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    var settings = PortSettings(
        adapterId: GUID(), virtualMachineId: GUID(), virtualMachineName: "vm-\(digits)", adapterName: "Network Adapter", macAddress: digits)
    change(&settings)
    return settings
}

extension LearningSwitch {
    /// Sends a frame in and says which ports it goes out of.
    mutating func ports(_ frame: [UInt8], tag: UInt16? = nil, from: Int, now: UInt64 = 0) -> [Int] {
        deliveries(frame, tag: tag, from: from, now: now).map(\.port)
    }

    mutating func deliveries(_ frame: [UInt8], tag: UInt16? = nil, from: Int, now: UInt64 = 0) -> [Delivery] {
        var deliveries: [Delivery] = []
        frame.withUnsafeBytes { bytes in
            let head = UnsafeRawBufferPointer(rebasing: bytes[..<min(bytes.count, FrameSummary.headBytes)])
            let summary = FrameSummary(head, isWhole: bytes.count <= FrameSummary.headBytes)
            _ = forward(summary, tag: tag, bytes: frame.count, from: from, now: now, &deliveries)
        }
        return deliveries
    }
}

extension NetworkPort {
    func send(_ bytes: [UInt8], _ header: FrameHeader = FrameHeader()) -> Bool {
        bytes.withUnsafeBytes { raw in
            var part = iovec(iov_base: UnsafeMutableRawPointer(mutating: raw.baseAddress), iov_len: raw.count)
            return withUnsafePointer(to: &part) { send(header, UnsafeBufferPointer(start: $0, count: 1)) }
        }
    }

    /// Waits for the next frame that `isWanted`, for at most so many seconds; what comes before it is dropped.
    func next(seconds: Double = 5, _ isWanted: ([UInt8]) -> Bool = { _ in true }) -> (header: FrameHeader, bytes: [UInt8])? {
        let end = monotonic() + UInt64(seconds * 1e9)
        while true {
            var found: (FrameHeader, [UInt8])?
            while found == nil {
                let taken = receive { header, bytes in
                    let frame = Array(bytes)
                    if isWanted(frame) { found = (header, frame) }
                    return true
                }
                if taken == nil { break }
            }
            flush()
            if let found { return found }
            let now = monotonic()
            guard now < end else { return nil }
            var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            if poll(&polled, 1, Int32((end - now) / 1_000_000 + 1)) > 0 { acknowledge() }
        }
    }

    /// Waits until the port is as it should be; it is looked at whenever something happened, and every 20 ms.
    func wait(seconds: Double = 5, until isDone: () -> Bool) -> Bool {
        let end = monotonic() + UInt64(seconds * 1e9)
        while !isDone() {
            guard monotonic() < end else { return false }
            var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            if poll(&polled, 1, 20) > 0 { acknowledge() }
        }
        return true
    }
}

func monotonic() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
