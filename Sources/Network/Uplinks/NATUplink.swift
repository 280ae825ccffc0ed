import Basics
import CSlirp
import Glibc

/// The way out of a NAT switch: libslirp, a TCP/IP stack in user space that needs no privilege (DHCP, DNS, outgoing TCP and UDP, forwarded
/// ports). It runs only in a switch's process and takes ordinary frames: large ones are cut and checksums are made before it, and what it
/// makes is good, so frames from it need no check.
package final class NATUplink: Uplink {
    package let carriesTags = false
    package let subnet: NATSubnet
    private var slirp: OpaquePointer?
    private let callbacks: UnsafeMutablePointer<SlirpCb>
    fileprivate var timers: [UnsafeMutableRawPointer: Timer] = [:]
    private var wanted: ArraySlice<pollfd> = []
    private var polledCount = 0
    private var flat = [UInt8](repeating: 0, count: FrameRing.largestFrame)
    private var piece = [UInt8](repeating: 0, count: FrameRing.largestFrame)
    /// Frames of libslirp's that wait to be delivered, one behind the other.
    fileprivate var outbox: [UInt8] = []
    fileprivate var lengths: [Int] = []
    /// Beyond this, frames are dropped; TCP sends them again.
    fileprivate static let outboxLimit = 4 << 20

    fileprivate final class Timer {
        let id: SlirpTimerId
        let argument: UnsafeMutableRawPointer?
        /// Milliseconds of the monotonic clock.
        var due: Int64?
        init(_ id: SlirpTimerId, _ argument: UnsafeMutableRawPointer?) { (self.id, self.argument) = (id, argument) }
    }

    package init(_ subnet: NATSubnet) throws {
        self.subnet = subnet
        callbacks = .allocate(capacity: 1)
        callbacks.initialize(to: SlirpCallbacks.table)
        var configuration = SlirpConfig()
        configuration.version = 4
        configuration.in_enabled = true
        configuration.vnetwork = Self.address(subnet.network)
        configuration.vnetmask = Self.address(subnet.mask)
        configuration.vhost = Self.address(subnet.gateway)
        configuration.vnameserver = Self.address(subnet.nameServer)
        configuration.vdhcp_start = Self.address(subnet.firstLease)
        configuration.in6_enabled = false
        // What listens on the host's loopback alone is the host's own business: libslirp would lead the gateway's address there.
        configuration.disable_host_loopback = true
        slirp = slirp_new(&configuration, callbacks, Unmanaged.passUnretained(self).toOpaque())
        guard slirp != nil else {
            throw NetworkError("NatFailed", .resourceUnavailable, "libslirp refused the network of the switch.")
        }
    }

    deinit {
        if let slirp { slirp_cleanup(slirp) }
        callbacks.deallocate()
    }

    fileprivate static func address(_ value: UInt32) -> in_addr { in_addr(s_addr: value.bigEndian) }

    static func milliseconds() -> Int64 { Int64(HostTime.monotonic()) / 1_000_000 }

    /// Opens a forwarded port. Throws `PortInUse` or what else the system says.
    package func add(_ forwarding: PortForwarding) throws {
        let failed = slirp_add_hostfwd(
            slirp, forwarding.isUDP ? 1 : 0, Self.address(forwarding.externalAddress), Int32(forwarding.externalPort),
            Self.address(forwarding.internalAddress), Int32(forwarding.internalPort))
        guard failed < 0 else { return }
        let code = errno
        let port = "the host's \(forwarding.isUDP ? "UDP" : "TCP") port \(forwarding.externalPort)"
        switch code {
        case EADDRINUSE:
            throw NetworkError(
                "PortInUse", .resourceBusy, "Another program uses \(port).", action: "Choose another external port.")
        case EACCES, EPERM:
            throw NetworkError(
                "PrivilegeMissing", .permissionDenied, "This user may not open \(port).", action: "Choose a port from 1024 on.")
        default:
            throw NetworkError("PortUnusable", .resourceUnavailable, "Cannot open \(port): \(String(cString: strerror(code))).")
        }
    }

    package func remove(_ forwarding: PortForwarding) {
        slirp_remove_hostfwd(
            slirp, forwarding.isUDP ? 1 : 0, Self.address(forwarding.externalAddress), Int32(forwarding.externalPort))
    }

    package func send(_ header: FrameHeader, _ segments: UnsafeBufferPointer<iovec>) -> Bool {
        var count = 0
        let fits = flat.withUnsafeMutableBytes { target -> Bool in
            for segment in segments {
                guard let from = segment.iov_base, count + segment.iov_len <= target.count, let place = target.baseAddress else {
                    return false
                }
                memcpy(place + count, from, segment.iov_len)
                count += segment.iov_len
            }
            return true
        }
        guard fits else { return false }
        if header.segmentSize > 0 { return sendCut(header, count) }
        return flat.withUnsafeMutableBytes { bytes in
            let frame = UnsafeMutableRawBufferPointer(rebasing: bytes[..<count])
            if header.checksum == .partial, !header.completeChecksum(in: frame) { return false }
            input(UnsafeRawBufferPointer(frame))
            return true
        }
    }

    private func sendCut(_ header: FrameHeader, _ count: Int) -> Bool {
        flat.withUnsafeBytes { bytes in
            let frame = UnsafeRawBufferPointer(rebasing: bytes[..<count])
            guard let segmenter = FrameSegmenter(header, frame: frame) else { return false }
            return piece.withUnsafeMutableBytes { target in
                for index in 0..<segmenter.count {
                    let payload = segmenter.payload(of: index)
                    let size = segmenter.headerCount + payload.count
                    guard size <= target.count else { return false }
                    segmenter.writeHeader(of: index, into: target)
                    UnsafeMutableRawBufferPointer(rebasing: target[segmenter.headerCount..<size])
                        .copyMemory(from: UnsafeRawBufferPointer(rebasing: frame[payload]))
                    input(UnsafeRawBufferPointer(rebasing: target[..<size]))
                }
                return true
            }
        }
    }

    /// An IPv4 frame to 127.0.0.0/8 or 0.0.0.0/8, which the host's sockets would take for its loopback.
    private static func isForLoopback(_ frame: UnsafeRawBufferPointer) -> Bool {
        frame.count >= 34 && frame[12] == 0x08 && frame[13] == 0x00 && (frame[30] == 127 || frame[30] == 0)
    }

    private func input(_ frame: UnsafeRawBufferPointer) {
        guard !Self.isForLoopback(frame) else { return }
        slirp_input(slirp, frame.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(frame.count))
    }

    package func prepare(_ polled: inout [pollfd], milliseconds: inout Int32) {
        let begin = polled.count
        var timeout: UInt32 = milliseconds < 0 ? .max : UInt32(milliseconds)
        withUnsafeMutablePointer(to: &polled) { list in
            slirp_pollfds_fill(slirp, &timeout, SlirpCallbacks.addPoll, list)
        }
        polledCount = polled.count - begin
        let now = Self.milliseconds()
        for timer in timers.values { if let due = timer.due { timeout = min(timeout, UInt32(clamping: max(0, due - now))) } }
        milliseconds = timeout > UInt32(Int32.max) ? -1 : Int32(timeout)
    }

    package func service(_ polled: ArraySlice<pollfd>) {
        wanted = polled
        withUnsafeMutablePointer(to: &wanted) { list in slirp_pollfds_poll(slirp, 0, SlirpCallbacks.events, list) }
        wanted = []
        let now = Self.milliseconds()
        for timer in timers.values where timer.due.map({ $0 <= now }) ?? false {
            timer.due = nil
            slirp_handle_timer(slirp, timer.id, timer.argument)
        }
    }

    package func receive(limit: Int, _ body: (FrameHeader, UnsafeRawBufferPointer) -> Void) -> Bool {
        guard !lengths.isEmpty else { return false }
        var header = FrameHeader()
        header.checksum = .verified
        // What a delivery makes libslirp say next goes into new buffers.
        let (frames, sizes) = (outbox, lengths)
        outbox = []
        lengths = []
        outbox.reserveCapacity(64 << 10)
        frames.withUnsafeBytes { bytes in
            var at = 0
            for size in sizes {
                body(header, UnsafeRawBufferPointer(rebasing: bytes[at..<at + size]))
                at += size
            }
        }
        return !lengths.isEmpty
    }
}

