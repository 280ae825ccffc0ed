import Basics
import DeviceModel
import Services
import Storage
import Testing
import VMBus
import VMBusTestSupport

/// A channel without a ring: two queues, with room that a test bounds.
final class StorageQueueChannel: ServiceChannel {
    let index: Int
    let targetProcessor = 0
    var isOpen = true
    var incoming: [ReceivedPacket] = []
    var outgoing: [(kind: PacketKind, transaction: UInt64, payload: [UInt8])] = []
    /// Packets that `outgoing` takes.
    var places = Int.max
    private(set) var flushes = 0
    private var next = 0

    init(index: Int) { self.index = index }

    func receive(into packet: inout ReceivedPacket) -> Bool {
        guard next < incoming.count else {
            incoming.removeAll()
            next = 0
            return false
        }
        packet = incoming[next]
        next += 1
        return true
    }

    func send(
        _ kind: PacketKind, transaction: UInt64, completionRequested: Bool, payload: UnsafeRawBufferPointer, _ more: UnsafeRawBufferPointer
    ) -> Bool {
        guard outgoing.count < places else { return false }
        outgoing.append((kind, transaction, Array(payload) + Array(more)))
        return true
    }

    func sendTransferPages(
        transaction: UInt64, set: UInt16, ranges: [(offset: UInt32, count: UInt32)], payload: UnsafeRawBufferPointer
    ) -> Bool { false }
    var room: Int { outgoing.count < places ? 4096 : 0 }
    var capacity: Int { 4096 }
    func buffer(gpadl: UInt32) -> GuestBuffer? { nil }
    func fail(_ reason: String) { isOpen = false }
    func flush() { flushes += 1 }
    /// Packets that wait to be received.
    var waiting: Int { incoming.count - next }
}

final class StorageHost: VMBusDeviceHost, @unchecked Sendable {
    let memory: GuestMemory
    let version: UInt32 = 0x50003
    let processorCount: Int
    var offeredSubChannels: [Int] = []
    init(memory: GuestMemory, processorCount: Int) { (self.memory, self.processorCount) = (memory, processorCount) }
    func offerSubChannels(_ count: Int) { offeredSubChannels.append(count) }
    func rescind() {}
}

/// What a guest gets back from a SCSI command.
struct ScsiReply {
    var srb: UInt8
    var scsi: UInt8
    var status: UInt32
    var transferred: Int
    var sense: [UInt8]
    /// The guest's buffer afterwards.
    var data: [UInt8]

    var isGood: Bool { srb == 1 && scsi == 0 && status == 0 }
    /// Key, code and qualifier, when the reply has sense data.
    var reason: SenseData? {
        srb & 0x80 != 0 && sense.count >= 14 && sense[0] == 0x70 ? SenseData(sense[2], sense[12], sense[13]) : nil
    }
    var key: UInt8? { reason?.key }
}

/// A guest's driver over a controller of its own, without a bus between.
final class StorageGuest {
    let memory: GuestMemory
    let pump = ManualPump()
    let controller: StorageController
    let host: StorageHost
    var channels: [StorageQueueChannel]
    var full: [(location: Int, error: DiskError)] = []
    var troubles: [String] = []
    private var transaction: UInt64 = 100

    static let instance = GUID("7e2c1d34-5a0b-4c11-9d2e-0f1a2b3c4d5e") ?? GUID(bytes: [UInt8](repeating: 1, count: 16))
    /// Where buffers lie, and how large a buffer can be.
    static let buffer: UInt64 = 0x10_0000
    static let bufferRoom = 2 << 20

    init(_ targets: [Int: any ScsiTarget], processors: Int = 4, memory: GuestMemory? = nil, initialised: Bool = true) throws {
        self.memory = try memory ?? GuestMemory(size: 16 << 20)
        controller = StorageController(instance: Self.instance, pump: pump)
        host = StorageHost(memory: self.memory, processorCount: processors)
        channels = [StorageQueueChannel(index: 0)]
        controller.setDisks(targets)
        controller.attached(to: host)
        controller.onDiskFull = { [weak self] in self?.full.append(($0, $1)) }
        controller.onTrouble = { [weak self] in self?.troubles.append($0) }
        if initialised {
            #expect(controller.opened(channels[0], userData: []))
            initialise()
        }
    }

