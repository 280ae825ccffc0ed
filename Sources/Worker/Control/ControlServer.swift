import Basics
import CHost
import Glibc
import Persistence
import Synchronization
import WorkerProtocol

/// What the control server asks of the worker; called on the server's thread, which must not be kept waiting.
protocol ControlService: AnyObject {
    var hello: Hello { get }
    func received(_ frame: Frame, on connection: ControlConnection, server: ControlServer)
    /// Before each wait: send what subscribers are owed. Returns the most milliseconds to wait.
    func pump(_ server: ControlServer) -> Int32
    /// Further descriptors to watch.
    func watched() -> [pollfd]
    func ready(_ descriptor: pollfd)
}

/// The worker's side of the control channel: one thread, one poll loop. Peers that speak garbage, send too much or do not read are
/// dropped; nobody else notices.
final class ControlServer: Sendable {
    private struct Mail {
        var letters: [@Sendable (ControlServer) -> Void] = []
        var isStopping = false
    }
    private let listener: OpenFile
    private let wakeReader: OpenFile
    private let wakeWriter: OpenFile
    private let isAwake = Atomic(false)
    private let mail = Mutex(Mail())
    // Only the thread in `run` touches these two.
    nonisolated(unsafe) private(set) var connections: [ControlConnection] = []
    nonisolated(unsafe) private var accepted: UInt64 = 0

    /// Takes over a listening socket.
    init(listener: OpenFile) throws {
        self.listener = listener
        var ends: [Int32] = [-1, -1]
        let failure = lv_pipe(&ends)
        guard failure == 0 else {
            throw WorkerError("WorkerFailed", .resourceUnavailable, "No pipe could be made: \(SystemMessage.text(-failure)).")
        }
        wakeReader = OpenFile(descriptor: ends[0], path: "pipe")
        wakeWriter = OpenFile(descriptor: ends[1], path: "pipe")
    }

    /// Any thread: runs `letter` on the server's thread soon.
    func post(_ letter: @escaping @Sendable (ControlServer) -> Void) {
        mail.withLock { $0.letters.append(letter) }
        wake()
    }

    /// Any thread: looks after subscribers soon.
    func wake() {
        guard !isAwake.exchange(true, ordering: .acquiringAndReleasing) else { return }
        var byte: UInt8 = 0
        _ = write(wakeWriter.descriptor, &byte, 1)
    }

    /// Any thread: sends what is queued (for at most a second), closes all connections and ends `run`.
    func stop() {
        mail.withLock { $0.isStopping = true }
        wake()
    }

    /// Serves until `stop`.
    func run(_ service: any ControlService) {
        var lastTurn = false
        while true {
            let (letters, stopping) = mail.withLock { mail in
                defer { mail.letters = [] }
                return (mail.letters, mail.isStopping)
            }
            for letter in letters { letter(self) }
            let patience = service.pump(self)
            for connection in connections { connection.stream.flush() }
            connections.removeAll { $0.stream.isOver }
            if stopping {
                if lastTurn || connections.allSatisfy({ $0.stream.queuedBytes == 0 }) { break }
                lastTurn = !waitForReaders()
                continue
            }
            turn(service, patience: patience)
        }
        connections = []
    }

    private func turn(_ service: any ControlService, patience: Int32) {
        var polled = [
            pollfd(fd: wakeReader.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: listener.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        for connection in connections {
            // Who does not read what it asked for is not listened to.
            let listens = !connection.stream.isClosing && connection.stream.queuedBytes < ProtocolLimits.queuedBytes
            polled.append(
                pollfd(
                    fd: connection.socket.descriptor,
                    events: Int16((listens ? POLLIN : 0) | (connection.stream.queuedBytes > 0 ? POLLOUT : 0)), revents: 0))
        }
        let own = polled.count
        polled += service.watched()
        guard poll(&polled, nfds_t(polled.count), patience) > 0 else { return }
        if polled[0].revents != 0 {
            var bytes = [UInt8](repeating: 0, count: 64)
            _ = read(wakeReader.descriptor, &bytes, bytes.count)
            isAwake.store(false, ordering: .releasing)
        }
        for (connection, poll) in zip(connections, polled[2..<own]) {
            let events = Int32(poll.revents)
            if events & POLLOUT != 0 { connection.stream.flush() }
            guard events & (POLLIN | POLLHUP | POLLERR) != 0 else { continue }
            for frame in connection.receive() where !connection.stream.isClosing { take(frame, connection, service) }
        }
        for poll in polled[own...] where poll.revents != 0 { service.ready(poll) }
        connections.removeAll { $0.stream.isBroken }
        if polled[1].revents != 0 { accept() }
        let now = HostTime.monotonic()
        for connection in connections { connection.stream.checkDeadline(now) }
    }

    private func take(_ frame: Frame, _ connection: ControlConnection, _ service: any ControlService) {
        if connection.stream.saidHello {
            service.received(frame, on: connection, server: self)
        } else {
            connection.stream.greet(frame, as: service.hello)
        }
    }

    private func accept() {
        for _ in 0..<16 {
            guard let peer = Peer.accepted(by: listener) else { return }
            accepted += 1
            let connection = ControlConnection(
                serial: accepted, socket: peer.socket, initiator: Initiators.named(user: peer.user, process: peer.process))
            if connections.count >= ProtocolLimits.connections {
                connection.send(error: ProtocolError.tooManyConnections(), request: 0)
                connection.stream.flush()
            } else {
                connections.append(connection)
            }
        }
    }

    /// While stopping: waits until a connection can take more, at most a second; false when none can.
    private func waitForReaders() -> Bool {
        var polled = connections.filter { $0.stream.queuedBytes > 0 }.map {
            pollfd(fd: $0.socket.descriptor, events: Int16(POLLOUT), revents: 0)
        }
        return poll(&polled, nfds_t(polled.count), 1_000) > 0
    }
}

/// Who is on the other end, as the system knows it.
enum Initiators {
    static func named(user: UInt32, process: Int32) -> VirtualMachineEvent.Initiator {
        var name = [CChar](repeating: 0, count: 64)
        let text =
            lv_user_name(user, &name, name.count) == 0
            ? String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) : "user \(user)"
        return .init(user: text, processId: process, program: ProcessIdentity.program(of: process))
    }
}