/// What libslirp asks of its surroundings, as C functions; `opaque` is the `NATUplink`, which outlives its stack.
private enum SlirpCallbacks {
    static func uplink(_ opaque: UnsafeMutableRawPointer?) -> NATUplink? {
        opaque.map { Unmanaged<NATUplink>.fromOpaque($0).takeUnretainedValue() }
    }

    static var table: SlirpCb {
        var table = SlirpCb()
        table.send_packet = { bytes, count, opaque in
            guard let bytes, let uplink = SlirpCallbacks.uplink(opaque), count >= 14 else { return Int(count) }
            guard uplink.outbox.count + count <= NATUplink.outboxLimit else { return Int(count) }
            uplink.outbox += UnsafeRawBufferPointer(start: bytes, count: count)
            uplink.lengths.append(count)
            return Int(count)
        }
        // A guest's mistakes are the guest's matter.
        table.guest_error = { _, _ in }
        table.clock_get_ns = { _ in Int64(HostTime.monotonic()) }
        table.timer_free = { timer, opaque in
            guard let timer, let uplink = SlirpCallbacks.uplink(opaque) else { return }
            if uplink.timers.removeValue(forKey: timer) != nil { Unmanaged<NATUplink.Timer>.fromOpaque(timer).release() }
        }
        table.timer_mod = { timer, due, opaque in
            guard let timer, let uplink = SlirpCallbacks.uplink(opaque) else { return }
            uplink.timers[timer]?.due = due
        }
        table.register_poll_fd = { _, _ in }
        table.unregister_poll_fd = { _, _ in }
        // Everything runs in the thread that waits next.
        table.notify = { _ in }
        table.init_completed = { _, _ in }
        table.timer_new_opaque = { id, argument, opaque in
            guard let uplink = SlirpCallbacks.uplink(opaque) else { return nil }
            let timer = NATUplink.Timer(id, argument)
            let key = Unmanaged.passRetained(timer).toOpaque()
            uplink.timers[key] = timer
            return key
        }
        return table
    }

