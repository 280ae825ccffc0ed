import Basics
import Network

#if canImport(Glibc)
    import Glibc
#endif

/// An Exact machine's way to its switch: what comes from there is told before the adapter sees it. Used in the adapter's pump, as any port.
package final class LoggedPort: NetworkPort, @unchecked Sendable {
    private let base: any NetworkPort
    private let log: (MachineInput.Kind, [UInt8]) -> Void
    // Safety: of the adapter's pump.
    private var wasUp: Bool?

    package init(_ base: any NetworkPort, log: @escaping (MachineInput.Kind, [UInt8]) -> Void) { (self.base, self.log) = (base, log) }

    package var descriptor: Int32 { base.descriptor }

    package var isLinkUp: Bool {
        let isUp = base.isLinkUp
        if isUp != wasUp { log(.link, [isUp ? 1 : 0]) }
        wasUp = isUp
        return isUp
    }

    package func send(_ header: FrameHeader, _ segments: UnsafeBufferPointer<iovec>) -> Bool {
        if base.send(header, segments) { return true }
        log(.frameRefused, [])
        return false
    }

    package func receive(_ body: (FrameHeader, UnsafeRawBufferPointer) -> Bool) -> Bool? {
        base.receive { header, frame in
            let isTaken = body(header, frame)
            if isTaken { log(.frame, header.logged + frame) }
            return isTaken
        }
    }

    package func flush() { base.flush() }
    package func acknowledge() { base.acknowledge() }
}
