import Basics
import Network
import Services
import Testing
import VMBusTestSupport

@Suite("Network adapter: frames")
struct NetworkTransferTests {
    @Test("plain frames go out by every way a guest has")
    func transmit() throws {
        let machine = try NetworkMachine()
        let guest = machine.guest
        try guest.start()
        let frames = [0, 20, 100, 1400].map {
            PlainFrame.finished(PlainFrame.udp(to: PlainFrame.host, from: PlainFrame.guest, payload: $0))
        }
        #expect(guest.sendCopied([guest.packet(frames[0])], transaction: 11))
        // Several in one message, padded to eight bytes.
        #expect(guest.sendCopied(frames[1...2].map { guest.packet($0, pad: 8 - $0.count % 8) }, section: 3, transaction: 12))
        #expect(guest.sendDirect(guest.packet(frames[3]), transaction: 13))
        machine.settle()
        #expect(guest.sendDirect(guest.packet(frames[2]), transaction: 14, partial: true))
        machine.settle()
        #expect(machine.port.sent.map(\.bytes) == [frames[0], frames[1], frames[2], frames[3], frames[2]])
        #expect(machine.port.sent.allSatisfy { $0.header == FrameHeader() })
        #expect(guest.completed.map(\.transaction) == [11, 12, 13, 14])
        #expect(guest.completed.allSatisfy { $0.status == 1 })
        let statistics = machine.adapter.statistics.total
        #expect(statistics.sentFrames == 5 && statistics.sentMessages == 4)
        #expect(machine.port.flushes > 0)
    }

    @Test("checksum offload passes on as such", arguments: [false, true], [false, true])
    func checksums(version6: Bool, isTCP: Bool) throws {
        let machine = try NetworkMachine()
        let guest = machine.guest
        try guest.start()
        let plain =
            isTCP
            ? PlainFrame.tcp(to: PlainFrame.host, from: PlainFrame.guest, version6: version6, payload: 333)
            : PlainFrame.udp(to: PlainFrame.host, from: PlainFrame.guest, version6: version6, payload: 333)
        let expected = PlainFrame.partial(plain)
        let offset = UInt32(PlainFrame.transport(plain))
        let information = (version6 ? 2 : 1) | (isTCP ? 4 : 8) as UInt32 | offset << 16
        #expect(guest.sendDirect(guest.packet(expected.bytes, [(0, information)])))
        // Tagged: VLAN 5, priority 3.
        #expect(guest.sendDirect(guest.packet(expected.bytes, [(0, information), (6, 3 | 5 << 4), (8, 0x1234)])))
        machine.settle()
        var tagged = expected
        tagged.header.tag = 3 << 13 | 5
        #expect(machine.port.sent == [expected, tagged])
        // What the switch would do for a receiver without the offload.
        var bytes = machine.port.sent[0].bytes
        #expect(bytes.withUnsafeMutableBytes { machine.port.sent[0].header.completeChecksum(in: $0) })
        #expect(bytes == PlainFrame.finished(plain))
    }

    @Test("a guest that wants the IP header's checksum made gets it")
    func networkChecksum() throws {
        let machine = try NetworkMachine()
        let guest = machine.guest
        try guest.start()
        let good = PlainFrame.finished(PlainFrame.udp(to: PlainFrame.host, from: PlainFrame.guest, payload: 50))
        var broken = good
        PlainFrame.put(&broken, 24, 0xdead)
        #expect(guest.sendDirect(guest.packet(broken, [(0, 0x11)])))
        machine.settle()
        #expect(machine.port.sent.map(\.bytes) == [good])
    }

