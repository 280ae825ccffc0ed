import Basics
import Services
import Testing
import VMBusTestSupport

@Suite("Network adapter: the driver's start")
struct NetworkStartTests {
    @Test("each version of NVSP is agreed on", arguments: [2, 0x3_0002, 0x4_0000, 0x5_0000, 0x6_0000, 0x6_0001] as [UInt32])
    func versions(version: UInt32) throws {
        let machine = try NetworkMachine()
        try machine.guest.start(versions: [0x7_0000, version])
        #expect(machine.guest.version == version)
        #expect(machine.adapter.statistics.guestIsReady)
        #expect(machine.adapter.statistics.version == version)
    }

    @Test("what Linux asks is answered as it wants it")
    func queries() throws {
        let machine = try NetworkMachine(processors: 4)
        let guest = machine.guest
        try guest.start()
        #expect(guest.version == 0x6_0001)
        #expect(guest.query(0x0001_0106) == NetworkGuest.little([1500]))
        #expect(guest.query(0x0101_0101) == PlainFrame.guest)
        #expect(guest.query(0x0101_0102) == PlainFrame.guest)
        #expect(guest.query(0x0001_0114) == NetworkGuest.little([0]))
        // 10 Gbit/s in units of 100 bit/s.
        #expect(guest.query(0x0001_0107) == NetworkGuest.little([100_000_000]))
        let offloads = try #require(guest.query(0xfc01_020d, [0xa7, 3, 156, 0] + [UInt8](repeating: 0, count: 152)))
        #expect(offloads.count == 156 && Array(offloads[..<4]) == [0xa7, 3, 156, 0])
        // TCP and UDP checksums both ways, large sends with IPv6 extension headers and TCP options, coalescing.
        #expect(NetworkGuest.word(offloads, 8) & 0x14 == 0x14 && NetworkGuest.word(offloads, 24) & 0x15 == 0x15)
        #expect(NetworkGuest.word(offloads, 80) == 2 && NetworkGuest.word(offloads, 104) & 5 == 5)
        #expect(offloads[144] == 1 && offloads[145] == 1)
        let scaling = try #require(guest.query(0x0001_0203, [0x88, 2, 18, 0] + [UInt8](repeating: 0, count: 14)))
        #expect(Array(scaling[..<4]) == [0x88, 2, 18, 0] && NetworkGuest.word(scaling, 12) == 4)
        let list = try #require(guest.query(0x0001_0101))
        #expect(list.count % 4 == 0 && stride(from: 0, to: list.count, by: 4).contains { NetworkGuest.word(list, $0) == 0xfc01_020c })
        #expect(guest.query(0x0002_0216)?.count == 512)
        #expect(guest.query(0x1234_5678) == nil)
        #expect(NetworkGuest.word(try #require(guest.request(8, [])), 12) == 0)
        #expect(NetworkGuest.word(try #require(guest.control(NetworkGuest.little([6, 12, 0]))), 0) == 0x8000_0006)
    }

    @Test("an old guest gets the old description of offloads")
    func oldOffloads() throws {
        let machine = try NetworkMachine()
        try machine.guest.start(versions: [0x4_0000])
        let offloads = try #require(machine.guest.query(0xfc01_020d))
        #expect(offloads.count == 144 && offloads[1] == 2)
    }

