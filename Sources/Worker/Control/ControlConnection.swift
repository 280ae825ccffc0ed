import CHost
import Glibc
import Persistence
import Synchronization
import WorkerProtocol

/// One peer of the control server. Touched only by the server's thread.
final class ControlConnection {
    /// Unique among the server's connections, ever.
    let serial: UInt64
    let socket: OpenFile
    let initiator: VirtualMachineEvent.Initiator
    /// When the peer must have said hello, on the monotonic clock.
    let helloDeadline: UInt64
    var saidHello = false
    /// No further input is read; it closes when what is queued has been sent.
    var isClosing = false {
        didSet { closingDeadline = HostTime.monotonic() + UInt64(ProtocolLimits.helloSeconds * 1e9) }
    }
    private var closingDeadline = UInt64.max
    private(set) var isBroken = false

    private var decoder = FrameDecoder()
    private var output: [UInt8] = []
    private var sent = 0
    /// Descriptors received and not yet claimed by a request, in order.
    private var received: [OpenFile] = []

    /// Requests given to the action queue and not answered yet.
    var waiting: [UInt32: PendingRequest] = [:]
    /// Console followers: port and offset of the next byte to send.
    var consoleFollowers: [UInt32: (port: Int, next: UInt64)] = [:]
    var stateFollowers: Set<UInt32> = []

    init(serial: UInt64, socket: OpenFile, initiator: VirtualMachineEvent.Initiator) {
        self.serial = serial
        self.socket = socket
        self.initiator = initiator
        helloDeadline = HostTime.monotonic() + UInt64(ProtocolLimits.helloSeconds * 1e9)
    }

    var queuedBytes: Int { output.count - sent }

    func send(_ frame: Frame) {
        guard !isBroken else { return }
        output += frame.encoded
        // Replies are small and bounded in number; only a peer that does not read gets here.
        if queuedBytes > ProtocolLimits.queuedBytes + ProtocolLimits.largestFrame { isBroken = true }
    }

    func send(error: any Error, request: UInt32) {
        guard let body = try? ProtocolCodec.encode(TransportedError(error)) else { return }
        send(Frame(.error, request: request, body: body))
    }

    /// Sends what the socket takes.
    func flush() {
        while !isBroken, sent < output.count {
            let count = output.withUnsafeBytes {
                lv_send(socket.descriptor, $0.baseAddress?.advanced(by: sent), output.count - sent, nil, 0)
            }
            if count == -Int(EAGAIN) { break }
            if count < 0 {
                isBroken = true
            } else {
                sent += count
            }
        }
        if sent > 1 << 16 || sent == output.count {
            output.removeFirst(sent)
            sent = 0
        }
    }

    /// Reads what has come, at most 64 KiB, so that one peer cannot keep the others waiting. Any violation breaks the connection.
    func receive() -> [Frame] {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        var descriptors = [Int32](repeating: -1, count: ProtocolLimits.descriptors)
        var count: Int32 = 0
        let size = lv_receive(socket.descriptor, &buffer, buffer.count, &descriptors, Int32(descriptors.count), &count)
        for descriptor in descriptors.prefix(Int(count)) {
            received.append(OpenFile(descriptor: descriptor, path: "a descriptor of a request"))
        }
        if received.count > ProtocolLimits.descriptors { isBroken = true }
        if size == -Int(EAGAIN) { return [] }
        guard size > 0 else {
            isBroken = true
            return []
        }
        decoder.append(buffer[..<size])
        var frames: [Frame] = []
        do {
            while let frame = try decoder.next() { frames.append(frame) }
        } catch {
            send(error: error, request: 0)
            isClosing = true
        }
        return frames
    }

    /// Drops who says no hello, and who does not take its last words.
    func checkDeadlines(_ now: UInt64) {
        if !saidHello && !isClosing && now > helloDeadline { isClosing = true }
        if isClosing && now > closingDeadline { isBroken = true }
    }

    /// The oldest descriptor that came and was not claimed.
    func claimDescriptor() -> OpenFile? { received.isEmpty ? nil : received.removeFirst() }

    /// The devices that came with a change of configuration.
    func claimDevices(_ request: ConfigureRequest) throws -> HandedDevices {
        guard let handover = request.handover else { return HandedDevices() }
        let count = request.descriptorCount
        guard (0...received.count).contains(count) else { throw ProtocolError.malformed("fewer descriptors than it describes") }
        // Copies, because the received ones close by themselves; the locks belong to both.
        let copies = received.prefix(count).map { fcntl($0.descriptor, F_DUPFD_CLOEXEC, 3) }
        received.removeFirst(count)
        let devices = try HandedDevices(handover, descriptors: copies)
        guard !copies.contains(where: { $0 < 0 }) else {
            throw WorkerError("WorkerFailed", .resourceUnavailable, "The worker has too many open files.")
        }
        return devices
    }
}

/// A request on its way through the action queue.
final class PendingRequest: Sendable {
    /// Set by a cancel frame; a request that has begun is not undone by it.
    let isCancelled = Atomic(false)
}
