import Basics
import Glibc
import Persistence
import WorkerProtocol

/// Answers what peers ask, on the server's thread: at once what can be read, through the actions thread what takes time.
final class WorkerService: ControlService {
    let instance: WorkerInstance
    let hello: Hello
    /// Answers that are waited for only so long.
    private var waits: [Wait] = []

    private struct Wait {
        let peer: UInt64
        let request: UInt32
        let pending: PendingRequest
        /// On the monotonic clock.
        let due: UInt64
        let otherwise: (WorkerInstance) throws -> [UInt8]
    }

    init(instance: WorkerInstance) {
        self.instance = instance
        hello = Hello(storeId: instance.options.storeId, virtualMachineId: instance.options.virtualMachineId)
    }

    func received(_ frame: Frame, on connection: ControlConnection, server: ControlServer) {
        switch frame.kind {
        case .request:
            do {
                try answer(frame, connection)
            } catch {
                connection.send(error: error, request: frame.request)
            }
        case .cancel:
            connection.consoleFollowers[frame.request] = nil
            connection.stateFollowers.remove(frame.request)
            connection.waiting[frame.request]?.isCancelled.store(true, ordering: .releasing)
        case .hello, .reply, .error, .event, .data:
            connection.send(error: ProtocolError.malformed("a frame that only a worker sends"), request: frame.request)
            connection.stream.close()
        }
    }

    private func answer(_ frame: Frame, _ connection: ControlConnection) throws {
        guard connection.waiting[frame.request] == nil, connection.consoleFollowers[frame.request] == nil else {
            throw ProtocolError.malformed("a request id that is in use")
        }
        let followers = connection.consoleFollowers.count + connection.stateFollowers.count
        guard connection.waiting.count + followers < ProtocolLimits.requests else { throw ProtocolError.tooManyRequests() }
        let head = try ProtocolCodec.decode(RequestHead.self, from: frame.body)
        func reply(_ value: some Encodable) throws {
            connection.send(Frame(.reply, request: frame.request, body: try ProtocolCodec.encode(value)))
        }
        switch head.request {
        case StatusRequest.name:
            soon(frame, head, connection, within: 0.3) {
                try ProtocolCodec.encode($0.status())
            } otherwise: {
                try ProtocolCodec.encode($0.lastStatus())
            }
        case PartitionsRequest.name:
            try reply(instance.partitions())
        case ProcessorsRequest.name:
            let request = try ProtocolCodec.parameters(ProcessorsRequest.self, of: frame.body)
            later(frame, head, connection) { try ProtocolCodec.encode(try $0.processors(registers: request.registers)) }
        case VerbRequest.name:
            let request = try ProtocolCodec.parameters(VerbRequest.self, of: frame.body)
            let initiator = connection.initiator
            later(frame, head, connection) {
                try $0.perform(request.verb, by: initiator)
                return try ProtocolCodec.encode(Done())
            }
        case ConfigureRequest.name:
            let request = try ProtocolCodec.parameters(ConfigureRequest.self, of: frame.body)
            let devices = try connection.claimDevices(request.handover)
            let initiator = connection.initiator
            later(frame, head, connection) {
                try $0.configure(document: request.document, past: request.past, devices: devices, by: initiator)
                return try ProtocolCodec.encode(Done())
            }
        case CheckpointRequest.name:
            guard let file = connection.claimDescriptor() else { throw ProtocolError.malformed("no file for the checkpoint's memory") }
            let request = try ProtocolCodec.parameters(CheckpointRequest.self, of: frame.body)
            let initiator = connection.initiator
            later(frame, head, connection) { try ProtocolCodec.encode(try $0.makeCheckpoint(request, memory: file, by: initiator)) }
        case RemoveCheckpointsRequest.name:
            let request = try ProtocolCodec.parameters(RemoveCheckpointsRequest.self, of: frame.body)
            let initiator = connection.initiator
            later(frame, head, connection) {
                try $0.removeCheckpoints(request, by: initiator)
                return try ProtocolCodec.encode(Done())
            }
        case MeteringRequest.name:
            let request = try ProtocolCodec.parameters(MeteringRequest.self, of: frame.body)
            later(frame, head, connection, queue: instance.readings) { instance, _ in
                try ProtocolCodec.encode(try instance.usage(resets: request.resets))
            }
        case ConsoleSendRequest.name:
            let request = try ProtocolCodec.parameters(ConsoleSendRequest.self, of: frame.body)
            try reply(ConsoleSendRequest.Taken(count: try port(request.port).take(request.bytes)))
        case ConsoleFollowRequest.name:
            let request = try ProtocolCodec.parameters(ConsoleFollowRequest.self, of: frame.body)
            _ = try port(request.port)
            try reply(Done())
            connection.consoleFollowers[frame.request] = (request.port, request.from)
        case ConsoleAttachRequest.name:
            let request = try ProtocolCodec.parameters(ConsoleAttachRequest.self, of: frame.body)
            guard let socket = connection.claimDescriptor() else { throw ProtocolError.malformed("no socket to attach") }
            try port(request.port).attach(socket, replay: request.replay)
            try reply(Done())
        case StateFollowRequest.name:
            try reply(Done())
            connection.stateFollowers.insert(frame.request)
            Self.tell(connection, [frame.request], state: instance.state)
        default:
            guard try answerAboutGuest(frame, head, connection) else {
                throw ProtocolError.unknownRequest(String(head.request.prefix(80)))
            }
        }
    }

