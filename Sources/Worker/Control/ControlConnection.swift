import Basics
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
    let stream: FrameStream
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
        stream = FrameStream(descriptor: socket.descriptor)
    }

    func send(_ frame: Frame) { stream.send(frame) }
    func send(error: any Error, request: UInt32) { stream.send(error: error, request: request) }

    /// Reads what has come; its descriptors wait for the requests that claim them.
    func receive() -> [Frame] {
        var descriptors: [Int32] = []
        let frames = stream.receive(descriptors: &descriptors)
        received += descriptors.map { OpenFile(descriptor: $0, path: "a descriptor of a request") }
        if received.count > ProtocolLimits.descriptors { stream.fail() }
        return frames
    }

    /// The oldest descriptor that came and was not claimed.
    func claimDescriptor() -> OpenFile? { received.isEmpty ? nil : received.removeFirst() }

    /// The devices that came with a request, as it describes them.
    func claimDevices(_ handover: DeviceHandover?) throws -> HandedDevices {
        guard let handover else { return HandedDevices() }
        let count = handover.descriptorCount
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
