import Basics
import CHost

#if canImport(Glibc)
    import Glibc
#endif

/// A server's end of one control connection: frames in and out of a socket that never blocks. Touched by one thread; the socket is the
/// caller's, and outlives the stream.
package final class FrameStream {
    package let descriptor: Int32
    /// The versions were agreed.
    package private(set) var saidHello = false
    /// Ended by the peer, by a violation, or because the peer does not read.
    package private(set) var isBroken = false
    /// Nothing more is read; it ends when what waits has been sent.
    package private(set) var isClosing = false
    /// When the peer must have said hello, or taken its last words, on the monotonic clock.
    private var deadline = FrameStream.nextDeadline
    private var decoder = FrameDecoder()
    private var output: [UInt8] = []
    private var sent = 0

    private static var nextDeadline: UInt64 { HostTime.monotonic() + UInt64(ProtocolLimits.helloSeconds * 1e9) }

    package init(descriptor: Int32) { self.descriptor = descriptor }

    /// Bytes that could not be sent yet.
    package var queuedBytes: Int { output.count - sent }

    /// To be dropped: broken, or closing with everything sent.
    package var isOver: Bool { isBroken || (isClosing && queuedBytes == 0) }

    /// Ends the connection when what waits has been sent.
    package func close() {
        guard !isClosing else { return }
        isClosing = true
        deadline = Self.nextDeadline
    }

    /// Breaks what violates the protocol.
    package func fail() { isBroken = true }

    /// Drops who says no hello, and who does not take its last words.
    package func checkDeadline(_ now: UInt64) {
        guard now > deadline else { return }
        if isClosing { isBroken = true } else if !saidHello { close() }
    }

    /// Reads what has come, at most 64 KiB, so that one peer cannot keep the others waiting; descriptors that came along are appended to
    /// `descriptors` and are the caller's (nil: none are taken). Any violation ends the connection.
    package func receive(descriptors: UnsafeMutablePointer<[Int32]>? = nil) -> [Frame] {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        var passed = [Int32](repeating: -1, count: descriptors == nil ? 0 : ProtocolLimits.descriptors)
        var count: Int32 = 0
        let size = lv_receive(descriptor, &buffer, buffer.count, &passed, Int32(passed.count), &count)
        descriptors?.pointee += passed.prefix(Int(count))
        if size == -Int(EAGAIN) { return [] }
        guard size > 0 else {
            isBroken = true
            return []
        }
        // Read all the same: what lies in the socket would keep a poll from waiting.
        if isClosing { return [] }
        decoder.append(buffer[..<size])
        var frames: [Frame] = []
        do {
            while let frame = try decoder.next() { frames.append(frame) }
        } catch {
            send(error: error, request: 0)
            close()
        }
        return frames
    }

    /// Answers the first frame.
    package func greet(_ frame: Frame, as hello: Hello) {
        do {
            guard frame.kind == .hello else { throw ProtocolError.malformed("something else than hello first") }
            _ = try hello.agree(with: try ProtocolCodec.decode(Hello.self, from: frame.body))
            saidHello = true
            send(Frame(.hello, request: 0, body: try ProtocolCodec.encode(hello)))
        } catch {
            send(error: error, request: 0)
            close()
        }
    }

    /// Replies are small and bounded in number; only a peer that does not read gets beyond the bound.
    package func send(_ frame: Frame) {
        guard !isBroken else { return }
        output += frame.encoded
        if queuedBytes > ProtocolLimits.queuedBytes + ProtocolLimits.largestFrame { isBroken = true }
    }

    package func send(error: any Error, request: UInt32) {
        guard let body = try? ProtocolCodec.encode(TransportedError(error)) else { return }
        send(Frame(.error, request: request, body: body))
    }

    /// Sends what the socket takes.
    package func flush() {
        while !isBroken, sent < output.count {
            let count = output.withUnsafeBytes {
                lv_send(descriptor, $0.baseAddress?.advanced(by: sent), output.count - sent, nil, 0)
            }
            if count == -Int(EAGAIN) { break }
            if count < 0 { isBroken = true } else { sent += count }
        }
        if sent > 1 << 16 || sent == output.count {
            output.removeFirst(sent)
            sent = 0
        }
    }
}
