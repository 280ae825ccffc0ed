import Basics
import DeviceModel
import Network
import Services
import VMBus
import VMBusTestSupport

extension FuzzTarget {
    /// NVSP and RNDIS from the guest, frames with offloads from the switch.
    static let networkAdapter = FuzzTarget(
        "network-adapter", "steps: NVSP messages, RNDIS in the send buffer or in ranges, answers, frames of the switch, saves",
        maximumLength: 4096, seeds: AdapterCase.seeds
    ) { bytes in AdapterCase(bytes).run() }
}

private final class AdapterCase {
    private static let limit = 96
    private static let ram = FuzzMemory(size: 8 << 20, used: 0)
    private static let instance = GUID(bytes: [UInt8](repeating: 8, count: 16))
    /// Guest-physical places of the two GPADLs (256 KiB each) and of the pages for direct buffers.
    private static let receiveArea: UInt64 = 0x20_0000
    private static let sendArea: UInt64 = 0x28_0000
    private static let pages: UInt64 = 0x30_0000
    private static let types: [UInt32] = [1, 100, 101, 103, 104, 106, 125, 129, 133, 107, 108, 2]
    private static let objects: [UInt32] = [
        0x0001_0101, 0x0001_010E, 0x0001_0204, 0x0001_021B, 0x0101_0103, 0x0101_0101, 0x0101_0102, 0xFC01_020C, 0xFC01_020D, 0x0101_010A,
        0x0002_0216, 0x0001_0107, 0x0001_0114, 0x0001_0207, 0x0001_0203,
    ]
    private var input: FuzzInput
    private let pump = ManualPump()
    private let host = FuzzHost(memory: AdapterCase.ram.memory)
    private let port = FuzzPort()
    private var adapter: NetworkAdapter
    private var channels: [FuzzChannel] = []
    private var transaction: UInt64 = 0

    init(_ bytes: [UInt8]) {
        input = FuzzInput(bytes)
        adapter = Self.make(pump, port)
        adapter.attached(to: host)
    }

    private static func make(_ pump: ManualPump, _ port: FuzzPort) -> NetworkAdapter {
        NetworkAdapter(NetworkAdapterSettings(instance: instance, address: [2, 0, 0, 0, 0, 1]), pump: pump, port: port)
    }

    func run() {
        open(0)
        if input.flag() { start() }
        for _ in 0..<Self.limit where !input.isEmpty {
            step()
            promise(adapter.statistics.queues.count <= 64, "queues are bounded")
        }
        for channel in channels.reversed() {
            channel.end()
            adapter.closed(channel)
        }
        pump.run()
        // Whatever became of the first driver, the next one starts.
        channels = []
        port.places = 1000
        port.isLinkUp = true
        adapter.setPort(port)
        adapter.setLink(true)
        open(0)
        start()
        promise(adapter.statistics.guestIsReady, "a new driver starts")
        port.waiting = [(FrameHeader(), [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0] + [UInt8](repeating: 0, count: 60))]
        pump.fire(port.descriptor)
        adapter.ringChanged(channels[0])
        pump.run()
        promise(port.waiting.isEmpty, "frames are taken")
    }

    private func open(_ index: Int) {
        let channel = FuzzChannel(index: index)
        for (gpadl, area) in [(UInt32(1), Self.receiveArea), (2, Self.sendArea), (3, Self.pages)] {
            let pages = (0..<(gpadl == 3 ? 1 : 64)).map { area >> 12 + UInt64($0) }
            channel.buffers[gpadl] = GuestBuffer(gpadl: gpadl, pages: pages, firstOffset: 0, count: pages.count * 4096, memory: host.memory)
        }
        if adapter.opened(channel, userData: []) { channels.append(channel) }
    }

    /// What Linux says at its start, up to a set packet filter.
    private func start() {
        message([1, 0x6_0001, 0x6_0001])
        message([125, 1514, 0, 0xA8, 0])
        message([100, 6, 30])
        message([101, 1, 0xCAFE])
        message([104, 2, 0])
        control([2, 24, 1, 1, 0, 0x4000])
        control([5, 32, 2, 0x0001_010E, 4, 20, 0, 0x2D])
    }