    @Test("large sends cross whole, with good headers", arguments: [false, true])
    func largeSend(version6: Bool) throws {
        let machine = try NetworkMachine()
        let guest = machine.guest
        try guest.start()
        let plain = PlainFrame.tcp(to: PlainFrame.host, from: PlainFrame.guest, version6: version6, payload: 60000)
        // As Linux leaves it: no length, no IP checksum, the pseudo header's sum without a length.
        var sent = plain
        if version6 {
            PlainFrame.put(&sent, 18, 0)
        } else {
            PlainFrame.put(&sent, 16, 0)
            PlainFrame.put(&sent, 24, 0)
        }
        PlainFrame.put(&sent, PlainFrame.field(sent), Int(PlainFrame.pseudoHeader(plain, number: 6, length: 0)))
        let offset = UInt32(PlainFrame.transport(plain))
        let information: UInt32 = 1448 | offset << 20 | 1 << 30 | (version6 ? 1 << 31 : 0)
        #expect(guest.sendDirect(guest.packet(sent, [(2, information)])))
        machine.settle()
        #expect(machine.port.sent == [PlainFrame.partial(plain, segment: 1448)])
        // A large send that fits into one segment is an ordinary frame.
        let small = PlainFrame.tcp(to: PlainFrame.host, from: PlainFrame.guest, version6: version6, payload: 1000)
        #expect(guest.sendDirect(guest.packet(small, [(2, information)])))
        machine.settle()
        #expect(machine.port.sent.last == PlainFrame.partial(small))
    }

    @Test("frames arrive, with what is known of their checksums")
    func receive() throws {
        let machine = try NetworkMachine()
        let guest = machine.guest
        try guest.start()
        let plain = PlainFrame.tcp(payload: 700)
        var verified = FakePort.Frame(PlainFrame.finished(plain))
        verified.header.checksum = .verified
        verified.header.tag = 2 << 13 | 1 << 12 | 77
        machine.arrive([
            .init(PlainFrame.finished(plain)), verified, PlainFrame.partial(plain),
            PlainFrame.partial(PlainFrame.udp(version6: true, payload: 9)),
        ])
        #expect(guest.frames.count == 4)
        #expect(guest.frames.map(\.checksum) == [nil, 0x28, 0x28, 0x10])
        let tag: UInt32 = 2 | 1 << 3 | 77 << 4
        #expect(guest.frames[1].tag == tag)
        #expect(guest.frames.allSatisfy { PlainFrame.isGood($0.bytes) })
        #expect(guest.frames[2].bytes == PlainFrame.finished(plain))
        // Four frames in one packet.
        #expect(machine.adapter.statistics.total.receivedMessages == 1)
    }

    @Test("frames for others stay out", arguments: [0, 1, 4, 8, 0x20, 0xd] as [UInt32])
    func filter(bits: UInt32) throws {
        let machine = try NetworkMachine()
        let guest = machine.guest
        try guest.start()
        #expect(guest.set(0x0001_010e, NetworkGuest.little([bits])) == 0)
        let group: [UInt8] = [0x33, 0x33, 0, 0, 0, 1]
        let everyone = [UInt8](repeating: 0xff, count: 6)
        let other: [UInt8] = [0x00, 0x15, 0x5d, 9, 9, 9]
        machine.arrive([PlainFrame.guest, everyone, group, other].map { .init(PlainFrame.finished(PlainFrame.udp(to: $0, payload: 30))) })
        let expected = [bits & 0x21 != 0, bits & 0x28 != 0, bits & 0x24 != 0, bits & 0x20 != 0].filter { $0 }.count
        #expect(guest.frames.count == expected)
        #expect(machine.adapter.statistics.total.filteredReceives == UInt64(4 - expected))
    }

    @Test("a guest hears the groups it lists")
    func groups() throws {
        let machine = try NetworkMachine()
        let guest = machine.guest
        try guest.start()
        #expect(guest.set(0x0001_010e, NetworkGuest.little([2])) == 0)
        let groups: [[UInt8]] = [[1, 0, 0x5e, 0, 0, 1], [1, 0, 0x5e, 0, 0, 2], [1, 0, 0x5e, 0, 0, 3]]
        #expect(guest.set(0x0101_0103, groups[0] + groups[2]) == 0)
        machine.arrive(groups.map { .init(PlainFrame.finished(PlainFrame.udp(to: $0, payload: 30))) })
        #expect(guest.frames.map { Array($0.bytes[..<6]) } == [groups[0], groups[2]])
        #expect(guest.set(0x0101_0103, [UInt8](repeating: 1, count: 33 * 6)) == 0xc001_0009)
        #expect(guest.set(0x0101_0103, [1, 2, 3]) == 0xc001_0014)
    }