    static let addPoll: SlirpAddPollCb = { descriptor, events, opaque in
        guard let list = opaque?.assumingMemoryBound(to: [pollfd].self) else { return -1 }
        var wanted: Int32 = 0
        for (theirs, ours) in pairs where Int(events) & theirs != 0 { wanted |= ours }
        list.pointee.append(pollfd(fd: descriptor, events: Int16(truncatingIfNeeded: wanted & (POLLIN | POLLOUT | POLLPRI)), revents: 0))
        return Int32(list.pointee.count - 1)
    }

    static let events: SlirpGetREventsCb = { index, opaque in
        guard let list = opaque?.assumingMemoryBound(to: ArraySlice<pollfd>.self), list.pointee.indices.contains(Int(index)) else {
            return 0
        }
        let ours = Int32(list.pointee[Int(index)].revents)
        var theirs = 0
        for pair in pairs where ours & pair.ours != 0 { theirs |= pair.theirs }
        return Int32(theirs)
    }

    static let pairs: [(theirs: Int, ours: Int32)] = [
        (SLIRP_POLL_IN, POLLIN), (SLIRP_POLL_OUT, POLLOUT), (SLIRP_POLL_PRI, POLLPRI),
        (SLIRP_POLL_ERR, POLLERR), (SLIRP_POLL_HUP, POLLHUP),
    ]
}