    private func words(_ list: [UInt32]) -> [UInt8] { list.flatMap { little($0) } }

    private func message(_ list: [UInt32], ranges: [GuestRange] = [], on index: Int = 0, wanted: Bool = true) {
        send(words(list) + [UInt8](repeating: 0, count: max(0, 40 - list.count * 4)), ranges, index, wanted)
    }

    private func send(_ bytes: [UInt8], _ ranges: [GuestRange], _ index: Int, _ wanted: Bool) {
        guard !channels.isEmpty else { return }
        let channel = channels[index % channels.count]
        transaction += 1
        channel.put(bytes, kind: ranges.isEmpty ? .inBand : .direct, transaction: transaction, wanted: wanted, ranges: ranges)
        adapter.ringChanged(channel)
        pump.run()
    }

    /// An RNDIS message through direct pages, as control messages go.
    private func control(_ list: [UInt32]) { place(words(list), section: false, channel: 1, index: 0) }

    /// Puts RNDIS bytes where the message says.
    private func place(_ bytes: [UInt8], section: Bool, channel: UInt32, index: Int, ranges: [GuestRange]? = nil) {
        _ = host.memory.write(section ? Self.sendArea : Self.pages, bytes)
        if section {
            message([107, channel, 0, UInt32(bytes.count)], on: index)
        } else {
            let whole = [GuestRange(address: Self.pages, count: max(1, bytes.count))]
            message([107, channel, 0xFFFF_FFFF, 0], ranges: ranges ?? whole, on: index)
        }
    }

    private func step() {
        switch input.choice(14) {
        case 0: message([Self.types[input.choice(12)], input.interesting(), input.interesting(), input.interesting(), input.interesting()])
        case 1: send(input.take(Int(input.byte())), input.flag() ? ranges() : [], input.choice(4), input.flag())
        case 2: place(input.take(Int(input.byte()) * 4), section: input.flag(), channel: UInt32(input.byte() & 1), index: input.choice(4))
        case 3:
            control(
                [UInt32(input.byte() & 15), input.interesting(), input.interesting(), input.interesting()]
                    + (0..<8).map { _ in input.interesting() })
        case 4: query()
        case 5, 6: packet()
        case 7: frame()
        case 8: answers()
        case 9:
            if channels.count < 4, channels.first?.isOpen == true {
                message([133, 1, 3])
                if host.offered >= channels.count { open(channels.count) }
            }
        case 10: restore()
        case 11:
            if input.flag() { adapter.setLink(input.flag()) } else { adapter.setPort(input.flag() ? port : nil) }
            port.isLinkUp = input.byte() < 0xE0
        case 12:
            port.places = input.flag() ? 0 : 1000
            for channel in channels { channel.places = input.flag() ? 0 : 1000 }
        default:
            let gpadl = UInt32(input.byte() & 3)
            for channel in channels { channel.buffers[gpadl] = nil }
            adapter.tornDown(gpadl: gpadl)
        }
        for channel in channels { adapter.ringChanged(channel) }
        pump.run()
        if port.waiting.count > 64 { port.waiting.removeFirst(32) }
    }

    private func query() {
        let body = input.take(Int(input.byte()))
        let place: UInt32 = input.byte() < 0xE0 ? 20 : input.interesting()
        let size: UInt32 = input.byte() < 0xE0 ? UInt32(body.count) : input.interesting()
        let kind = input.flag() ? UInt32(4) : 5
        var bytes = words([kind, UInt32(28 + body.count), 7, Self.objects[input.choice(15)], size, place, 0]) + body
        if input.byte() > 0xF0 { bytes = Array(bytes.prefix(Int(input.byte()))) }
        self.place(bytes, section: false, channel: 1, index: 0)
    }

