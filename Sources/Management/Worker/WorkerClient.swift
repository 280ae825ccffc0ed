import Basics
import CHost
import Glibc
import Persistence
import WorkerProtocol

/// One connection to a worker. Synchronous; used by one thread at a time. Every call has a deadline.
final class WorkerClient {
    /// Why nothing came of a request, as far as the connection is concerned.
    enum Failure: Error {
        /// Nobody listens: the worker is starting, ending or dead.
        case absent
        /// The connection ended before the answer came.
        case closed
        case timeout
    }

    private let socket: OpenFile
    /// Where requests are written down; nil: nowhere.
    private let trace: TraceLog?
    private let peer: GUID
    private var decoder = FrameDecoder()
    private var nextRequest: UInt32 = 1
    /// Frames of subscriptions that came while an answer was waited for.
    private var setAside: [Frame] = []

    /// Connects and says hello within `seconds`.
    init(folder: VirtualMachineFolder, storeId: GUID, seconds: Double, trace: TraceLog? = nil) throws {
        (self.trace, peer) = (trace, folder.id)
        let end = Self.deadline(seconds)
        var descriptor: Int32
        repeat {
            descriptor = lv_socket_connect(folder.folder.descriptor, VirtualMachineFolder.socketName)
            // A full backlog: a worker that does not accept.
            if descriptor == -EAGAIN {
                guard HostTime.monotonic() < end else { throw Failure.timeout }
                usleep(5_000)
            }
        } while descriptor == -EAGAIN
        guard descriptor >= 0 else {
            guard descriptor == -EACCES || descriptor == -EPERM else { throw Failure.absent }
            throw ManagementError(
                "AccessDenied", .permissionDenied, "This user may not speak to the worker of the VM in “\(folder.folder.path)”.",
                action: "Use the account that started it.")
        }
        socket = OpenFile(descriptor: descriptor, path: "control socket")
        let hello = Hello(storeId: storeId, virtualMachineId: folder.id)
        try send(Frame(.hello, request: 0, body: try ProtocolCodec.encode(hello)), until: end)
        let answer = try receive(until: end)
        switch answer.kind {
        case .hello: _ = try hello.agree(with: try ProtocolCodec.decode(Hello.self, from: answer.body))
        case .error:
            let error = try ProtocolCodec.decode(TransportedError.self, from: answer.body)
            // All connections are taken for the moment: as good as nobody there, and tried again as long as there is time.
            throw error.identifier == "ProtocolBusy" ? Failure.absent : error
        default: throw ProtocolError.malformed("something else than hello first")
        }
    }

    static func deadline(_ seconds: Double) -> UInt64 { HostTime.monotonic() + UInt64(min(max(seconds, 0), 1e9) * 1e9) }

    /// Asks and waits for the answer; the worker's own error is thrown as it came. `isCancelled` is looked at ten times a second; the
    /// worker is told. `event` hears the events of this request.
    func ask<Request: WorkerRequest>(
        _ request: Request, seconds: Double, descriptors: [Int32] = [], isCancelled: () -> Bool = { false },
        event: ([UInt8]) -> Void = { _ in }
    ) throws -> Request.Reply {
        guard let trace, trace.writes(.verbose) else {
            return try exchange(request, seconds: seconds, descriptors: descriptors, isCancelled: isCancelled, event: event)
        }
        let began = HostTime.monotonic()
        func note(_ outcome: String) {
            trace.write(.verbose, "request \(Request.name) to \(peer): \(outcome) after \((HostTime.monotonic() - began) / 1000) µs")
        }
        do {
            let reply = try exchange(request, seconds: seconds, descriptors: descriptors, isCancelled: isCancelled, event: event)
            note("answered")
            return reply
        } catch {
            note("failed (\((error as? any DescribedError)?.message ?? "\(error)"))")
            throw error
        }
    }

    private func exchange<Request: WorkerRequest>(
        _ request: Request, seconds: Double, descriptors: [Int32], isCancelled: () -> Bool, event: ([UInt8]) -> Void
    ) throws -> Request.Reply {
        let end = Self.deadline(seconds)
        let id = try begin(request, seconds: seconds, descriptors: descriptors)
        while true {
            let frame: Frame
            do {
                frame = try receive(until: end, isCancelled: isCancelled)
            } catch let error as ManagementError where error == .stopped {
                try? send(Frame(.cancel, request: id), until: Self.deadline(1))
                throw error
            }
            if frame.kind == .event, frame.request == id {
                event(frame.body)
                continue
            }
            guard frame.request == id || frame.kind == .error && frame.request == 0 else {
                setAside.append(frame)
                continue
            }
            switch frame.kind {
            case .reply: return try ProtocolCodec.decode(Request.Reply.self, from: frame.body)
            case .error: throw try ProtocolCodec.decode(TransportedError.self, from: frame.body)
            case .event, .data: setAside.append(frame)
            default: throw ProtocolError.malformed("an answer that is none")
            }
        }
    }

    /// Sends a request without waiting; returns its id.
    private func begin<Request: WorkerRequest>(_ request: Request, seconds: Double, descriptors: [Int32]) throws -> UInt32 {
        let id = nextRequest
        nextRequest += 1
        try send(try ProtocolCodec.frame(request, id: id, deadline: seconds), until: Self.deadline(seconds), descriptors: descriptors)
        return id
    }

    /// The next frame of a subscription; nil when none came in time.
    func next(until end: UInt64, isCancelled: () -> Bool = { false }) throws -> Frame? {
        if !setAside.isEmpty { return setAside.removeFirst() }
        do {
            return try receive(until: end, isCancelled: isCancelled)
        } catch Failure.timeout {
            return nil
        }
    }

    /// Waits until the worker has closed the connection, which it does when its VM's folder is free; false when it did not in time.
    func waitForEnd(seconds: Double) -> Bool {
        let end = Self.deadline(seconds)
        do {
            while true { _ = try receive(until: end) }
        } catch Failure.timeout {
            return false
        } catch {
            return true
        }
    }

    private func send(_ frame: Frame, until end: UInt64, descriptors: [Int32] = []) throws {
        let bytes = frame.encoded
        var sent = 0
        while sent < bytes.count {
            let descriptors = sent == 0 ? descriptors : []
            let count = bytes.withUnsafeBytes {
                lv_send(socket.descriptor, $0.baseAddress?.advanced(by: sent), bytes.count - sent, descriptors, Int32(descriptors.count))
            }
            if count == -Int(EAGAIN) {
                try wait(for: POLLOUT, until: end)
            } else if count < 0 {
                throw Failure.closed
            } else {
                sent += count
            }
        }
    }

    private func receive(until end: UInt64, isCancelled: () -> Bool = { false }) throws -> Frame {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            if let frame = try decoder.next() { return frame }
            var none: Int32 = 0
            let count = lv_receive(socket.descriptor, &buffer, buffer.count, nil, 0, &none)
            if count == -Int(EAGAIN) {
                try wait(for: POLLIN, until: end, isCancelled: isCancelled)
            } else if count <= 0 {
                throw Failure.closed
            } else {
                decoder.append(buffer[..<count])
            }
        }
    }

    private func wait(for events: Int32, until end: UInt64, isCancelled: () -> Bool = { false }) throws {
        while true {
            if isCancelled() { throw ManagementError.stopped }
            let now = HostTime.monotonic()
            guard now < end else { throw Failure.timeout }
            var polled = pollfd(fd: socket.descriptor, events: Int16(events), revents: 0)
            let milliseconds = Int32(clamping: min((end - now) / 1_000_000 + 1, 100))
            if poll(&polled, 1, milliseconds) > 0 { return }
        }
    }
}
