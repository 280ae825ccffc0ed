import CHost
import Glibc
import Persistence
import Synchronization
import WorkerProtocol

/// One COM port's text on both ways: the ring file that the guest's output goes to, input that waits for the guest, and the sockets of
/// attached consoles.
final class ConsolePort: @unchecked Sendable {
    let number: Int
    // The writer is used under `writing`; everything else only on the server's thread.
    private let writing = Mutex(())
    private let writer: ConsoleRing.Writer
    private let reader: ConsoleRing.Reader?
    private var input: [UInt8] = []
    private var attachments: [Attachment] = []
    /// The thread that ends the VM takes it away.
    private let listener = Mutex<PortListener?>(nil)
    /// Milliseconds until input is offered to the guest again.
    private var patience: Int32 = 5

    private final class Attachment {
        let socket: OpenFile
        var next: UInt64
        var output: [UInt8] = []
        init(socket: OpenFile, next: UInt64) { (self.socket, self.next) = (socket, next) }
    }

    init(number: Int, folder: Folder) throws {
        self.number = number
        writer = try ConsoleRing.Writer(port: number, folder: folder)
        reader = try ConsoleRing.Reader(port: number, folder: folder)
    }

    func beginSession() { writing.withLock { _ in writer.beginSession() } }

    func append(_ bytes: [UInt8]) { writing.withLock { _ in writer.append(bytes) } }

    var end: UInt64 { writing.withLock { _ in writer.end } }

    /// A piece of text for a follower, and the offset after it; nil when there is none.
    func piece(from offset: UInt64) -> (data: ConsoleData, next: UInt64)? {
        guard offset < end, let piece = try? reader?.read(from: offset, maximum: ProtocolLimits.consolePiece) else { return nil }
        let next = piece.offset + UInt64(piece.bytes.count)
        guard next > offset else { return nil }
        return (ConsoleData(offset: piece.offset, bytes: piece.bytes, dropped: piece.dropped), next)
    }

    /// Queues input for the guest; says how much was taken.
    func take(_ bytes: some Collection<UInt8>) -> Int {
        let room = max(0, ProtocolLimits.queuedInput - input.count)
        input += bytes.prefix(room)
        return min(room, bytes.count)
    }

    /// Offers waiting input to the guest. Returns the milliseconds after which to try again, nil when nothing waits.
    func feed(_ machine: any MachineControlling) -> Int32? {
        var moved = false
        while !input.isEmpty {
            guard let count = try? machine.sendConsole(port: number, Array(input.prefix(4096))), count > 0 else { break }
            input.removeFirst(min(count, input.count))
            moved = true
        }
        guard !input.isEmpty else { return nil }
        patience = moved ? 5 : min(patience * 2, 100)
        return patience
    }

    /// Joins a connected socket to the port; anything else is refused.
    func attach(_ socket: OpenFile, replay: Int) throws {
        guard try socket.status().st_mode & S_IFMT == S_IFSOCK else {
            throw ProtocolError.malformed("something else than a socket to attach")
        }
        let flags = fcntl(socket.descriptor, F_GETFL)
        _ = fcntl(socket.descriptor, F_SETFL, flags | O_NONBLOCK)
        let end = end
        attachments.append(Attachment(socket: socket, next: end - min(end, UInt64(clamping: max(replay, 0)))))
    }

    /// Takes consoles from that socket from now on, and from none that it had before.
    func listen(_ listener: PortListener?) {
        let old = self.listener.withLock { current in
            defer { current = listener }
            return current
        }
        old?.close()
    }

    /// Sends attached consoles what they can take.
    func pumpAttachments() {
        for attachment in attachments { fill(attachment) }
    }

    private func fill(_ attachment: Attachment) {
        while true {
            if attachment.output.isEmpty {
                guard let (data, next) = piece(from: attachment.next) else { return }
                attachment.next = next
                if data.dropped > 0 {
                    attachment.output = Array(
                        "\r\n[\(data.dropped) bytes of console output were lost here: they came faster than they were read]\r\n".utf8)
                }
                attachment.output += data.bytes
            }
            let count = lv_send(attachment.socket.descriptor, attachment.output, attachment.output.count, nil, 0)
            guard count > 0 else {
                if count != -Int(EAGAIN) { attachments.removeAll { $0 === attachment } }
                return
            }
            attachment.output.removeFirst(count)
        }
    }

    /// What the server's poll shall watch for attached consoles: input while there is room for it, and room for output that waits.
    func watched() -> [pollfd] {
        attachments.map {
            let listens = input.count < ProtocolLimits.queuedInput / 2
            return pollfd(fd: $0.socket.descriptor, events: Int16((listens ? POLLIN : 0) | ($0.output.isEmpty ? 0 : POLLOUT)), revents: 0)
        } + (listener.withLock { $0 }.map { [pollfd(fd: $0.file.descriptor, events: Int16(POLLIN), revents: 0)] } ?? [])
    }

    /// True when the descriptor is one of this port's consoles.
    func ready(_ poll: pollfd) -> Bool {
        if let listener = listener.withLock({ $0 }), listener.file.descriptor == poll.fd {
            if let socket = listener.accept() { attachments.append(Attachment(socket: socket, next: end)) }
            return true
        }
        guard let attachment = attachments.first(where: { $0.socket.descriptor == poll.fd }) else { return false }
        if Int32(poll.revents) & (POLLIN | POLLHUP | POLLERR) != 0 {
            var buffer = [UInt8](repeating: 0, count: max(1, min(4096, ProtocolLimits.queuedInput - input.count)))
            let count = read(attachment.socket.descriptor, &buffer, buffer.count)
            if count > 0 {
                _ = take(buffer[..<count])
            } else if count == 0 || (errno != EAGAIN && errno != EINTR) {
                attachments.removeAll { $0 === attachment }
            }
        }
        return true
    }

    /// Ends attached consoles; what they have not taken yet stays in the ring.
    func detachAll() {
        pumpAttachments()
        attachments = []
    }
}
