import Basics
import CHost
import Glibc
import Persistence
import WorkerProtocol

extension VirtualMachine {
    /// COM`port`, 1 or 2. Throws `ConsolePortInvalid`.
    public func console(port: Int = 1) throws -> VirtualMachineConsole {
        guard port == 1 || port == 2 else {
            throw ManagementError("ConsolePortInvalid", .invalidArgument, "There is no COM\(port): a VM has COM1 and COM2.", target: name)
        }
        return VirtualMachineConsole(machine: self, port: port)
    }
}

/// One COM port of a VM. Text is read from a file that outlives the worker, so reading works in every state.
public struct VirtualMachineConsole: Sendable {
    public let machine: VirtualMachine
    public let port: Int

    /// Text from `start` on, at most `maximum` bytes.
    public func read(from start: ConsoleStart = .beginning, maximum: Int = .max) throws -> ConsoleText {
        guard let reader = try reader() else { return ConsoleText(offset: 0, bytes: []) }
        let piece = try reader.read(from: try Self.offset(of: start, in: reader), maximum: maximum)
        return ConsoleText(offset: piece.offset, bytes: piece.bytes, dropped: piece.dropped)
    }

    /// The last `lines` lines; a last one without its end counts.
    public func tail(lines: Int) throws -> ConsoleText {
        guard lines > 0 else { return try read(from: .end) }
        guard let reader = try reader() else { return ConsoleText(offset: 0, bytes: []) }
        let end = try reader.position().end
        var size: UInt64 = 64 << 10
        while true {
            let piece = try reader.read(from: end - min(end, size))
            let isAll = size >= min(end, UInt64(ConsoleRing.capacity))
            var left = lines
            for (index, byte) in piece.bytes.enumerated().reversed() where byte == 10 && index != piece.bytes.count - 1 {
                left -= 1
                if left == 0 {
                    return ConsoleText(offset: piece.offset + UInt64(index) + 1, bytes: Array(piece.bytes[(index + 1)...]))
                }
            }
            if isAll { return ConsoleText(offset: piece.offset, bytes: piece.bytes, dropped: piece.offset) }
            size *= 8
        }
    }

    /// Gives `body` the text from `start` on, and what comes as it comes, until `body` returns false, the VM has stopped, or the time
    /// (host seconds) is over.
    public func follow(
        from start: ConsoleStart, timeout: Double? = nil, isCancelled: () -> Bool = { false }, _ body: (ConsoleText) throws -> Bool
    ) throws {
        _ = try following(from: start, timeout: timeout, isCancelled: isCancelled, body)
    }

    enum FollowEnd { case refused, stopped, timeout }

    /// `follow`, saying why it ended.
    func following(
        from start: ConsoleStart, timeout: Double?, isCancelled: () -> Bool, _ body: (ConsoleText) throws -> Bool
    ) throws -> FollowEnd {
        let end = timeout.map { WorkerClient.deadline($0) } ?? .max
        var next = try reader().map { try Self.offset(of: start, in: $0) } ?? 0
        while true {
            // Asked before reading: what a worker wrote before it ended is then read below.
            let (store, folder) = try machine.files()
            let isAlive = try folder.hasWorker()
            let text = try read(from: .offset(next))
            if text.end > next || text.dropped > 0 {
                guard try body(text) else { return .refused }
                next = text.end
            }
            guard isAlive else {
                try machine.settleIfDead()
                return .stopped
            }
            do {
                let client = try WorkerClient(
                    folder: folder, storeId: store.id, seconds: VirtualMachine.patience, trace: machine.host.trace)
                _ = try client.ask(ConsoleFollowRequest(port: port, from: next), seconds: VirtualMachine.patience)
                while let frame = try client.next(until: end, isCancelled: isCancelled) {
                    guard frame.kind == .data else { continue }
                    let data = try ProtocolCodec.decode(ConsoleData.self, from: frame.body)
                    let text = ConsoleText(offset: data.offset, bytes: Array(data.bytes), dropped: data.dropped)
                    guard try body(text) else { return .refused }
                    next = text.end
                }
                return .timeout
            } catch let failure as WorkerClient.Failure {
                // Starting, ending, or silent: the file says what there is.
                try pause(failure == .timeout ? 100_000 : 5_000, isCancelled)
            } catch let error as TransportedError where error.identifier == "ConsolePortInvalid" {
                try pause(20_000, isCancelled)
            }
            guard HostTime.monotonic() < end else { return .timeout }
        }
    }

    private func pause(_ microseconds: UInt32, _ isCancelled: () -> Bool) throws {
        if isCancelled() { throw ManagementError.stopped }
        usleep(microseconds)
    }

    /// Types into the guest. Returns when the worker has taken everything; throws `ConsoleBusy` when the guest does not read for `timeout` seconds.
    public func send(_ bytes: [UInt8], timeout: Double = 10) throws {
        var sent = 0
        var end = WorkerClient.deadline(timeout)
        while sent < bytes.count {
            let piece = Array(bytes[sent..<min(bytes.count, sent + 32 << 10)])
            guard let taken = try machine.askIfRunning(ConsoleSendRequest(port: port, bytes: piece)) else {
                throw ManagementError.refused("typed into", machine.name, state: try machine.status().state)
            }
            sent += taken.count
            if taken.count > 0 {
                end = WorkerClient.deadline(timeout)
            } else {
                guard HostTime.monotonic() < end else {
                    throw ManagementError(
                        "ConsoleBusy", .operationTimeout,
                        "The guest of “\(machine.name)” does not read COM\(port): \(sent) of \(bytes.count) bytes were taken.",
                        target: machine.name)
                }
                usleep(10_000)
            }
        }
    }

    /// Joins COM`port` to a descriptor of this process, with `replay` bytes of what was printed before.
    public func attach(replay: Int = 0) throws -> ConsoleAttachment {
        var pair: [Int32] = [-1, -1]
        let failure = lv_socket_pair(&pair)
        guard failure == 0 else {
            throw ManagementError(
                "WorkerFailed", .resourceUnavailable, "No socket can be made: \(SystemMessage.text(-failure)).", target: machine.name)
        }
        let attachment = ConsoleAttachment(OpenFile(descriptor: pair[0], path: "console"))
        let theirs = OpenFile(descriptor: pair[1], path: "console")
        let request = ConsoleAttachRequest(port: port, replay: replay)
        guard try machine.askIfRunning(request, descriptors: [theirs.descriptor]) != nil else {
            throw ManagementError.refused(
                "connected to", machine.name, state: try machine.status().state, action: "Start it first: Start-VM \(machine.name)")
        }
        return attachment
    }

    private func reader() throws -> ConsoleRing.Reader? {
        try machine.reading { try ConsoleRing.Reader(port: port, folder: $0.folder) }
    }

    private static func offset(of start: ConsoleStart, in reader: ConsoleRing.Reader) throws -> UInt64 {
        switch start {
        case .lastStart: try reader.position().session
        case .time(let time): try reader.offset(since: time)
        case .offset(let offset): offset
        case .beginning: 0
        case .end: try reader.position().end
        }
    }
}
