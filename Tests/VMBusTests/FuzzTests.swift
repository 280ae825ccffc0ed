import Basics
import DeviceModel
import Testing
import VMBus
import VMBusTestSupport

/// A hostile guest, with fixed seeds: nothing traps, nothing grows, and a well-behaved guest afterwards is served.
@Suite struct FuzzTests {
    /// Numbers a guest may choose to hurt.
    private static let edges: [UInt32] = [0, 1, 2, 3, 4, 7, 8, 16, 4095, 4096, 2047, 2048, 0x7FFF_FFFF, 0x8000_0000, .max, .max - 7]

    @Test(arguments: 1...8)
    func messages(_ seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        let bus = GuestBus(processors: 2, megabytes: 8)
        let pump = bus.makePump()
        let devices = (1...3).map { EchoDevice(pump: pump, instance: EchoDevice.instance(UInt8($0))) }
        devices[0].wantedSubChannels = 2
        for device in devices { #expect(bus.server.add(device)) }
        #expect(bus.connect())
        _ = bus.requestOffers()
        for round in 0..<6000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0:
                let length = Int.random(in: 0...260, using: &random)
                bus.post(
                    (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }, connection: Bool.random(using: &random) ? 1 : 4)
            case 1: bus.post(GuestBus.contact(Bool.random(using: &random) ? 0x5_0003 : Self.number(&random)), connection: 4)
            case 2: bus.post(GuestBus.message(3))
            default: bus.post(Self.message(&random))
            }
            for relid in UInt32(0)...12 where Int.random(in: 0...3, using: &random) == 0 { bus.transport.guestSignals(0x1000 + relid) }
            if Int.random(in: 0...200, using: &random) == 0 { bus.server.remove(devices[2]) }
            if Int.random(in: 0...200, using: &random) == 0 { _ = bus.server.add(devices[2]) }
            if round % 50 == 0 {
                let saved = try bus.saved()
                #expect(saved[0].payload.utf8.count < 4_000_000)
                bus.inbox.removeAll()
                bus.advance(milliseconds: 1)
            }
        }
        #expect(bus.notes.count <= 64)
        bus.advance(milliseconds: 100)
        #expect(bus.unload())
        bus.inbox.removeAll()
        #expect(bus.connect())
        let offer = try #require(bus.requestOffers().first { $0.instance == EchoDevice.instance(2) })
        #expect(try #require(bus.open(offer)).exchange([1]) != nil)
    }

    private static func number(_ random: inout SeededRandom) -> UInt32 {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: edges.randomElement(using: &random) ?? 0
        case 1: UInt32.random(in: 0...10, using: &random)
        case 2: UInt32.random(in: 0x100...0x7FF, using: &random)
        default: UInt32.random(in: 0...UInt32.max, using: &random)
        }
    }

    /// Messages that are nearly right, over a handful of numbers, so that sequences make sense by chance.
    private static func message(_ random: inout SeededRandom) -> [UInt8] {
        let relid = Int.random(in: 0...9, using: &random) == 0 ? number(&random) : UInt32.random(in: 1...8, using: &random)
        let gpadl = UInt32.random(in: 1...6, using: &random)
        let pages = Int.random(in: 1...30, using: &random)
        var bytes: [UInt8]
        switch Int.random(in: 0..<12, using: &random) {
        case 0...2:
            bytes = GuestBus.message(8, relid, gpadl, UInt32(8 + pages * 8) | 1 << 16, UInt32(pages * 4096), 0)
            for _ in 0..<min(pages, 26) { bytes += GuestRing.little(UInt64.random(in: 0x100...0x7FF, using: &random)) }
        case 3: bytes = GuestBus.message(9, 0, gpadl, 0x200, 0, 0x201, 0, 0x202, 0, 0x203, 0)
        case 4...5:
            bytes =
                GuestBus.message(5, relid, number(&random), gpadl, UInt32.random(in: 0...2, using: &random), 3)
                + [UInt8](repeating: 0, count: 120)
        case 6: bytes = GuestBus.message(7, relid)
        case 7: bytes = GuestBus.message(11, relid, gpadl)
        case 8: bytes = GuestBus.message(13, relid)
        case 9: bytes = GuestBus.message(22, relid, UInt32.random(in: 0...2, using: &random))
        case 10: bytes = GuestBus.message(21, number(&random)) + [UInt8](repeating: 3, count: 28)
        default:
            bytes = GuestBus.message(
                Int.random(in: 0...30, using: &random) == 0 ? 16 : number(&random) & 31, number(&random), number(&random))
        }
        if Int.random(in: 0...7, using: &random) == 0 {
            bytes[Int.random(in: 8..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        if Int.random(in: 0...15, using: &random) == 0 { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random)) }
        return bytes
    }

    @Test(arguments: 1...8)
    func rings(_ seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed) << 20)
        let bus = GuestBus(processors: 2, megabytes: 8)
        let device = EchoDevice(pump: bus.makePump(), instance: EchoDevice.instance(1))
        #expect(bus.server.add(device))
        #expect(bus.connect())
        let offer = try #require(bus.requestOffers().first)
        let page = bus.nextPage
        for _ in 0..<400 {
            bus.nextPage = page
            let channel = try #require(bus.open(offer, sendPages: 3, receivePages: 3, scattered: Bool.random(using: &random)))
            for _ in 0..<30 {
                for _ in 0..<Int.random(in: 0...6, using: &random) { Self.send(channel, &random) }
                Self.spoil(channel, &random)
                channel.signal()
                bus.run()
                #expect(device.packet.payload.count <= 2 * 4096 && device.packet.ranges.count <= 1024)
                #expect(device.packet.ranges.allSatisfy { bus.memory.contains($0.address, count: UInt64($0.count)) })
            }
            #expect(bus.close(channel))
        }
        #expect(try #require(bus.open(offer)).exchange([1]) != nil)
    }

    private static func send(_ channel: GuestChannel, _ random: inout SeededRandom) {
        let kind = PacketKind(
            rawValue: Int.random(in: 0...5, using: &random) == 0
                ? UInt16.random(in: 0...255, using: &random) : [6, 7, 9, 11].randomElement(using: &random) ?? 6)
        let words = (0..<2 * Int.random(in: 0...12, using: &random)).flatMap { _ in
            GuestRing.little(Bool.random(using: &random) ? UInt32.random(in: 0...3, using: &random) : number(&random))
        }
        guard channel.outbound.bytesToWrite <= channel.outbound.size else { return }
        let payload = [UInt8](repeating: 1, count: Int.random(in: 0...300, using: &random))
        guard channel.outbound.writeIndex < UInt32(channel.outbound.size), channel.outbound.readIndex < UInt32(channel.outbound.size) else {
            return
        }
        _ = channel.send(kind, transaction: random.next(), flags: UInt16.random(in: 0...3, using: &random), lists: words, payload: payload)
    }

    /// Writes something wrong into a header or over packets, most of the time.
    private static func spoil(_ channel: GuestChannel, _ random: inout SeededRandom) {
        let ring = Bool.random(using: &random) ? channel.outbound : channel.inbound
        switch Int.random(in: 0..<14, using: &random) {
        case 0: ring.writeIndex = number(&random)
        case 1: ring.readIndex = number(&random)
        case 2: ring.writeIndex = UInt32.random(in: 0..<1024, using: &random) * 8
        case 3: ring.readIndex = UInt32.random(in: 0..<1024, using: &random) * 8
        case 4: ring.interruptMask = number(&random)
        case 5: ring.pendingSendSize = number(&random)
        case 6...7:
            ring.put((0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }, at: Int.random(in: 0..<1024, using: &random) * 8)
        case 8: ring.put(GuestRing.little(UInt16.random(in: 0...40, using: &random)), at: Int.random(in: 0..<1024, using: &random) * 8 + 2)
        case 9: ring.put(GuestRing.little(UInt16.random(in: 0...600, using: &random)), at: Int.random(in: 0..<1024, using: &random) * 8 + 4)
        default: break
        }
    }

    @Test func savedStatesOfNonsense() throws {
        let bus = GuestBus(processors: 2, megabytes: 8)
        #expect(bus.server.add(EchoDevice(pump: bus.makePump(), instance: EchoDevice.instance(1))))
        #expect(bus.connect())
        _ = try #require(bus.requestOffers().first.flatMap { bus.open($0) })
        let saved = try bus.saved()[0]
        var random = SeededRandom(seed: 99)
        let bytes = Array(saved.payload.utf8)
        for _ in 0..<400 {
            var changed = bytes
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let position = Int.random(in: 0..<changed.count, using: &random)
                changed[position] = UInt8(ascii: "0") + UInt8.random(in: 0...9, using: &random)
            }
            let other = GuestBus(processors: 2, megabytes: 8)
            #expect(other.server.add(EchoDevice(pump: other.makePump(), instance: EchoDevice.instance(1))))
            do {
                try other.restore([UnitState(name: "vmbus", version: 1, payload: String(decoding: changed, as: UTF8.self))])
                other.advance(milliseconds: 1)
            } catch {}
        }
    }
}
