import Basics
import DeviceModel
import Network
import Services
import Testing
import VMBus
import VMBusTestSupport

@Suite("Network adapter: hostile guests")
struct NetworkHostileTests {
    /// A plain generator, so that a failure repeats.
    struct Random: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 29
        }
    }

    @Test("broken RNDIS messages are refused, and the adapter goes on")
    func messages() throws {
        let machine = try NetworkMachine()
        let guest = machine.guest
        try guest.start()
        let frame = PlainFrame.finished(PlainFrame.udp(payload: 60))
        let good = guest.packet(frame, [(6, 16)])
        // Byte offsets of words in the head, and what they become.
        let bad: [(Int, UInt32)] = [
            (4, 0), (4, 7), (4, 0xffff_ffff), (4, 10000), (8, 0xffff_fff0), (8, 4000), (12, 0xffff_ffff), (12, 3000), (12, 3),
            (28, 0xffff_ffff),
            (28, 5000), (32, 0xffff_ffff), (32, 600), (32, 5), (44, 0), (44, 11), (44, 17), (44, 0xffff_ffff), (52, 0xffff_ffff), (52, 17),
        ]
        for (offset, value) in bad {
            var head = good.head
            head.replaceSubrange(offset..<offset + 4, with: NetworkGuest.little([value]))
            #expect(guest.sendCopied([(head, good.frame)]))
            machine.settle()
        }
        #expect(machine.port.sent.isEmpty)
        #expect(guest.completed.count == bad.count)
        #expect(machine.adapter.statistics.total.malformed >= UInt64(bad.count))
        // A section that is none, a size beyond it.
        let sections: [[UInt32]] = [[107, 0, 9999, 100], [107, 0, 0, 6145], [107, 0, 0xffff_fffe, 0xffff_ffff], [107, 0, 16, 6144]]
        for words in sections {
            #expect(guest.channels[0].send(guest.message(words), transaction: 3, completionRequested: true))
            machine.settle()
            #expect(guest.completed.last?.status == 5)
        }
        #expect(guest.sendCopied([good]))
        machine.settleLate()
        #expect(machine.port.sent.count == 1 && guest.completed.last?.status == 1)
    }

    @Test("large sends that cannot be are dropped")
    func largeSends() throws {
        let machine = try NetworkMachine()
        let guest = machine.guest
        try guest.start()
        let plain = PlainFrame.tcp(payload: 5000)
        // No segment size, one too small, version 1, not TCP, not IP.
        let usual: UInt32 = 0x4000_05a8
        var cases: [([UInt8], UInt32)] = [(plain, 0x4000_0000), (plain, 0x4000_0014), (plain, 1448)]
        cases.append((PlainFrame.udp(payload: 5000), usual))
        cases.append(([UInt8](repeating: 0xee, count: 5000), usual))
        cases.append((Array(plain[..<40]), usual))
        for (frame, value) in cases {
            #expect(guest.sendDirect(guest.packet(frame, [(2, value)])))
            machine.settle()
        }
        // A checksum beyond the frame; a frame beyond what the adapter can be set to.
        #expect(guest.sendDirect(guest.packet(Array(plain[..<60]), [(0, 0x3ff_0005)])))
        #expect(guest.sendDirect(guest.packet(PlainFrame.udp(payload: 12000), [])))
        machine.settle()
        #expect(machine.port.sent.isEmpty)
        #expect(machine.adapter.statistics.total.droppedSends == 8)
        #expect(guest.completed.count == 8)
    }

    @Test("frames of the switch that cannot be are dropped")
    func hostileSwitch() throws {
        let machine = try NetworkMachine()
        let guest = machine.guest
        try guest.start(coalescing: true)
        var frames: [FakePort.Frame] = []
        frames.append(.init([]))
        frames.append(.init([UInt8](repeating: 0xff, count: 13)))
        frames.append(.init(PlainFrame.udp(payload: 3000)))
        var partial = PlainFrame.partial(PlainFrame.udp(payload: 100))
        partial.header.checksumStart = 0xffff
        frames.append(partial)
        var large = PlainFrame.partial(PlainFrame.udp(payload: 3000), segment: 1400)
        frames.append(large)
        large = PlainFrame.partial(PlainFrame.tcp(payload: 30), segment: 1400)
        large.header.segmentSize = 1
        frames.append(large)
        machine.arrive(frames)
        #expect(machine.port.waiting.isEmpty)
        // The last is small enough to be one coalesced piece.
        #expect(guest.frames.count <= 1)
    }

    @Test("a guest that gives back what it does not have gains nothing")
    func completions() throws {
        let machine = try NetworkMachine()
        let guest = machine.guest
        try guest.start(receivePages: 5)
        guest.givesBack = false
        let frame = FakePort.Frame(PlainFrame.finished(PlainFrame.udp(payload: 10)))
        machine.arrive([frame])
        let transaction = try #require(guest.kept.first?.transaction)
        for guess: UInt64 in [0, 11, 1 << 40, .max, transaction, transaction, transaction &+ 1] {
            #expect(guest.channels[0].complete(guess, NetworkGuest.little([108, 1])))
        }
        machine.settle()
        for _ in 0..<20 { machine.arrive([frame]) }
        // Ten sections, no more.
        #expect(guest.frames.count == 11)
        #expect(machine.port.waiting.count == 10)
    }

    @Test("random NVSP and RNDIS messages: no trap, and a new driver starts afterwards", arguments: 0..<12)
    func fuzz(seed: Int) throws {
        var random = Random(state: UInt64(seed) &* 0x9e37_79b9 &+ 1)
        let machine = try NetworkMachine(processors: 4, megabytes: 32)
        let guest = machine.guest
        try guest.start(receivePages: 32, sendPages: 6, queues: seed % 3 == 0 ? 4 : 1, coalescing: seed % 2 == 0)
        guest.givesBack = false
        let interesting: [UInt32] = [0, 1, 4, 7, 8, 14, 36, 44, 0x7fff_ffff, 0x8000_0000, 0xffff_fff8, 0xffff_ffff, 6144, 65535]
        let page = machine.bus.allocate(pages: 4)
        let objects: [UInt32] = [
            0x0001_0101, 0x0001_010e, 0x0001_0204, 0x0001_021b, 0x0101_0103, 0xfc01_020c, 0xfc01_020d, 0x0002_0216, 0x1234,
        ]
        let types: [UInt32] = [101, 103, 104, 106, 125, 129, 133, 107, 1, 2, 100, 150]
        for round in 0..<3000 {
            func word() -> UInt32 {
                switch Int.random(in: 0..<4, using: &random) {
                case 0: interesting.randomElement(using: &random) ?? 0
                case 1: UInt32.random(in: 0..<200, using: &random)
                case 2: UInt32.random(in: 0..<3000, using: &random)
                default: UInt32.random(in: 0...UInt32.max, using: &random)
                }
            }
            let count = Int.random(in: 0..<200, using: &random)
            var rndis: [UInt32] = []
            for _ in 0..<count { rndis.append(word()) }
            if rndis.count > 12, round % 8 != 0 {
                rndis[0] = [1, 1, 1, 4, 5, 5, 8, 6].randomElement(using: &random) ?? 1
                rndis[1] = UInt32(rndis.count * 4)
                if rndis[0] > 1 {
                    rndis[3] = objects.randomElement(using: &random) ?? 0
                    if round % 2 == 0 { (rndis[4], rndis[5]) = (UInt32(rndis.count * 4 - 28), 20) }
                } else if round % 2 == 0 {
                    (rndis[2], rndis[3]) = (60, UInt32(rndis.count * 4).subtractingReportingOverflow(68).partialValue & 0xffff)
                    (rndis[7], rndis[8], rndis[11], rndis[12]) = (36, 16, 16, [0, 2, 6, 8].randomElement(using: &random) ?? 0)
                }
            }
            let bytes = NetworkGuest.little(rndis)
            var nvsp: [UInt32] = [107, round % 2 == 0 ? 0 : 1, round % 3 == 0 ? 0 : 0xffff_ffff, UInt32(bytes.count)]
            if round % 50 == 49 { nvsp = [types.randomElement(using: &random) ?? 1, word(), word(), word(), word()] }
            _ = machine.bus.memory.write(round % 3 == 0 ? guest.sendAddress : page, bytes)
            let channel = guest.channels.randomElement(using: &random) ?? guest.channels[0]
            if round % 3 == 0 {
                _ = channel.send(guest.message(nvsp), transaction: UInt64(round), completionRequested: round % 7 != 0)
            } else {
                let length = max(1, min(bytes.count, 4096))
                _ = channel.sendDirect(guest.message(nvsp), buffers: [(page, length)], transaction: UInt64(round))
            }
            if round % 4 == 0 { _ = channel.complete(UInt64(word()), bytes) }
            if round % 6 == 0 { machine.port.waiting.append(PlainFrame.partial(PlainFrame.tcp(payload: 3000), segment: 1000)) }
            if round % 16 == 0 { machine.pump.fire(machine.port.descriptor) }
            machine.bus.run()
            for (index, channel) in guest.channels.enumerated() {
                for packet in channel.receiveAll() where packet.kind == .transferPages && round % 3 != 0 {
                    _ = guest.channels[index].complete(packet.transaction, NetworkGuest.little([108, 1]))
                }
            }
        }
        for channel in guest.channels.reversed() { machine.bus.close(channel) }
        machine.port.waiting = []
        // Whatever became of the first driver, the next one starts.
        let next = NetworkGuest(machine.bus)
        let offer = guest.channels[0].offer
        next.channels = [try #require(machine.bus.open(offer, sendPages: 8, receivePages: 8))]
        #expect(NetworkGuest.word(try #require(next.exchange(next.message([1, 0x6_0001, 0x6_0001]))), 12) == 1)
        try next.lendBuffers(receivePages: 16, sendPages: 6)
        #expect(next.request(2, [1, 0, 0x4000]) != nil)
        #expect(next.set(0x0001_010e, NetworkGuest.little([0x20])) == 0)
        machine.port.waiting = [.init(PlainFrame.finished(PlainFrame.udp(payload: 10)))]
        machine.pump.fire(machine.port.descriptor)
        machine.bus.run()
        next.poll()
        #expect(next.frames.count == 1)
    }
}