    /// The sequence of Linux' storvsc_channel_init.
    func initialise(version: UInt16 = 0x0602) {
        #expect(control(7) == 0)
        #expect(control(9, body: [UInt8(version & 0xFF), UInt8(version >> 8), 0, 0]) == 0)
        #expect(control(10) == 0)
        #expect(control(8) == 0)
    }

    /// A packet without a SCSI command; the status of its completion, nil when there is none.
    func control(_ operation: UInt32, body: [UInt8] = [], channel: Int = 0) -> UInt32? {
        exchange(operation, body: body, channel: channel).map { $0.little(8, as: UInt32.self) }
    }

    /// The completion of such a packet.
    func exchange(_ operation: UInt32, body: [UInt8] = [], channel: Int = 0) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 64)
        bytes.setLittleEndian(operation, at: 0)
        for (position, byte) in body.enumerated() { bytes[12 + position] = byte }
        return push(bytes, channel: channel)
    }

    /// Sends a packet and runs the pump; the payload of its completion.
    func push(_ payload: [UInt8], ranges: [GuestRange] = [], channel: Int = 0) -> [UInt8]? {
        let number = enqueue(payload, ranges: ranges, channel: channel)
        run(channel)
        return take(number, channel: channel)
    }

    /// Puts a packet into the queue only; its transaction.
    func enqueue(_ payload: [UInt8], ranges: [GuestRange] = [], channel: Int = 0) -> UInt64 {
        transaction += 1
        var packet = ReceivedPacket()
        packet.kind = ranges.isEmpty ? .inBand : .direct
        packet.transaction = transaction
        packet.completionRequested = true
        packet.payload = payload
        packet.ranges = ranges
        channels[channel].incoming.append(packet)
        return transaction
    }

    func run(_ channel: Int = 0) {
        controller.ringChanged(channels[channel])
        pump.run()
    }

    /// The completion of a packet, taken out of the queue.
    func take(_ transaction: UInt64, channel: Int = 0) -> [UInt8]? {
        let queue = channels[channel].outgoing
        guard let place = queue.firstIndex(where: { $0.kind == .completion && $0.transaction == transaction }) else { return nil }
        channels[channel].outgoing.remove(at: place)
        return queue[place].payload
    }

    /// Operations of the packets that came without a request, taken out.
    func takeNotices() -> [UInt32] {
        let notices = channels[0].outgoing.filter { $0.kind == .inBand }.map { $0.payload.little(0, as: UInt32.self) }
        channels[0].outgoing.removeAll { $0.kind == .inBand }
        return notices
    }

    /// A request's packet.
    static func request(_ cdb: [UInt8], length: Int, direction: UInt8, lun: Int = 0, target: UInt8 = 0) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 64)
        bytes.setLittleEndian(UInt32(3), at: 0)
        bytes.setLittleEndian(UInt32(1), at: 4)
        bytes.setLittleEndian(UInt16(52), at: 12)
        (bytes[18], bytes[19]) = (target, UInt8(lun))
        (bytes[20], bytes[21], bytes[22]) = (UInt8(cdb.count), 20, direction)
        bytes.setLittleEndian(UInt32(length), at: 24)
        for (position, byte) in cdb.enumerated() { bytes[28 + position] = byte }
        return bytes
    }

    /// Cuts `count` bytes from the buffer's beginning into runs of at most `run` bytes with a gap of a page between them.
    static func ranges(_ count: Int, run: Int = .max) -> [GuestRange] {
        var ranges: [GuestRange] = []
        var (left, address) = (count, buffer)
        while left > 0 {
            let length = min(run, left)
            ranges.append(GuestRange(address: address, count: length))
            address += UInt64(length)
            if run < .max { address += 4096 }
            left -= length
        }
        return ranges
    }

    /// A command that reads `length` bytes.
    func read(_ cdb: [UInt8], length: Int, lun: Int = 0, target: UInt8 = 0, run: Int = .max, channel: Int = 0) -> ScsiReply? {
        let ranges = Self.ranges(length, run: run)
        let request = Self.request(cdb, length: length, direction: length > 0 ? 1 : 2, lun: lun, target: target)
        guard let payload = push(request, ranges: ranges, channel: channel) else { return nil }
        return reply(payload, ranges)
    }

    /// A command that sends `data`.
    func write(_ cdb: [UInt8], _ data: [UInt8], lun: Int = 0, run: Int = .max, channel: Int = 0) -> ScsiReply? {
        let (number, ranges) = begin(cdb, data, lun: lun, run: run, channel: channel)
        self.run(channel)
        return take(number, channel: channel).map { reply($0, ranges) }
    }

    /// Queues a command that sends `data`.
    func begin(
        _ cdb: [UInt8], _ data: [UInt8], lun: Int = 0, run: Int = .max, channel: Int = 0
    ) -> (transaction: UInt64, ranges: [GuestRange]) {
        let ranges = Self.ranges(data.count, run: run)
        #expect(data.withUnsafeBytes { memory.write($0, into: ranges) } == data.count)
        return (enqueue(Self.request(cdb, length: data.count, direction: 0, lun: lun), ranges: ranges, channel: channel), ranges)
    }

    func reply(_ payload: [UInt8], _ ranges: [GuestRange]) -> ScsiReply {
        var data = [UInt8](repeating: 0, count: ranges.reduce(0) { $0 + $1.count })
        _ = data.withUnsafeMutableBytes { memory.read(ranges, into: $0) }
        #expect(payload.little(0, as: UInt32.self) == 1)
        let senseLength = min(Int(payload[21]), 20)
        return ScsiReply(
            srb: payload[14], scsi: payload[15], status: payload.little(8, as: UInt32.self),
            transferred: Int(payload.little(24, as: UInt32.self)), sense: Array(payload[28..<28 + senseLength]), data: data)
    }
}

