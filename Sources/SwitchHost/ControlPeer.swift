import CHost
import Glibc
import Persistence
import WorkerProtocol

/// A client of Management on `control.sock`. Every request is answered at once, so all there is to keep is what could not be sent yet.
final class ControlPeer {
    let socket: OpenFile
    private(set) var saidHello = false
    private var decoder = FrameDecoder()
    private var output: [UInt8] = []
    private var isBroken = false
    /// Nothing more is read; it ends when what waits has been sent.
    private var isClosing = false
    private let helloDeadline = HostTime.monotonic() + UInt64(ProtocolLimits.helloSeconds * 1e9)

    init(_ socket: OpenFile) { self.socket = socket }

    var hasOutput: Bool { !output.isEmpty }

    func isOver(_ now: UInt64) -> Bool { isBroken || (isClosing && output.isEmpty) || ((!saidHello || isClosing) && now > helloDeadline) }

    /// What has come, at most 64 KiB.
    func receive() -> [Frame] {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        var count: Int32 = 0
        let size = lv_receive(socket.descriptor, &buffer, buffer.count, nil, 0, &count)
        if size == -Int(EAGAIN) || isClosing { return [] }
        guard size > 0 else {
            isBroken = true
            return []
        }
        decoder.append(buffer[..<size])
        var frames: [Frame] = []
        do {
            while let frame = try decoder.next() { frames.append(frame) }
        } catch {
            send(error: error, request: 0)
            isClosing = true
        }
        return frames
    }

    /// Answers the first frame.
    func greet(_ frame: Frame, _ hello: Hello) {
        do {
            guard frame.kind == .hello else { throw ProtocolError.malformed("something else than hello first") }
            _ = try hello.agree(with: try ProtocolCodec.decode(Hello.self, from: frame.body))
            saidHello = true
            send(Frame(.hello, request: 0, body: try ProtocolCodec.encode(hello)))
        } catch {
            send(error: error, request: 0)
            isClosing = true
        }
    }

    func send(error: any Error, request: UInt32) {
        guard let body = try? ProtocolCodec.encode(TransportedError(error)) else { return }
        send(Frame(.error, request: request, body: body))
    }

    func send(_ frame: Frame) {
        guard !isBroken else { return }
        output += frame.encoded
        if output.count > ProtocolLimits.queuedBytes { isBroken = true }
    }

    func flush() {
        while !isBroken, !output.isEmpty {
            let count = lv_send(socket.descriptor, output, output.count, nil, 0)
            if count == -Int(EAGAIN) { return }
            if count < 0 { isBroken = true } else { output.removeFirst(count) }
        }
    }
}
