import Basics
import CHost
import Glibc
import Synchronization

/// The part of a `SwitchPortClient` that takes time: its thread.
///
/// ```
/// connect ─ refused ─→ take switch.lock? ─ yes → start the switch ┐
///    ↑                        └ no: somebody else starts it ──────┴→ wait 2 ms … 1 s ─→ connect
///    └ connected → settings out, memory in → serve until the socket ends or `reconnect` ─┘
/// ```
final class PortConnection: @unchecked Sendable {
    private struct State {
        var settings: PortSettings
        var isStopped = false
        /// The settings are to be sent again.
        var isChanged = false
        var mustReconnect = false
        var end: PortEnd?
        var failure: String? = "the switch has not answered yet"
    }

    static let patience: UInt64 = 3_000_000_000

    private let folder: Int32
    private let starter: SwitchStarter
    private let state: Mutex<State>
    let isLinkUp = Atomic(false)
    /// Counts changes of the end to use.
    let generation = Atomic(0)
    let signalReader: Int32
    /// Handed to every switch; ours stays open, so the reader never sees an end.
    private let signalWriter: Int32
    private let wakeReader: Int32
    private let wakeWriter: Int32

    init(folder: Int32, settings: PortSettings, starter: SwitchStarter) throws {
        var (signal, wake): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
        var failure = lv_socket_pair(&signal)
        guard failure == 0 else { throw NetworkError.system(-failure, "make a socket pair") }
        failure = lv_socket_pair(&wake)
        guard failure == 0 else {
            close(signal[0])
            close(signal[1])
            throw NetworkError.system(-failure, "make a socket pair")
        }
        (signalReader, signalWriter, wakeReader, wakeWriter) = (signal[0], signal[1], wake[0], wake[1])
        (self.folder, self.starter) = (folder, starter)
        state = Mutex(State(settings: settings))
    }

    deinit { for descriptor in [folder, signalReader, signalWriter, wakeReader, wakeWriter] { close(descriptor) } }

    /// The thread holds this object until `stop`.
    func begin() -> Bool { HostThread.startDetached(name: "switch", stackSize: 512 << 10) { [self] in run() } }

    func stop() { change { $0.isStopped = true } }
    func reconnect() { change { $0.mustReconnect = true } }

    func configure(_ settings: PortSettings) {
        change {
            guard $0.settings != settings else { return }
            $0.settings = settings
            $0.isChanged = true
        }
    }

    var failure: String? { state.withLock { $0.failure } }

    /// The end to use from now on, when it changed since `generation`; its own nil: none.
    func newEnd(after generation: inout Int) -> (end: PortEnd?, Void)? {
        state.withLock { state in
            let now = self.generation.load(ordering: .acquiring)
            guard now != generation else { return nil }
            generation = now
            return (state.end, ())
        }
    }

    private func change(_ body: (inout State) -> Void) {
        state.withLock { body(&$0) }
        lv_signal_send(wakeWriter)
    }

    private var isStopped: Bool { state.withLock { $0.isStopped } }

    private func publish(_ end: PortEnd?, failure: String?, linkUp: Bool) {
        state.withLock {
            if end != nil || $0.end != nil { generation.add(1, ordering: .releasing) }
            ($0.end, $0.failure) = (end, failure)
        }
        isLinkUp.store(linkUp, ordering: .releasing)
        // The pump looks after the link and the end.
        lv_signal_send(signalWriter)
    }

    // MARK: The thread

    private func run() {
        var delay: Int32 = 2
        var lostAt = HostTime.monotonic()
        while !isStopped {
            do {
                let socket = try connect()
                defer { close(socket) }
                try serve(socket) { delay = 2 }
                lostAt = HostTime.monotonic()
                publish(nil, failure: "the switch has gone", linkUp: isCableIn)
            } catch {
                let isGone = HostTime.monotonic() - lostAt > Self.patience
                let wasUp = isLinkUp.load(ordering: .relaxed)
                if (isGone && wasUp) || failure == nil {
                    publish(nil, failure: error.message, linkUp: wasUp && !isGone)
                } else {
                    state.withLock { $0.failure = error.message }
                }
                if error.isFinal { break }
                pause(delay)
                delay = min(delay * 2, 1000)
            }
        }
        publish(nil, failure: failure ?? "the port is closed", linkUp: false)
    }

    private var isCableIn: Bool { state.withLock { $0.settings.isConnected } }

    private struct Trouble: Error {
        var message: String
        /// It will never get better.
        var isFinal = false
    }

    /// Waits, or less when something is asked of us.
    private func pause(_ milliseconds: Int32) {
        var polled = pollfd(fd: wakeReader, events: Int16(POLLIN), revents: 0)
        if poll(&polled, 1, milliseconds) > 0 { lv_signal_take(wakeReader) }
    }