    @Test("a guest changes its address")
    func address() throws {
        let machine = try NetworkMachine()
        let guest = machine.guest
        try guest.start()
        let utf16 = { (text: String) in text.utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] } }
        let value = NetworkGuest.little([20, 28, 2, 48, 24]) + utf16("NetworkAddress") + utf16("02aabbccddee")
        #expect(guest.set(0x0001_021b, value) == 0)
        #expect(guest.query(0x0101_0102) == [0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee])
        machine.arrive([.init(PlainFrame.finished(PlainFrame.udp(payload: 20)))])
        #expect(guest.frames.isEmpty)
        machine.arrive([.init(PlainFrame.finished(PlainFrame.udp(to: [0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee], payload: 20)))])
        #expect(guest.frames.count == 1)
        #expect(guest.set(0x0001_021b, NetworkGuest.little([20, 28, 2, 48, 24]) + utf16("NetworkAddress") + utf16("03aabbccddee")) != 0)
    }

    @Test("the guest hears of its link")
    func link() throws {
        let machine = try NetworkMachine()
        let guest = machine.guest
        try guest.start()
        #expect(guest.links.isEmpty)
        machine.adapter.setLink(false)
        machine.settle()
        #expect(guest.links == [0x4001_000c])
        #expect(guest.query(0x0001_0114) == NetworkGuest.little([1]))
        machine.adapter.setLink(true)
        machine.settle()
        machine.port.isLinkUp = false
        machine.pump.fire(machine.port.descriptor)
        machine.settle()
        machine.adapter.setPort(nil)
        machine.settle()
        machine.adapter.setPort(FakePort(descriptor: 101))
        machine.settle()
        machine.adapter.setPort(FakePort(descriptor: 102))
        machine.settle()
        #expect(guest.links == [0x4001_000c, 0x4001_000b, 0x4001_000c, 0x4001_000b, 0x4001_0018])
    }

    @Test("an adapter without a port says so once the interface is up")
    func noPort() throws {
        let machine = try NetworkMachine(connected: false)
        try machine.guest.start()
        machine.settle()
        #expect(machine.guest.links == [0x4001_000c])
        #expect(!machine.adapter.isConnected)
        let sent = machine.guest.packet(PlainFrame.udp(payload: 10))
        #expect(machine.guest.sendCopied([sent]))
        machine.settleLate()
        #expect(machine.guest.completed.map(\.status) == [1])
        #expect(machine.adapter.statistics.total.droppedSends == 1)
    }

    @Test("the driver goes and comes back, with another MTU")
    func restart() throws {
        let machine = try NetworkMachine()
        let guest = machine.guest
        try guest.start()
        let utf16 = { (text: String) in text.utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] } }
        let value = NetworkGuest.little([20, 28, 2, 48, 24]) + utf16("NetworkAddress") + utf16("02aabbccddee")
        #expect(guest.set(0x0001_021b, value) == 0)
        _ = guest.request(3, [])
        #expect(guest.channels[0].send(guest.message([103, 0xcafe])))
        #expect(guest.channels[0].send(guest.message([106, 0])))
        machine.settle()
        #expect(machine.bus.close(guest.channels[0]))
        #expect(machine.bus.tearDown(gpadl: guest.receiveGPADL, relid: guest.channels[0].offer.relid))
        let again = NetworkGuest(machine.bus)
        let offer = guest.channels[0].offer
        again.channels = [try #require(machine.bus.open(offer, sendPages: 8, receivePages: 8))]
        #expect(NetworkGuest.word(try #require(again.exchange(again.message([1, 0x6_0001, 0x6_0001]))), 12) == 1)
        #expect(again.channels[0].send(again.message([125, 9014, 0, 8, 0])))
        again.version = 0x6_0001
        try again.lendBuffers(receivePages: 64, sendPages: 12)
        #expect(again.sectionSize == 12288)
        #expect(again.request(2, [1, 0, 0x4000]) != nil)
        #expect(again.query(0x0001_0106) == NetworkGuest.little([9000]))
        #expect(again.set(0x0001_010e, NetworkGuest.little([0xd])) == 0)
        let large = PlainFrame.finished(PlainFrame.udp(payload: 8900))
        machine.port.waiting.append(.init(large))
        machine.pump.fire(machine.port.descriptor)
        machine.bus.run()
        again.poll()
        #expect(again.frames.map(\.bytes) == [large])
        // Linux goes on with the address it had set, and does not say so.
        machine.port.waiting.append(.init(PlainFrame.udp(to: [0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee], payload: 20)))
        machine.pump.fire(machine.port.descriptor)
        machine.bus.run()
        again.poll()
        #expect(again.frames.count == 2)
    }
}
