import Glibc
import Network

/// A switch's port that keeps what is sent and gives what a test puts into it.
final class FakePort: NetworkPort, @unchecked Sendable {
    // Safety: used on the test's thread only.
    struct Frame: Equatable {
        var header: FrameHeader
        var bytes: [UInt8]
    }
    let descriptor: Int32
    var isLinkUp = true
    var sent: [Frame] = []
    /// Frames that `send` still has room for.
    var room = Int.max
    var waiting: [Frame] = []
    var flushes = 0
    var onSend: () -> Void = {}

    init(descriptor: Int32 = 100) { self.descriptor = descriptor }

    func send(_ header: FrameHeader, _ segments: UnsafeBufferPointer<iovec>) -> Bool {
        guard room > 0 else { return false }
        room -= 1
        onSend()
        var bytes: [UInt8] = []
        for segment in segments { bytes += UnsafeRawBufferPointer(start: segment.iov_base, count: segment.iov_len) }
        sent.append(Frame(header: header, bytes: bytes))
        return true
    }

    func receive(_ body: (FrameHeader, UnsafeRawBufferPointer) -> Bool) -> Bool? {
        guard let frame = waiting.first else { return nil }
        let taken = frame.bytes.withUnsafeBytes { body(frame.header, $0) }
        if taken { waiting.removeFirst() }
        return taken
    }

    func flush() { flushes += 1 }
    func acknowledge() {}
}
