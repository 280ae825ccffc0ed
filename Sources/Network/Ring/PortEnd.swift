import CHost
import Glibc

/// One end of a connected port: rings both ways and the sockets on which the ends wake each other. One thread.
package final class PortEnd: @unchecked Sendable {
    package enum Side: Sendable { case worker, switching }

    let memory: PortMemory
    private var putter: FramePutter
    private var taker: FrameTaker
    private let outgoing: Int32

    /// Takes over `signal`, the socket that wakes the other side.
    package init(memory: PortMemory, side: Side, signal: Int32) {
        (self.memory, outgoing) = (memory, signal)
        putter = FramePutter(memory.ring(side == .worker ? 0 : 1))
        taker = FrameTaker(memory.ring(side == .worker ? 1 : 0))
    }

    deinit { close(outgoing) }

    /// The other side broke the rules of the rings; nothing more comes or goes.
    package var isBroken: Bool { putter.isBroken || taker.isBroken }

    package func send(_ header: FrameHeader, _ segments: UnsafeBufferPointer<iovec>) -> Bool { putter.put(header, segments) }

    package func receive(_ body: (FrameHeader, UnsafeRawBufferPointer) -> Bool) -> Bool? { taker.take(body) }

    package func flush() {
        let sent = putter.announce()
        if taker.announce() || sent { lv_signal_send(outgoing) }
    }
}