    @Test("large frames come in segments", arguments: [false, true])
    func segments(version6: Bool) throws {
        let machine = try NetworkMachine()
        let guest = machine.guest
        try guest.start()
        let plain = PlainFrame.tcp(version6: version6, payload: 40000)
        machine.arrive([PlainFrame.partial(plain, segment: 1400)])
        #expect(guest.frames.count == 29)
        #expect(guest.frames.allSatisfy { PlainFrame.isGood($0.bytes) && $0.checksum == (version6 ? 8 : 0x28) })
        let header = PlainFrame.transport(plain) + 32
        #expect(guest.frames.flatMap { $0.bytes[header...] } == Array(plain[header...]))
        #expect(machine.adapter.statistics.total.cutFrames == 1)
    }

    @Test("a guest that takes coalesced segments gets them whole", arguments: [16, 2048])
    func coalesced(pages: Int) throws {
        let machine = try NetworkMachine(megabytes: 32)
        let guest = machine.guest
        try guest.start(receivePages: pages, coalescing: true)
        #expect(guest.sectionSize == (pages == 16 ? 2048 : 4096))
        let plain = PlainFrame.tcp(payload: 50000)
        let large = PlainFrame.partial(plain, segment: 1448)
        machine.arrive([large, .init(PlainFrame.finished(PlainFrame.udp(payload: 12))), large])
        // With the small buffer the second large frame waits until the first is given back.
        machine.settle()
        #expect(guest.frames.map(\.bytes) == [large.bytes, PlainFrame.finished(PlainFrame.udp(payload: 12)), large.bytes])
        #expect(guest.frames[0].pieces == (50066 + guest.sectionSize - 149) / (guest.sectionSize - 148))
        // TCP and the IP header are good; TCP's field holds no checksum.
        #expect(guest.frames[0].checksum == 0xa8)
        #expect(machine.adapter.statistics.total.coalescedFrames == 2)
    }

    @Test("the answer to one small send goes with the next thing the guest is told, or after a while")
    func lateAnswers() throws {
        let machine = try NetworkMachine()
        let guest = machine.guest
        try guest.start()
        func send(_ transaction: UInt64, payload: Int = 20) {
            let frame = PlainFrame.finished(PlainFrame.udp(to: PlainFrame.host, from: PlainFrame.guest, payload: payload))
            #expect(guest.sendCopied([guest.packet(frame)], section: Int(transaction % 8), transaction: transaction))
            machine.settle()
        }
        func answered() -> [UInt64] {
            defer { guest.completed = [] }
            return guest.completed.map(\.transaction)
        }
        send(1)
        #expect(machine.port.sent.count == 1 && answered().isEmpty)
        // With a frame, in one signal.
        machine.arrive([.init(PlainFrame.finished(PlainFrame.udp(payload: 5)))])
        #expect(answered() == [1] && guest.frames.count == 1)
        // With the next answer.
        send(2)
        #expect(answered().isEmpty)
        send(3)
        #expect(answered() == [2, 3])
        // Large ones do not wait.
        send(4, payload: 3000)
        #expect(answered() == [4])
        // After a while: the timer runs since the last of them.
        machine.bus.advance(milliseconds: 3)
        send(5)
        machine.bus.advance(milliseconds: 3)
        machine.settle()
        #expect(answered().isEmpty)
        machine.bus.advance(milliseconds: 1)
        machine.settle()
        #expect(answered() == [5])
        machine.bus.advance(milliseconds: 20)
        #expect(machine.pump.nextDeadline == nil)
    }