    /// An RNDIS packet message with per-packet information that is nearly right, several in one message at times.
    private func packet() {
        var bytes: [UInt8] = []
        for _ in 0...input.choice(3) {
            var information: [UInt8] = []
            for _ in 0..<Int(input.byte() & 3) {
                let size: UInt32 = input.byte() < 0xE0 ? 16 : input.interesting()
                let kind: UInt32 = [0, 2, 6, 8, 0x8000_0001, UInt32(input.byte())][input.choice(6)]
                information += words([size, kind, input.byte() < 0xE0 ? 12 : input.interesting(), input.number()])
            }
            let frame = FrameShapes.frame(&input)
            let start = 36 + information.count
            var head: [UInt32] = [
                1, UInt32(8 + start + frame.count), UInt32(start), UInt32(frame.count), 0, 0, 0, information.isEmpty ? 0 : 36,
                UInt32(information.count), 0, 0,
            ]
            if input.byte() > 0xD0 { head[1 + input.choice(10)] = input.interesting() }
            bytes += words(head) + information + frame
            bytes += [UInt8](repeating: 0, count: (8 - bytes.count % 8) % 8)
        }
        let section = input.flag()
        guard !section, input.flag(), bytes.count > 2 else { return place(bytes, section: section, channel: 0, index: input.choice(4)) }
        let cut = 1 + Int(input.number(UInt16.self)) % (bytes.count - 1)
        let ranges = [
            GuestRange(address: Self.pages, count: cut), GuestRange(address: Self.pages + UInt64(cut), count: bytes.count - cut),
        ]
        place(bytes, section: false, channel: 0, index: input.choice(4), ranges: ranges)
    }

    /// A frame of the switch with offloads that are anything the ring's reader lets through.
    private func frame() {
        let bytes = FrameShapes.frame(&input)
        var header = FrameHeader()
        header.checksum = FrameHeader.Checksum(rawValue: input.byte() % 3) ?? .complete
        (header.checksumStart, header.checksumOffset) = (UInt16(input.byte()), UInt16(input.byte() & 31))
        (header.segmentSize, header.headerCount) = (input.number(), UInt16(input.byte()))
        if input.flag() { header.tag = input.number() }
        header.fit(frame: bytes.count)
        port.waiting.append((header, bytes))
        pump.fire(port.descriptor)
    }

    private func answers() {
        for channel in channels {
            for transaction in channel.transfers.suffix(8) {
                channel.put(words([108, input.byte() < 0xE0 ? 1 : input.interesting()]), kind: .completion, transaction: transaction)
            }
            channel.put(input.take(8), kind: .completion, transaction: UInt64(input.interesting()))
        }
    }

    private func ranges() -> [GuestRange] {
        (0..<Int(input.byte() & 7)).map { _ in
            GuestRange(address: Self.pages + UInt64(input.number(UInt16.self)), count: Int(input.number(UInt16.self)))
        }
    }

    private func restore() {
        guard let saved = try? adapter.savedUnit() else { fatalError("it can always be saved") }
        promise(saved.payload.utf8.count < 8 << 20, "the state stays small")
        adapter.setPort(nil)
        adapter = Self.make(pump, port)
        adapter.attached(to: host)
        for channel in channels { adapter.reopened(channel) }
        guard (try? adapter.restore(from: saved)) != nil else { fatalError("what was saved can be restored") }
    }

    static func seeds() -> [[UInt8]] {
        let shape: [UInt8] = [1, 6, 60, 0]
        let packet: [UInt8] = [1, 5, 0, 1, 0, 0, 0, 0, 0x11, 0x22, 0x33, 0x44] + shape + [0, 1]
        let large: [UInt8] = [5, 0, 1, 0, 1, 0, 0xB4, 5, 0, 0x40] + [2, 6, 0, 20] + [0, 0]
        let frames: [UInt8] = [7] + shape + [1, 34, 16, 0, 4, 54, 0] + [8, 0, 1, 2, 3]
        let queries: [UInt8] = [4, 4, 1, 2, 3, 4, 0, 0, 1, 1, 0] + [4, 4, 13, 0, 0, 0, 0, 0, 0, 1, 0]
        return [
            packet + frames, packet + large + [9, 9] + frames + [10] + frames, [1] + queries + frames, [0, 0, 1, 3, 3, 3, 3] + packet,
            [1, 12, 1, 1] + packet + [12, 0, 0] + frames + [13, 1] + packet,
        ]
    }
}
