import Glibc
import Network

/// A switch's port: takes what is sent, gives what a case puts into it.
final class FuzzPort: NetworkPort, @unchecked Sendable {
    // Safety: a case runs on one thread.
    let descriptor: Int32 = 100
    var isLinkUp = true
    /// Frames that `send` still takes.
    var places = 10_000
    var waiting: [(header: FrameHeader, bytes: [UInt8])] = []
    /// Never looked at; reading every byte shows that each segment lies where it says.
    private(set) var sum: UInt8 = 0

    func send(_ header: FrameHeader, _ segments: UnsafeBufferPointer<iovec>) -> Bool {
        guard places > 0 else { return false }
        places -= 1
        var count = 0
        for segment in segments {
            for byte in UnsafeRawBufferPointer(start: segment.iov_base, count: segment.iov_len) { sum ^= byte }
            count += segment.iov_len
        }
        promise(count <= FrameRing.largestFrame, "no frame is larger than the switch takes")
        if header.checksum == .partial {
            promise(Int(header.checksumStart) + Int(header.checksumOffset) + 2 <= count, "an offload lies inside its frame")
        }
        return true
    }

    func receive(_ body: (FrameHeader, UnsafeRawBufferPointer) -> Bool) -> Bool? {
        guard let frame = waiting.first else { return nil }
        let taken = frame.bytes.withUnsafeBytes { body(frame.header, $0) }
        if taken { waiting.removeFirst() }
        return taken
    }

    func flush() {}
    func acknowledge() {}
}