    @Test("a virtual processor sends a few packets in the middle of its signal; many are left to the pump's thread")
    func promptSends() throws {
        let machine = try NetworkMachine()
        let guest = machine.guest
        try guest.start()
        machine.pump.mayWait = false
        var isPrompt: [Bool] = []
        machine.port.onSend = { [pump = machine.pump] in isPrompt.append(!pump.mayWait) }
        func send(_ count: Int, payload: Int) -> [Bool] {
            isPrompt = []
            let frame = PlainFrame.finished(PlainFrame.udp(to: PlainFrame.host, from: PlainFrame.guest, payload: payload))
            for number in 0..<count {
                #expect(guest.sendCopied([guest.packet(frame)], section: number % 8, transaction: UInt64(number) + 1))
            }
            machine.settleLate()
            return isPrompt
        }
        #expect(send(1, payload: 20) == [true])
        #expect(send(30, payload: 20) == [Bool](repeating: true, count: 16) + [Bool](repeating: false, count: 14))
        // Much moves: signals are left to the thread until there is less.
        #expect(send(16, payload: 1400) == [Bool](repeating: true, count: 12) + [Bool](repeating: false, count: 4))
        #expect(send(1, payload: 20) == [false])
        for _ in 0..<4 { _ = send(1, payload: 20) }
        #expect(send(1, payload: 20) == [true])
    }