    /// Does `work` on the actions thread and sends its answer.
    private func later(
        _ frame: Frame, _ head: RequestHead, _ connection: ControlConnection, _ work: @escaping @Sendable (WorkerInstance) throws -> [UInt8]
    ) {
        later(frame, head, connection, queue: instance.actions) { instance, _ in try work(instance) }
    }

    /// Looks into the machine on a thread of its own; when that takes more than so many seconds, the answer is `otherwise`.
    func soon(
        _ frame: Frame, _ head: RequestHead, _ connection: ControlConnection, within seconds: Double,
        _ work: @escaping @Sendable (WorkerInstance) throws -> [UInt8], otherwise: @escaping (WorkerInstance) throws -> [UInt8]
    ) {
        later(frame, head, connection, queue: instance.readings) { instance, _ in try work(instance) }
        guard let pending = connection.waiting[frame.request] else { return }
        let due = HostTime.monotonic() + UInt64(seconds * 1e9)
        waits.append(Wait(peer: connection.serial, request: frame.request, pending: pending, due: due, otherwise: otherwise))
    }

    /// Answers what was waited for long enough; returns milliseconds to the next.
    private func endWaits(_ server: ControlServer) -> Int32 {
        guard !waits.isEmpty else { return .max }
        let now = HostTime.monotonic()
        waits.removeAll { wait in
            guard let connection = server.connections.first(where: { $0.serial == wait.peer }),
                connection.waiting[wait.request] === wait.pending
            else { return true }
            guard wait.due <= now else { return false }
            connection.waiting[wait.request] = nil
            wait.pending.isCancelled.store(true, ordering: .releasing)
            do {
                connection.send(Frame(.reply, request: wait.request, body: try wait.otherwise(instance)))
            } catch {
                connection.send(error: error, request: wait.request)
            }
            return true
        }
        return waits.map { Int32(clamping: ($0.due - now) / 1_000_000 + 1) }.min() ?? .max
    }

    /// Does `work` on the thread of `queue` and sends its answer.
    func later(
        _ frame: Frame, _ head: RequestHead, _ connection: ControlConnection, queue: ActionQueue,
        _ work: @escaping @Sendable (WorkerInstance, PendingRequest) throws -> [UInt8]
    ) {
        let pending = PendingRequest()
        connection.waiting[frame.request] = pending
        let id = frame.request
        let peer = connection.serial
        let expires = HostTime.monotonic() + UInt64(max(0, min(head.deadline, 86_400_000))) * 1_000_000
        let accepted = queue.add { [instance] in
            let outcome: Result<[UInt8], any Error>
            if pending.isCancelled.load(ordering: .acquiring) || HostTime.monotonic() > expires {
                outcome = .failure(
                    WorkerError("OperationStopped", .operationStopped, "The request was cancelled, or came too late, before it had begun."))
            } else {
                outcome = Result { try work(instance, pending) }
            }
            guard let server = instance.server else { return }
            server.post { server in
                guard let connection = server.connections.first(where: { $0.serial == peer }), connection.waiting[id] === pending else {
                    return
                }
                connection.waiting[id] = nil
                switch outcome {
                case .success(let body): connection.send(Frame(.reply, request: id, body: body))
                case .failure(let error): connection.send(error: error, request: id)
                }
            }
            // Only a verb ends the VM, and when it returns the folder is free.
            if queue === instance.actions, instance.phase.withLock({ $0.hasEnded }) {
                instance.actions.close()
                server.stop()
            }
        }
        guard !accepted else { return }
        connection.waiting[id] = nil
        let name = instance.name.withLock { $0 }
        connection.send(
            error: WorkerError("InvalidState", .invalidOperation, "“\(name)” is stopping.", target: name), request: id)
    }

    private func port(_ number: Int) throws -> ConsolePort {
        guard let port = instance.ports.withLock({ $0.first { $0.number == number } }) else {
            throw WorkerError("ConsolePortInvalid", .invalidArgument, "There is no COM\(number) (yet) in this VM.")
        }
        return port
    }

    /// Tells the state to those of a peer's requests that asked to hear of changes.
    static func tell(_ connection: ControlConnection, _ followers: Set<UInt32>, state: VirtualMachineState) {
        guard !followers.isEmpty, let body = try? ProtocolCodec.encode(StateNotice(state: state)) else { return }
        for request in followers { connection.send(Frame(.event, request: request, body: body)) }
    }

    func pump(_ server: ControlServer) -> Int32 {
        instance.checkFolder()
        instance.pumpMeter()
        let ports = instance.ports.withLock { $0 }
        let machine = instance.phase.withLock { $0.machine }
        var patience: Int32 = min(1_000, endWaits(server))
        for port in ports {
            port.pumpAttachments()
            if let machine, let wait = port.feed(machine) { patience = min(patience, wait) }
        }
        for connection in server.connections {
            for (request, follower) in connection.consoleFollowers {
                guard let port = ports.first(where: { $0.number == follower.port }) else { continue }
                var next = follower.next
                // The ring file is the queue: a peer that does not read finds its beginning gone, and is told so.
                while connection.stream.queuedBytes < ProtocolLimits.queuedBytes / 8, let piece = port.piece(from: next) {
                    guard let body = try? ProtocolCodec.encode(piece.data) else { break }
                    connection.send(Frame(.data, request: request, body: body))
                    next = piece.next
                }
                connection.consoleFollowers[request] = (follower.port, next)
            }
        }
        return patience
    }

    func watched() -> [pollfd] { instance.ports.withLock { $0 }.flatMap { $0.watched() } }

    func ready(_ descriptor: pollfd) {
        for port in instance.ports.withLock({ $0 }) where port.ready(descriptor) { return }
    }
}