    private func connect() throws(Trouble) -> Int32 {
        let socket = lv_socket_connect(folder, PortChannel.socketName)
        if socket >= 0 { return socket }
        guard socket == -ENOENT || socket == -ECONNREFUSED else {
            throw Trouble(message: "the switch cannot be reached: \(String(cString: strerror(-socket)))")
        }
        let lock = openat(folder, PortChannel.lockName, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard lock >= 0 else {
            let code = errno
            throw Trouble(
                message: code == ENOENT ? "the switch was removed" : "the switch's lock: \(String(cString: strerror(code)))",
                isFinal: code == ENOENT)
        }
        // Closing our descriptor does not free a lock that the switch holds through its own.
        defer { close(lock) }
        let taken = lv_lock_take(lock)
        if taken == -EAGAIN || taken == -EACCES { throw Trouble(message: "the switch is being started") }
        guard taken == 0 else { throw Trouble(message: "the switch's lock: \(String(cString: strerror(-taken)))") }
        let code = starter.start(folder, lock)
        if code != 0 { lv_lock_release(lock) }
        throw Trouble(
            message: code == 0 ? "the switch is being started" : "the switch cannot be started: \(String(cString: strerror(code)))")
    }

    /// One connection from beginning to end; throws when it did not come to one.
    private func serve(_ socket: Int32, connected: () -> Void) throws(Trouble) {
        let settings = state.withLock { state in
            state.isChanged = false
            state.mustReconnect = false
            return state.settings
        }
        try send(settings, socket, with: signalWriter)
        var reader = PortMessageReader(socket: socket)
        guard case .message(let body) = try message(&reader, socket, seconds: 10),
            let answer = try? PortChannel.decode(PortAnswer.self, body)
        else { throw Trouble(message: "the switch does not answer") }
        if let error = answer.error { throw Trouble(message: error) }
        guard let memory = reader.takeDescriptor() else { throw Trouble(message: "the switch gave no memory") }
        guard let signal = reader.takeDescriptor() else {
            close(memory)
            throw Trouble(message: "the switch gave no signal")
        }
        guard let mapped = try? PortMemory(descriptor: memory) else {
            close(signal)
            throw Trouble(message: "the switch gave memory of the wrong kind")
        }
        connected()
        publish(PortEnd(memory: mapped, side: .worker, signal: signal), failure: nil, linkUp: settings.isConnected)
        watch(socket, &reader)
    }

    /// Returns when the connection is over.
    private func watch(_ socket: Int32, _ reader: inout PortMessageReader) {
        while true {
            let (over, changed) = state.withLock { state in
                defer { state.isChanged = false }
                return (state.isStopped || state.mustReconnect, state.isChanged ? state.settings : nil)
            }
            if over { return }
            if let changed {
                guard (try? send(changed, socket, with: nil)) != nil else { return }
                if isLinkUp.load(ordering: .relaxed) != changed.isConnected {
                    isLinkUp.store(changed.isConnected, ordering: .releasing)
                    lv_signal_send(signalWriter)
                }
            }
            var polled = [
                pollfd(fd: socket, events: Int16(POLLIN), revents: 0), pollfd(fd: wakeReader, events: Int16(POLLIN), revents: 0),
            ]
            _ = poll(&polled, 2, -1)
            if polled[1].revents != 0 { lv_signal_take(wakeReader) }
            guard polled[0].revents != 0 else { continue }
            switch reader.next() {
            case .message(let body):
                let error = (try? PortChannel.decode(PortAnswer.self, body))?.error
                state.withLock { $0.failure = error }
            case .waiting: break
            case .ended: return
            }
        }
    }

    private func send(_ settings: PortSettings, _ socket: Int32, with descriptor: Int32?) throws(Trouble) {
        guard let bytes = try? PortChannel.encode(settings) else { throw Trouble(message: "the port's settings are too large") }
        var sent = 0
        while sent < bytes.count {
            let descriptors = sent == 0 ? descriptor.map { [$0] } ?? [] : []
            let count = bytes.withUnsafeBytes {
                lv_send(socket, $0.baseAddress?.advanced(by: sent), bytes.count - sent, descriptors, Int32(descriptors.count))
            }
            if count == -Int(EAGAIN) {
                var polled = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
                guard poll(&polled, 1, 10_000) > 0 else { throw Trouble(message: "the switch does not listen") }
            } else if count < 0 {
                throw Trouble(message: "the switch has gone")
            } else {
                sent += count
            }
        }
    }

    private func message(_ reader: inout PortMessageReader, _ socket: Int32, seconds: Int32) throws(Trouble) -> PortMessageReader.Outcome {
        while true {
            switch reader.next() {
            case .waiting: break
            case .ended: throw Trouble(message: "the switch has gone")
            case .message(let body): return .message(body)
            }
            if isStopped { throw Trouble(message: "the port is closed") }
            var polled = [
                pollfd(fd: socket, events: Int16(POLLIN), revents: 0), pollfd(fd: wakeReader, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&polled, 2, seconds * 1000) > 0 else { throw Trouble(message: "the switch does not answer") }
            if polled[1].revents != 0 { lv_signal_take(wakeReader) }
        }
    }
}