    @Test("a small receive buffer takes a large frame bit by bit")
    func smallBuffer() throws {
        let machine = try NetworkMachine()
        let guest = machine.guest
        try guest.start(receivePages: 5)
        #expect(guest.sectionCount == 10)
        guest.givesBack = false
        let plain = PlainFrame.tcp(payload: 40000)
        machine.arrive([PlainFrame.partial(plain, segment: 1400), .init(PlainFrame.finished(PlainFrame.udp(payload: 5)))])
        #expect(guest.frames.count == 10)
        #expect(machine.adapter.statistics.total.starvations > 0)
        while !guest.kept.isEmpty {
            let kept = guest.kept
            guest.kept = []
            for packet in kept { #expect(guest.channels[packet.channel].complete(packet.transaction, NetworkGuest.little([108, 1]))) }
            machine.settle()
        }
        #expect(guest.frames.count == 30)
        #expect(guest.frames.dropLast().flatMap { $0.bytes[66...] } == Array(plain[66...]))
        #expect(machine.port.waiting.isEmpty)
    }

    @Test("a guest that does not read its ring starves alone and goes on later")
    func fullRing() throws {
        let machine = try NetworkMachine()
        let guest = machine.guest
        try guest.start(receivePages: 512, ringPages: 2)
        let frames = (0..<900).map { FakePort.Frame(PlainFrame.finished(PlainFrame.udp(payload: $0 % 50))) }
        for chunk in stride(from: 0, to: 900, by: 3) {
            machine.port.waiting += frames[chunk..<chunk + 3]
            machine.pump.fire(machine.port.descriptor)
        }
        machine.bus.run()
        for _ in 0..<200 where guest.frames.count < 900 { machine.settle() }
        #expect(guest.frames.map(\.bytes) == frames.map(\.bytes))
    }

    @Test("a switch without room holds the guest's frames, not its receives")
    func fullSwitch() throws {
        let machine = try NetworkMachine()
        let guest = machine.guest
        try guest.start()
        machine.port.room = 3
        let frames = (0..<8).map { PlainFrame.finished(PlainFrame.udp(to: PlainFrame.host, from: PlainFrame.guest, payload: $0)) }
        #expect(guest.sendCopied(frames[0..<5].map { guest.packet($0) }, section: 0, transaction: 1))
        #expect(guest.sendCopied(frames[5..<8].map { guest.packet($0) }, section: 1, transaction: 2))
        machine.settle()
        #expect(machine.port.sent.count == 3 && guest.completed.isEmpty)
        machine.arrive([.init(PlainFrame.finished(PlainFrame.udp(payload: 5)))])
        #expect(guest.frames.count == 1)
        machine.port.room = 100
        machine.pump.fire(machine.port.descriptor)
        machine.settle()
        #expect(machine.port.sent.map(\.bytes) == frames)
        #expect(guest.completed.map(\.transaction) == [1, 2])
    }

    @Test("flows spread over channels by the published hash")
    func scaling() throws {
        let machine = try NetworkMachine(processors: 4)
        let guest = machine.guest
        try guest.start(queues: 4)
        #expect(guest.channels.count == 4)
        #expect(guest.sendTable == (0..<16).map { UInt32($0 % 4) })
        // A row of Microsoft's verification suite for RSS: 66.9.149.187:2794 → 161.142.100.80:1766.
        var frame = PlainFrame.tcp(payload: 100, ports: (2794, 1766))
        frame.replaceSubrange(26..<34, with: [66, 9, 149, 187, 161, 142, 100, 80])
        PlainFrame.put(&frame, 24, 0)
        PlainFrame.put(&frame, 24, Int(~PlainFrame.checksum(Array(frame[14..<34]))))
        machine.arrive([.init(PlainFrame.finished(frame))])
        #expect(guest.frames.first?.hash == 0x51cc_c178)
        #expect(guest.frames.first?.channel == 0x51cc_c178 % 128 % 4)
        // Not TCP: addresses only.
        var datagram = PlainFrame.udp(payload: 10)
        datagram.replaceSubrange(26..<34, with: [66, 9, 149, 187, 161, 142, 100, 80])
        machine.arrive([.init(datagram)])
        #expect(guest.frames.last?.hash == 0x323e_8fc2)
        // IPv6: 3ffe:2501:200:1fff::7 port 2794 → 3ffe:2501:200:3::1 port 1766.
        var six = PlainFrame.tcp(version6: true, payload: 10, ports: (2794, 1766))
        let source: [UInt8] = [0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0x1f, 0xff, 0, 0, 0, 0, 0, 0, 0, 7]
        let target: [UInt8] = [0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1]
        six.replaceSubrange(22..<54, with: source + target)
        machine.arrive([.init(PlainFrame.finished(six))])
        #expect(guest.frames.last?.hash == 0x4020_7d3d)
        guest.frames = []
        machine.arrive((0..<64).map { .init(PlainFrame.finished(PlainFrame.tcp(payload: 10, ports: (30000 + $0, 80)))) })
        #expect(guest.frames.count == 64 && Set(guest.frames.map(\.channel)) == [0, 1, 2, 3])
        let statistics = machine.adapter.statistics
        #expect(statistics.queues.count == 4 && statistics.queues.allSatisfy { $0.receivedFrames > 0 })
        // The guest sends on its other channels.
        #expect(guest.sendDirect(guest.packet(PlainFrame.udp(payload: 40)), transaction: 5, channel: 2))
        machine.settle()
        #expect(machine.port.sent.count == 1 && guest.completed.last?.transaction == 5)
    }

    @Test("what one guest sends with all offloads, another receives")
    func loopback() throws {
        let (left, right) = (try NetworkMachine(), try NetworkMachine())
        try left.guest.start()
        try right.guest.start()
        let plain = PlainFrame.tcp(from: PlainFrame.host, payload: 30000)
        var sent = plain
        PlainFrame.put(&sent, 16, 0)
        PlainFrame.put(&sent, 50, Int(PlainFrame.pseudoHeader(plain, number: 6, length: 0)))
        #expect(left.guest.sendDirect(left.guest.packet(sent, [(2, 1448 | 34 << 20 | 1 << 30), (6, 9 << 4)])))
        left.settle()
        right.arrive(left.port.sent)
        #expect(right.guest.frames.count == 21)
        #expect(right.guest.frames.allSatisfy { PlainFrame.isGood($0.bytes) && $0.tag == 9 << 4 })
        #expect(right.guest.frames.flatMap { $0.bytes[66...] } == Array(plain[66...]))
    }
}