/// Command blocks as a guest builds them.
enum ScsiBlocks {
    static func transfer10(_ opcode: UInt8, _ first: UInt64, _ count: Int, flags: UInt8 = 0) -> [UInt8] {
        var cdb: [UInt8] = [opcode, flags]
        cdb.appendBig(UInt32(truncatingIfNeeded: first))
        cdb.append(0)
        cdb.appendBig(UInt16(truncatingIfNeeded: count))
        return cdb + [0]
    }

    static func transfer12(_ opcode: UInt8, _ first: UInt64, _ count: Int, flags: UInt8 = 0) -> [UInt8] {
        var cdb: [UInt8] = [opcode, flags]
        cdb.appendBig(UInt32(truncatingIfNeeded: first))
        cdb.appendBig(UInt32(truncatingIfNeeded: count))
        return cdb + [0, 0]
    }

    static func transfer16(_ opcode: UInt8, _ first: UInt64, _ count: Int, flags: UInt8 = 0) -> [UInt8] {
        var cdb: [UInt8] = [opcode, flags]
        cdb.appendBig(first)
        cdb.appendBig(UInt32(truncatingIfNeeded: count))
        return cdb + [0, 0]
    }

    static func transfer6(_ opcode: UInt8, _ first: UInt64, _ count: Int) -> [UInt8] {
        [opcode, UInt8(first >> 16 & 0x1F), UInt8(first >> 8 & 0xFF), UInt8(first & 0xFF), UInt8(count & 0xFF), 0]
    }

    static let testUnitReady: [UInt8] = [0, 0, 0, 0, 0, 0]
    static func inquiry(page: UInt8? = nil, length: Int = 255) -> [UInt8] {
        [0x12, page == nil ? 0 : 1, page ?? 0, UInt8(length >> 8), UInt8(length & 0xFF), 0]
    }
    static func modeSense6(_ page: UInt8, flags: UInt8 = 0) -> [UInt8] { [0x1A, flags, page, 0, 255, 0] }
    static let synchronize: [UInt8] = [0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0]
}
