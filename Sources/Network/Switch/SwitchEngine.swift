import Basics
import CHost
import Glibc
import Synchronization

/// A running switch: one thread that moves frames between the ports' rings, the uplink and the host's adapters as `LearningSwitch` says.
///
/// ```
/// loop:  what others ask (perform) → frames of each port, a turn each → frames of uplink and host → signals → nothing left: wait
/// ```
/// A frame is copied once, from ring to ring. Its first bytes are copied out before they are looked at and go on from that copy, so what
/// was checked is what is delivered, whatever the sender does to the ring meanwhile.
package final class SwitchEngine: @unchecked Sendable {
    /// Frames and bytes that a port may send before the next one's turn.
    private static let turn = (frames: 64, bytes: 256 << 10)

    private final class Port {
        let end: PortEnd
        let wake: Int32
        var settings: PortSettings
        var bucket: TokenBucket?
        /// Frames may wait in its ring.
        var isReady = true
        var isTouched = false
        /// Its worker has closed its end; the port will be disconnected.
        var isLeft = false
        init(end: PortEnd, wake: Int32, settings: PortSettings) { (self.end, self.wake, self.settings) = (end, wake, settings) }
        deinit { close(wake) }
    }

    // The loop's thread alone touches what follows, up to the mailbox.
    private var core = LearningSwitch()
    private var ports: [Int: Port] = [:]
    private var order: [Int] = []
    /// The uplink and the host's adapters by their port numbers.
    private var outlets: [Int: any Uplink] = [:]
    private var outletOrder: [Int] = []
    /// Ports of the uplinks by their names, in the order they were given.
    private var uplinks: [(name: String, port: Int)] = []
    private var uplinkMirroring = PortRules.Mirroring.none
    private var hostAdapters: [GUID: (port: Int, teamMember: String?)] = [:]
    private var capture: CaptureFile?
    /// All frames that come in, before any rule is applied.
    private var wholeCapture: CaptureFile?
    /// The test of a connection that runs, with the port that asks, and what it sends next.
    private var probe: (port: Int, state: ConnectionProbe, next: [UInt8]?, tag: UInt16?)?
    private var polled: [pollfd] = []
    private var deliveries: [LearningSwitch.Delivery] = []
    private let head: UnsafeMutableRawPointer

    private struct Mail {
        var letters: [@Sendable () -> Void] = []
        var isStopping = false
    }
    private let mail = Mutex(Mail())
    private let wakeReader: Int32
    private let wakeWriter: Int32
    private let captureFolder: Int32

    /// `captureFolder`: where `mirror.pcap` goes; stays the caller's. -1: no captures.
    package init(captureFolder: Int32) throws {
        var ends: [Int32] = [-1, -1]
        let failure = lv_socket_pair(&ends)
        guard failure == 0 else { throw NetworkError.system(-failure, "make a socket pair") }
        (wakeReader, wakeWriter) = (ends[0], ends[1])
        self.captureFolder = captureFolder
        head = .allocate(byteCount: FrameSummary.headBytes, alignment: 16)
    }

    deinit {
        close(wakeReader)
        close(wakeWriter)
        head.deallocate()
    }

    // MARK: Asked by other threads

    /// Runs `body` on the loop's thread and waits for its result. Not from that thread.
    package func perform<Result: Sendable>(_ body: @escaping @Sendable (SwitchEngine) -> Result) -> Result? {
        let answer = Answer<Result>()
        let accepted = mail.withLock { mail -> Bool in
            guard !mail.isStopping else { return false }
            mail.letters.append { answer.set(body(self)) }
            return true
        }
        guard accepted else { return nil }
        lv_signal_send(wakeWriter)
        return answer.wait()
    }

    /// Ends `run` after the letters that wait.
    package func stop() {
        mail.withLock { $0.isStopping = true }
        lv_signal_send(wakeWriter)
    }

    // MARK: Inside perform

    /// Connects a port. `wake` becomes readable when the worker signals; both are taken over. Throws for settings that cannot be.
    package func connect(_ end: PortEnd, wake: Int32, settings: PortSettings) throws -> Int {
        let port = Port(end: end, wake: wake, settings: settings)
        let rules = try PortRules(settings)
        let number = core.add(rules)
        port.bucket = rules.maximumBandwidth.map { TokenBucket(bitsPerSecond: $0, now: HostTime.monotonic()) }
        ports[number] = port
        pin(number, to: settings.teamMember)
        survey()
        return number
    }

    package func configure(_ number: Int, _ settings: PortSettings) throws {
        guard let port = ports[number] else { return }
        let rules = try PortRules(settings)
        core.configure(number, rules, keepingMeters: settings.accessRules == port.settings.accessRules)
        if settings.maximumBandwidth != port.settings.maximumBandwidth {
            port.bucket = rules.maximumBandwidth.map { TokenBucket(bitsPerSecond: $0, now: HostTime.monotonic()) }
        }
        port.settings = settings
        pin(number, to: settings.teamMember)
        survey()
    }

    package func disconnect(_ number: Int) {
        ports[number] = nil
        if probe?.port == number { probe = nil }
        core.remove(number)
        survey()
    }

    /// Puts another uplink in the place of the one before; nil: none.
    package func setUplink(_ new: (any Uplink)?) { setUplinks(new.map { [("", $0)] } ?? []) }

    /// Puts these uplinks, which lead to the same network, in the place of those before.
    package func setUplinks(_ new: [(name: String, uplink: any Uplink)]) {
        for (_, port) in uplinks {
            core.remove(port)
            outlets[port] = nil
        }
        uplinks = new.map { name, uplink in
            let port = core.add(PortRules(uplinkTrunk: uplink.carriesTags, mirroring: uplinkMirroring))
            outlets[port] = uplink
            return (name, port)
        }
        core.setTeam(uplinks.map(\.port), working: uplinks.map(\.port))
        pinAll()
        survey()
    }

    /// Makes the ports that lead out sources or destinations of mirrored frames, or neither; also those of uplinks to come.
    package func setUplinkMirroring(_ mirroring: PortRules.Mirroring) {
        guard mirroring != uplinkMirroring else { return }
        uplinkMirroring = mirroring
        for (_, port) in uplinks {
            guard let uplink = outlets[port] else { continue }
            core.configure(port, PortRules(uplinkTrunk: uplink.carriesTags, mirroring: mirroring), keepingMeters: true)
        }
        survey()
    }

    private func pinAll() {
        for (number, port) in ports { pin(number, to: port.settings.teamMember) }
        for adapter in hostAdapters.values { pin(adapter.port, to: adapter.teamMember) }
    }

    /// Says which uplinks have a link.
    package func setWorking(_ names: Set<String>) {
        core.setTeam(uplinks.map(\.port), working: uplinks.filter { names.contains($0.name) }.map(\.port))
    }

    private func pin(_ number: Int, to member: String?) {
        core.pin(number, to: member.flatMap { name in uplinks.first { $0.name == name }?.port })
    }

    /// Makes the host's adapters these, all of them or nothing: TAP devices that come, go, and keep their state when only rules change.
    package func setHostAdapters(_ new: [HostAdapterPort]) throws {
        var made: [GUID: TAPUplink] = [:]
        for adapter in new where hostAdapters[adapter.id] == nil { made[adapter.id] = try TAPUplink(internalNamed: adapter.interface) }
        for (id, old) in hostAdapters where !new.contains(where: { $0.id == id }) {
            core.remove(old.port)
            (outlets[old.port], hostAdapters[id]) = (nil, nil)
        }
        for adapter in new {
            if let old = hostAdapters[adapter.id] {
                core.configure(old.port, adapter.rules, keepingMeters: false)
                hostAdapters[adapter.id]?.teamMember = adapter.teamMember
            } else if let device = made[adapter.id] {
                let port = core.add(adapter.rules)
                outlets[port] = device
                hostAdapters[adapter.id] = (port, adapter.teamMember)
            }
        }
        pinAll()
        survey()
    }

    /// Writes every frame that comes in into `capture.pcap` from now on, or no more. nil: the usual bounds.
    package func setCapture(_ isOn: Bool, fileBytes: Int? = nil, frameBytes: Int? = nil) {
        guard isOn, captureFolder >= 0 else {
            wholeCapture = nil
            return
        }
        let file = wholeCapture ?? CaptureFile(folder: captureFolder, name: "capture.pcap")
        file.limit = fileBytes ?? CaptureFile.usualLimit
        file.frameBytes = frameBytes ?? CaptureFile.longestFrame
        wholeCapture = file
    }

    /// Begins to test a connection of an adapter, in place of the test before. Throws where the adapter is not connected.
    package func startProbe(
        adapter: GUID, sender: UInt32, receiver: UInt32, nextHop: MACAddress?, sequence: UInt16, payload: Int, network: Int?
    ) throws {
        guard let (number, port) = ports.first(where: { $0.value.settings.adapterId == adapter }),
            let mac = MACAddress(port.settings.macAddress)
        else {
            throw NetworkError(
                "AdapterNotConnected", .invalidOperation, "The adapter is not connected to this switch now.",
                action: "Start the VM, and connect the adapter.")
        }
        var state = ConnectionProbe(
            .init(mac: mac, sender: sender, receiver: receiver, nextHop: nextHop, sequence: sequence, payload: payload),
            identifier: .random(in: 0 ... .max))
        let first = state.begin(now: HostTime.monotonic())
        probe = (number, state, first, network.flatMap { $0 == 0 ? nil : UInt16($0 & 0xFFF) })
    }

    /// How far the test is that was begun last; nil: there is none.
    package var probePhase: ConnectionProbe.Phase? { probe?.state.phase }

    package func endProbe() { probe = nil }

    /// Settings, counters and meters of the ports, in no order.
    package func report() -> [(settings: PortSettings, counters: LearningSwitch.Counters, metered: [UInt64])] {
        ports.map { ($1.settings, core.counters($0), core.metered($0)) }
    }

    package var uplinkCounters: LearningSwitch.Counters { uplinks.first.map { core.counters($0.port) } ?? .init() }

    /// The NAT uplink, to open and close forwarded ports; nil on other switches.
    package var nat: NATUplink? { uplinks.first.flatMap { outlets[$0.port] } as? NATUplink }

    private func survey() {
        order = ports.keys.sorted()
        outletOrder = outlets.keys.sorted()
        if core.hasMirrorSource, captureFolder >= 0 {
            if capture == nil { capture = CaptureFile(folder: captureFolder, name: "mirror.pcap") }
        } else {
            capture = nil
        }
    }

    // MARK: The loop

    /// Moves frames until `stop`.
    package func run() {
        while true {
            let (letters, stopping) = mail.withLock { mail in
                defer { mail.letters = [] }
                return (mail.letters, mail.isStopping)
            }
            for letter in letters { letter() }
            if stopping { break }
            let (isBusy, pause) = moveFrames()
            for number in order {
                guard let port = ports[number], port.isTouched else { continue }
                port.isTouched = false
                port.end.flush()
            }
            if !isBusy {
                capture?.flush()
                wholeCapture?.flush()
            }
            wait(milliseconds: isBusy ? 0 : pause)
        }
        capture?.flush()
        wholeCapture?.flush()
    }

    /// One turn for everybody. Whether more waits, and for how long nothing will (-1: until a signal).
    private func moveFrames() -> (isBusy: Bool, milliseconds: Int32) {
        var (isBusy, pause) = (false, Int32(-1))
        let now = HostTime.monotonic()
        sendProbe(now)
        for number in order {
            guard let port = ports[number], port.isReady else { continue }
            let delay = drain(port, number, now)
            if delay > 0 {
                let milliseconds = Int32(clamping: (delay + 999_999) / 1_000_000)
                pause = pause < 0 ? milliseconds : min(pause, milliseconds)
            } else if port.isReady {
                isBusy = true
            }
        }
        for number in outletOrder {
            guard let outlet = outlets[number] else { continue }
            if outlet.receive(limit: Self.turn.frames, { header, bytes in forward(header, bytes, from: number, now) }) { isBusy = true }
        }
        return (isBusy, pause)
    }

    /// What the test of a connection has to send, as if its port's guest did.
    private func sendProbe(_ now: UInt64) {
        guard let waiting = probe, let frame = waiting.next else { return }
        probe?.next = nil
        var header = FrameHeader()
        header.tag = waiting.tag
        frame.withUnsafeBytes { forward(header, $0, from: waiting.port, now) }
    }

    /// True when a frame to a port was the answer to a test, and is nothing for its guest.
    private func takesProbe(_ header: FrameHeader, _ count: Int, _ number: Int) -> Bool {
        guard probe?.port == number, header.segmentSize == 0 else { return false }
        guard let (isOwn, next) = probe?.state.take(UnsafeRawBufferPointer(start: head, count: count), now: HostTime.monotonic()) else {
            return false
        }
        if let next {
            probe?.next = next
            // The loop must come round again.
            lv_signal_send(wakeWriter)
        }
        return isOwn
    }

    /// A port's turn. Nanoseconds for which its bandwidth is used up, else 0; afterwards `isReady` says whether more may wait.
    private func drain(_ port: Port, _ number: Int, _ now: UInt64) -> UInt64 {
        var (frames, bytes) = (0, 0)
        while frames < Self.turn.frames, bytes < Self.turn.bytes {
            if let delay = port.bucket?.wait(now), delay > 0 { return delay }
            var size = 0
            let taken = port.end.receive { header, frame in
                size = frame.count
                forward(header, frame, from: number, now)
                return true
            }
            guard taken != nil else {
                port.isReady = false
                break
            }
            port.isTouched = true
            port.bucket?.spend(size)
            frames += 1
            bytes += size
        }
        return 0
    }

    private func forward(_ header: FrameHeader, _ frame: UnsafeRawBufferPointer, from: Int, _ now: UInt64) {
        guard frame.count >= FrameRing.smallestFrame, let source = frame.baseAddress else { return }
        var header = header
        var count = min(frame.count, FrameSummary.headBytes)
        head.copyMemory(from: source, byteCount: count)
        let rest = UnsafeRawBufferPointer(rebasing: frame[count...])
        if header.tag == nil, count >= 18, head.load(fromByteOffset: 12, as: UInt16.self) == UInt16(0x8100).bigEndian {
            takeTag(&header, &count, whole: frame.count - 4)
        }
        let bytes = UnsafeRawBufferPointer(start: head, count: count)
        wholeCapture?.append(bytes, rest, tag: header.tag, wallTime: HostTime.wall())
        let summary = FrameSummary(bytes, isWhole: rest.isEmpty)
        let mirrored = core.forward(
            summary, tag: header.tag, bytes: count + rest.count, from: from, now: now / 1_000_000_000, &deliveries)
        if let mirrored { capture?.append(bytes, rest, tag: mirrored.tag, wallTime: HostTime.wall()) }
        guard !deliveries.isEmpty else { return }
        withUnsafeTemporaryAllocation(of: iovec.self, capacity: 2) { parts in
            parts[0] = iovec(iov_base: head, iov_len: count)
            parts[1] = iovec(iov_base: UnsafeMutableRawPointer(mutating: rest.baseAddress), iov_len: rest.count)
            let segments = UnsafeBufferPointer(rebasing: UnsafeBufferPointer(parts)[..<(rest.isEmpty ? 1 : 2)])
            for delivery in deliveries {
                if probe != nil, takesProbe(header, count, delivery.port) { continue }
                header.tag = delivery.tag
                let taken = send(header, segments, to: delivery.port)
                core.delivered(delivery, bytes: count + rest.count, taken: taken)
            }
        }
    }

    private func send(_ header: FrameHeader, _ segments: UnsafeBufferPointer<iovec>, to number: Int) -> Bool {
        guard let port = ports[number] else { return outlets[number]?.send(header, segments) ?? false }
        port.isTouched = true
        return port.end.send(header, segments)
    }

    /// Moves a tag that stands in the frame's bytes beside them.
    private func takeTag(_ header: inout FrameHeader, _ count: inout Int, whole: Int) {
        header.tag = UInt16(bigEndian: head.load(fromByteOffset: 14, as: UInt16.self))
        memmove(head + 12, head + 16, count - 16)
        count -= 4
        if header.checksum == .partial { header.checksumStart = header.checksumStart >= 18 ? header.checksumStart - 4 : 0 }
        if header.segmentSize > 0 { header.headerCount = header.headerCount >= 18 ? header.headerCount - 4 : 0 }
        header.fit(frame: whole)
    }

    /// Waits for signals, the uplink, the host's adapters, letters. A port whose memory is spoilt is not waited for: its worker will be told by its connection.
    private func wait(milliseconds: Int32) {
        var milliseconds = milliseconds
        polled.removeAll(keepingCapacity: true)
        polled.append(pollfd(fd: wakeReader, events: Int16(POLLIN), revents: 0))
        for number in order {
            guard let port = ports[number] else { continue }
            polled.append(pollfd(fd: port.end.isBroken || port.isLeft ? -1 : port.wake, events: Int16(POLLIN), revents: 0))
        }
        let own = polled.count
        var shares: [Range<Int>] = []
        for number in outletOrder {
            let begin = polled.count
            outlets[number]?.prepare(&polled, milliseconds: &milliseconds)
            shares.append(begin..<polled.count)
        }
        let ready = poll(&polled, nfds_t(polled.count), milliseconds)
        if ready > 0 {
            if polled[0].revents != 0 { lv_signal_take(wakeReader) }
            for (number, entry) in zip(order, polled[1..<own]) where entry.revents != 0 {
                lv_signal_take(entry.fd)
                ports[number]?.isReady = true
                if Int32(entry.revents) & (POLLHUP | POLLERR | POLLNVAL) != 0 { ports[number]?.isLeft = true }
            }
        }
        for (number, share) in zip(outletOrder, shares) { outlets[number]?.service(polled[share]) }
    }
}

/// A result that one thread leaves for another.
private final class Answer<Value: Sendable>: @unchecked Sendable {
    // Guarded by the lock, whose address must not change.
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var value: Value?

    init() {
        pthread_mutex_init(lock, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(lock)
        condition.deallocate()
        lock.deallocate()
    }

    func set(_ value: Value) {
        pthread_mutex_lock(lock)
        self.value = value
        pthread_cond_signal(condition)
        pthread_mutex_unlock(lock)
    }

    func wait() -> Value? {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        while value == nil { pthread_cond_wait(condition, lock) }
        return value
    }
}
