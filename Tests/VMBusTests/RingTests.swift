import Basics
import DeviceModel
import Testing
import VMBus
import VMBusTestSupport

/// Packets through rings: order, wraps, full rings, signals, page lists, corruption.
@Suite struct RingTests {
    private func start(
        sendPages: Int = 4, receivePages: Int = 4, scattered: Bool = false
    ) throws -> (bus: GuestBus, device: EchoDevice, channel: GuestChannel) {
        let bus = GuestBus()
        let device = EchoDevice(pump: bus.makePump(), instance: EchoDevice.instance(1))
        #expect(bus.server.add(device))
        #expect(bus.connect())
        let offer = try #require(bus.requestOffers().first)
        return (bus, device, try #require(bus.open(offer, sendPages: sendPages, receivePages: receivePages, scattered: scattered)))
    }

    @Test(arguments: [(2, 2, false), (4, 4, true), (3, 8, true), (9, 2, false), (33, 33, false)])
    func millionsOfBytesBothWays(_ sendPages: Int, _ receivePages: Int, _ scattered: Bool) throws {
        let (bus, device, channel) = try start(sendPages: sendPages, receivePages: receivePages, scattered: scattered)
        var random = SeededRandom(seed: UInt64(sendPages * 100 + receivePages))
        let largest = min(sendPages - 1, receivePages - 1) * 4096 - 40
        var (sent, answered, bytes, waits) = (0, 0, 0, 0)
        var lengths: [Int] = []
        var isBlocked = false
        while bytes < 3_000_000 || answered < sent {
            let before = (sent, answered)
            if !isBlocked, bytes < 3_000_000 {
                for _ in 0..<Int.random(in: 1...40, using: &random) {
                    let length =
                        Int.random(in: 0...3, using: &random) == 0
                        ? Int.random(in: 0...largest, using: &random) : Int.random(in: 0...200, using: &random)
                    let payload = (0..<length).map { UInt8(truncatingIfNeeded: sent &* 31 &+ $0) }
                    if !channel.send(payload, transaction: UInt64(sent), completionRequested: true) {
                        // As hv_sock does: say how much is wanted, look again, and wait for the host's signal.
                        channel.outbound.pendingSendSize = UInt32((16 + length + 7) / 8 * 8 + 8)
                        guard !channel.send(payload, transaction: UInt64(sent), completionRequested: true) else { continue }
                        isBlocked = true
                        waits += 1
                        break
                    }
                    channel.outbound.pendingSendSize = 0
                    lengths.append(length)
                    sent += 1
                    bytes += length
                }
            }
            let interrupts = bus.interrupts[channel.offer.relid] ?? 0
            bus.run()
            if bus.interrupts[channel.offer.relid] ?? 0 > interrupts {
                isBlocked = false
                repeat {
                    channel.inbound.interruptMask = 1
                    while let packet = channel.take() {
                        let length = lengths[answered]
                        #expect(packet.transaction == UInt64(answered))
                        let expected = (0..<length).map { UInt8(truncatingIfNeeded: answered &* 31 &+ $0) }
                        #expect(Array(packet.payload.prefix(length)) == expected)
                        #expect(packet.payload.count == (length + 7) / 8 * 8)
                        answered += 1
                        if Int.random(in: 0...20, using: &random) == 0 { channel.finishReading() }
                    }
                    channel.finishReading()
                } while channel.inbound.unmask()
            }
            try #require((sent, answered) != before || isBlocked == false, "somebody sleeps although there is work")
        }
        #expect(device.received == sent)
        if sendPages < 9 { #expect(waits > 0) }
        // No more signals than batches.
        #expect(bus.interrupts[channel.offer.relid] ?? 0 < sent)
    }

    @Test func manyPacketsNeedOneSignalEachWay() throws {
        let (bus, device, channel) = try start()
        for number in 0..<100 { #expect(channel.send([UInt8(number)], transaction: UInt64(number))) }
        #expect(channel.signalsSent == 1)
        bus.run()
        #expect(device.ringChanges <= 2)
        #expect(bus.interrupts[channel.offer.relid] == 1)
        #expect(channel.receiveAll().map(\.transaction) == (0..<100).map(UInt64.init))
        // A guest that is awake wants none.
        channel.inbound.interruptMask = 1
        #expect(channel.exchange([1]) != nil)
        #expect(bus.interrupts[channel.offer.relid] == 1)
    }

    @Test func needlessSignalsAreCheap() throws {
        let (bus, device, channel) = try start()
        bus.run()
        let before = device.ringChanges
        for _ in 0..<100_000 { channel.signal() }
        bus.run()
        #expect(device.ringChanges == before + 1)
        #expect(bus.interrupts.isEmpty)
    }

    @Test func aGuestThatNeverStopsDoesNotStarveItsNeighbours() throws {
        let (bus, device, channel) = try start(sendPages: 40, receivePages: 40)
        let neighbour = EchoDevice(pump: device.pump, instance: EchoDevice.instance(2))
        #expect(bus.server.add(neighbour))
        let other = try #require(bus.newOffers().first.flatMap { bus.open($0) })
        bus.run()
        for number in 0..<3000 { #expect(channel.send([], transaction: UInt64(number))) }
        #expect(other.send([1]))
        let turns = device.ringChanges
        bus.run()
        #expect(device.ringChanges - turns >= 3)
        #expect(device.received == 3000)
        #expect(neighbour.received == 1)
    }

    @Test func packetsFromTimersAndPostsReachTheGuest() throws {
        let (bus, device, channel) = try start()
        let service = try #require(device.channels[0])
        bus.run()
        device.pump.perform { #expect(service.send([1, 2, 3], transaction: 1)) }
        // The server hears of it by itself.
        bus.run()
        #expect(channel.receive()?.payload.prefix(3) == [1, 2, 3])
        #expect(bus.interrupts[channel.offer.relid] == 1)
        let timer = device.pump.makeTimer(name: "test") { _ = service.send([4], transaction: 2, completionRequested: true) }
        timer.arm(at: bus.clock.nanoseconds + 5_000_000)
        bus.advance(milliseconds: 4)
        #expect(channel.receive() == nil)
        bus.advance(milliseconds: 2)
        let packet = try #require(channel.receive())
        #expect(packet.completionRequested && packet.kind == .inBand && packet.transaction == 2)
        device.pump.perform {
            _ = service.send([5])
            service.flush()
        }
        #expect(channel.receive()?.payload.first == 5)
    }

    @Test func transferPagesTowardsTheGuestAndBack() throws {
        let (bus, device, channel) = try start()
        let service = try #require(device.channels[0])
        [UInt8](1...12).withUnsafeBytes { bytes in
            #expect(
                service.sendTransferPages(
                    transaction: 9, set: 0xCAFE, ranges: [(offset: 4096, count: 60), (offset: 8192, count: 1500)], payload: bytes))
        }
        bus.run()
        let packet = try #require(channel.receive())
        #expect(packet.kind == .transferPages && packet.transferSet == 0xCAFE && packet.completionRequested)
        #expect(packet.transferRanges == [.init(offset: 4096, count: 60), .init(offset: 8192, count: 1500)])
        #expect(packet.payload.prefix(12) == ArraySlice(1...12))
        let lists =
            GuestRing.little(UInt16(7)) + [0, 0] + GuestRing.little(UInt32(1)) + GuestRing.little(UInt32(100))
            + GuestRing.little(UInt32(200))
        #expect(channel.send(.transferPages, transaction: 3, flags: 0, lists: lists, payload: [8]))
        bus.run()
        #expect(device.packet.kind == .transferPages && device.packet.transferSet == 7)
        #expect(device.packet.transferRanges.map(\.offset) == [200] && device.packet.transferRanges.map(\.count) == [100])
    }

    @Test func directPacketsBecomeCheckedRanges() throws {
        let (bus, device, channel) = try start()
        let page = bus.allocate(pages: 10)
        #expect(channel.sendDirect([1, 2], buffers: [(page + 100, 50), (page + 4096, 4096), (page + 8192, 4096)]))
        bus.run()
        #expect(
            device.lastRanges == [
                GuestRange(address: page + 100, count: 50), GuestRange(address: page + 4096, count: 4096),
                GuestRange(address: page + 8192, count: 4096),
            ])
        let pages = [page, page + 4096, page + 5 * 4096, page + 6 * 4096]
        #expect(channel.sendList([3], pages: pages, offset: 512, count: 4 * 4096 - 1024))
        bus.run()
        #expect(
            device.lastRanges == [
                GuestRange(address: page + 512, count: 8192 - 512), GuestRange(address: page + 5 * 4096, count: 8192 - 512),
            ])
        #expect(channel.receiveAll().count == 2)
        // No memory there: the guest broke the rules.
        #expect(channel.sendDirect([1], buffers: [(1 << 33, 10)]))
        bus.run()
        #expect(device.events.last == "closed 0")
        #expect(bus.notes.contains { $0.contains("corrupt") })
    }

    @Test(arguments: 0..<10)
    func corruptRingsCloseTheChannelAndNothingElse(_ kind: Int) throws {
        let (bus, device, channel) = try start()
        let neighbour = EchoDevice(pump: device.pump, instance: EchoDevice.instance(2))
        #expect(bus.server.add(neighbour))
        let other = try #require(bus.newOffers().first.flatMap { bus.open($0) })
        bus.run()
        let out = channel.outbound
        switch kind {
        case 0: out.writeIndex = 4
        case 1: out.writeIndex = UInt32(out.size)
        case 2: out.writeIndex = .max
        case 3: out.writeIndex = 16
        case 4:
            #expect(channel.send([1]))
            out.put(GuestRing.little(UInt16(1)), at: 2)
        case 5:
            #expect(channel.send([1]))
            out.put(GuestRing.little(UInt16(100)), at: 4)
        case 6:
            #expect(channel.send([1]))
            out.put(GuestRing.little(UInt16(9)), at: 2)
        case 7:
            #expect(channel.send(.direct, transaction: 0, flags: 0, lists: GuestRing.little(UInt64(0xFFFF_FFFF_0000_0000)), payload: []))
        case 8:
            #expect(
                channel.send(.transferPages, transaction: 0, flags: 0, lists: GuestRing.little(UInt64(0x4000_0000_0000_0000)), payload: []))
        default:
            // Our own ring: the guest moves what it may only advance.
            channel.inbound.readIndex = 3
            for _ in 0..<200 where channel.send([UInt8](repeating: 7, count: 100)) {}
            bus.run()
            for _ in 0..<200 where channel.send([UInt8](repeating: 7, count: 100)) {}
        }
        channel.signal()
        bus.run()
        channel.signal()
        bus.run()
        #expect(device.events.filter { $0 == "closed 0" }.count == 1)
        #expect(bus.notes.count == 1)
        #expect(other.exchange([9]) != nil)
        // The guest closes and opens it again.
        #expect(bus.close(channel))
        #expect(device.events.filter { $0 == "closed 0" }.count == 1)
        let again = try #require(bus.open(channel.offer))
        #expect(again.exchange([1]) != nil)
    }

    @Test func aPacketThatIsTooLargeNeverFits() throws {
        let (_, device, _) = try start()
        let service = try #require(device.channels[0])
        #expect(service.capacity == 3 * 4096 - 32)
        #expect(service.room == service.capacity)
        #expect(!service.send([UInt8](repeating: 0, count: service.capacity + 1)))
        #expect(service.send([UInt8](repeating: 0, count: service.capacity)))
        #expect(service.room == 0)
    }
}
