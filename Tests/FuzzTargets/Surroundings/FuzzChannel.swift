import DeviceModel
import VMBus

/// A channel without rings for services: what the case sends comes out of `receive`, what the service sends is counted and looked at.
final class FuzzChannel: ServiceChannel {
    let index: Int
    let targetProcessor = 0
    private(set) var isOpen = true
    /// Packets that `send` still takes.
    var places = 10_000
    let capacity = 16 << 10
    /// The newest packets of the service, without completions; at most 64.
    private(set) var sent: [[UInt8]] = []
    /// The newest completions; at most 64.
    private(set) var completed: [[UInt8]] = []
    /// Transactions of transfer-page packets that the guest may answer.
    private(set) var transfers: [UInt64] = []
    private(set) var failure: String?
    var buffers: [UInt32: GuestBuffer] = [:]
    private var waiting: [ReceivedPacket] = []
    /// Completions so far.
    private(set) var completions = 0

    init(index: Int = 0) { self.index = index }

    func put(_ payload: [UInt8], kind: PacketKind = .inBand, transaction: UInt64 = 0, wanted: Bool = false, ranges: [GuestRange] = []) {
        var packet = ReceivedPacket()
        (packet.payload, packet.kind, packet.transaction, packet.ranges) = (payload, kind, transaction, ranges)
        packet.completionRequested = wanted
        waiting.append(packet)
    }

    var hasWaiting: Bool { !waiting.isEmpty }

    func receive(into packet: inout ReceivedPacket) -> Bool {
        guard isOpen, !waiting.isEmpty else { return false }
        packet = waiting.removeFirst()
        return true
    }

    func send(
        _ kind: PacketKind, transaction: UInt64, completionRequested: Bool, payload: UnsafeRawBufferPointer, _ more: UnsafeRawBufferPointer
    ) -> Bool {
        promise(payload.count + more.count <= capacity || kind != .completion, "a completion that no ring takes")
        guard isOpen, places > 0, payload.count + more.count <= capacity else { return false }
        places -= 1
        if kind == .completion {
            completions += 1
            completed.append([UInt8](payload) + [UInt8](more))
            if completed.count > 64 { completed.removeFirst() }
        } else {
            sent.append([UInt8](payload) + [UInt8](more))
            if sent.count > 64 { sent.removeFirst() }
        }
        return true
    }

    func sendTransferPages(
        transaction: UInt64, set: UInt16, ranges: [(offset: UInt32, count: UInt32)], payload: UnsafeRawBufferPointer
    ) -> Bool {
        guard isOpen, places > 0 else { return false }
        places -= 1
        transfers.append(transaction)
        if transfers.count > 64 { transfers.removeFirst() }
        return true
    }

    var room: Int { places > 0 ? capacity : 0 }
    func buffer(gpadl: UInt32) -> GuestBuffer? { buffers[gpadl] }
    func flush() {}

    func fail(_ reason: String) {
        failure = reason
        isOpen = false
    }

    /// Closed for good.
    func end() { isOpen = false }
}

/// A bus that one service sees.
final class FuzzHost: VMBusDeviceHost, @unchecked Sendable {
    // Safety: a case runs on one thread.
    let memory: GuestMemory
    let version: UInt32 = 0x5_0003
    let processorCount = 4
    private(set) var offered = 0
    init(memory: GuestMemory) { self.memory = memory }
    func offerSubChannels(_ count: Int) { offered += count }
    func rescind() {}
}

/// Guest RAM that one case after the other uses, cleaned in between: making it is dear. Precondition: the host gives the memory.
final class FuzzMemory: @unchecked Sendable {
    // Safety: cases of one target run one after another.
    let memory: GuestMemory
    private let used: UInt64

    /// Addresses from `used` on are left as they are.
    init(size: UInt64, used: UInt64) {
        do { memory = try GuestMemory(size: size) } catch { fatalError("\(error)") }
        self.used = used
    }

    func clean() { _ = memory.write(0, [UInt8](repeating: 0, count: Int(used))) }
}
