import Basics
import DeviceModel
import Testing
import VMBus
import VMBusTestSupport

/// GPADLs, open, close, targets, sub-channels, rescind.
@Suite struct ChannelTests {
    /// A connected guest with one device.
    private func start(processors: Int = 4, subChannels: Int = 0) throws -> (bus: GuestBus, device: EchoDevice, offer: GuestOffer) {
        let bus = GuestBus(processors: processors, megabytes: 64)
        let device = EchoDevice(pump: bus.makePump(), instance: EchoDevice.instance(1))
        device.wantedSubChannels = subChannels
        #expect(bus.server.add(device))
        #expect(bus.connect())
        return (bus, device, try #require(bus.requestOffers().first))
    }

    // MARK: GPADLs

    @Test(arguments: [1, 26, 27, 54, 55, 1000, 8190])
    func gpadlsOfManyBodies(_ pages: Int) throws {
        let (bus, device, offer) = try start()
        let channel = try #require(bus.open(offer))
        let address = bus.allocate(pages: pages)
        let gpadl = try #require(bus.establish(gpadlOn: channel, address: address, pages: pages))
        let buffer = try #require(device.channels[0]?.buffer(gpadl: gpadl))
        #expect(buffer.count == pages * 4096)
        var ranges: [GuestRange] = []
        #expect(buffer.append(offset: 0, count: buffer.count, to: &ranges))
        #expect(ranges == [GuestRange(address: address, count: pages * 4096)])
        #expect(bus.tearDown(gpadl: gpadl, relid: offer.relid))
        #expect(device.channels[0]?.buffer(gpadl: gpadl) == nil)
        #expect(device.events.last == "torn down")
        // The number is free again.
        bus.nextGPADL = gpadl
        #expect(bus.establish(gpadlOn: channel, address: address, pages: pages) == gpadl)
    }

    @Test func aGPADLWithOffsetAndScatteredPages() throws {
        let (bus, device, offer) = try start()
        _ = try #require(bus.open(offer))
        let gpadl = try #require(bus.establish(gpadlOn: offer.relid, pages: [0x30_0000, 0x20_0000, 0x20_1000], offset: 100, count: 9000))
        let buffer = try #require(device.channels[0]?.buffer(gpadl: gpadl))
        var ranges: [GuestRange] = []
        #expect(buffer.append(offset: 0, count: buffer.count, to: &ranges))
        #expect(ranges == [GuestRange(address: 0x30_0064, count: 3996), GuestRange(address: 0x20_0000, count: 9000 - 3996)])
    }

    @Test func malformedGPADLsAreRefusedWithAnAnswer() throws {
        let (bus, _, offer) = try start()
        let relid = offer.relid
        func isRefused(_ make: (UInt32) -> Void) -> Bool {
            let id = bus.nextGPADL
            bus.nextGPADL += 1
            make(id)
            guard let reply = bus.take(10) else { return false }
            return GuestBus.word(reply, 1) == id && GuestBus.word(reply, 2) != 0 && bus.inbox.isEmpty
        }
        #expect(isRefused { bus.sendGPADL($0, relid: 999, pages: [0x20_0000]) })
        #expect(isRefused { bus.sendGPADL($0, relid: relid, pages: [1 << 40]) })
        #expect(isRefused { bus.sendGPADL($0, relid: relid, pages: [UInt64.max & ~4095]) })
        #expect(isRefused { bus.sendGPADL($0, relid: relid, pages: [0x20_0000], count: 8192) })
        #expect(isRefused { bus.sendGPADL($0, relid: relid, pages: [0x20_0000], count: 0) })
        #expect(isRefused { bus.sendGPADL($0, relid: relid, pages: [0x20_0000], offset: 4096) })
        #expect(isRefused { bus.sendGPADL($0, relid: relid, pages: [0x20_0000], count: Int(UInt32.max)) })
        // The last page of many is no RAM: one refusal, at its body.
        #expect(isRefused { bus.sendGPADL($0, relid: relid, pages: [UInt64](repeating: 0x20_0000, count: 40) + [1 << 41]) })
        // Two ranges.
        #expect(isRefused { bus.post(GuestBus.message(8, relid, $0, 16 | 2 << 16, 4096, 0, 512, 0)) })
        let taken = try #require(bus.establish(gpadlOn: relid, pages: [0x20_0000]))
        bus.sendGPADL(taken, relid: relid, pages: [0x20_0000])
        #expect(try GuestBus.word(#require(bus.take(10)), 2) != 0)
        // Nobody waits for an answer to a body that belongs to nothing; a teardown of nothing is answered.
        bus.post(GuestBus.message(9, 0, 4711, 1, 0))
        #expect(bus.inbox.isEmpty)
        #expect(bus.tearDown(gpadl: 4711, relid: relid))
    }

    @Test func lentMemoryIsBounded() throws {
        let (bus, _, offer) = try start()
        let pages = [UInt64](repeating: 0x20_0000, count: 8190)
        var taken = 0
        for _ in 0..<80 where bus.establish(gpadlOn: offer.relid, pages: pages) != nil { taken += 1 }
        #expect(taken == (1 << 19) / 8190)
        // Headers that are never finished.
        let other = try start()
        var unfinished = 0
        for id in 0..<200 {
            other.bus.post(GuestBus.message(8, other.offer.relid, UInt32(id), 8 + 800 | 1 << 16, 100 * 4096, 0))
            if other.bus.take(10) == nil { unfinished += 1 }
        }
        #expect(unfinished == 64)
    }

    // MARK: open and close

    @Test func impossibleOpensAreRefusedWithAnAnswer() throws {
        let (bus, device, offer) = try start()
        let pages = (0..<8).map { bus.allocate(pages: 8) + UInt64($0) * 0 }
        let gpadl = try #require(bus.establish(gpadlOn: offer.relid, pages: pages))
        let odd = try #require(bus.establish(gpadlOn: offer.relid, pages: pages, offset: 8, count: 8 * 4096 - 8))
        func isRefused(_ relid: UInt32, _ gpadl: UInt32, _ processor: UInt32, _ downstream: UInt32) -> Bool {
            bus.post(GuestBus.message(5, relid, 42, gpadl, processor, downstream) + [UInt8](repeating: 0, count: 120))
            guard let reply = bus.take(6) else { return false }
            return GuestBus.word(reply, 0) == relid && GuestBus.word(reply, 1) == 42 && GuestBus.word(reply, 2) != 0
        }
        #expect(isRefused(0, gpadl, 0, 4))
        #expect(isRefused(77, gpadl, 0, 4))
        #expect(isRefused(offer.relid, 12345, 0, 4))
        #expect(isRefused(offer.relid, odd, 0, 4))
        #expect(isRefused(offer.relid, gpadl, 4, 4))
        for downstream in [0, 1, 7, 8, 9, UInt32.max] { #expect(isRefused(offer.relid, gpadl, 0, downstream)) }
        // Indices that cannot be.
        _ = bus.memory.store(pages[0], UInt32(12))
        #expect(isRefused(offer.relid, gpadl, 0, 4))
        _ = bus.memory.store(pages[0], UInt32(0))
        device.accepts = false
        #expect(isRefused(offer.relid, gpadl, 0, 4))
        #expect(bus.transport.openSignalPorts.isEmpty)
        device.accepts = true
        let channel = try #require(bus.open(offer, processor: 3))
        #expect(device.events.last == "opened 0 on 3")
        #expect(isRefused(offer.relid, channel.gpadl, 0, 4))
        #expect(channel.exchange([1]) != nil)
    }

    @Test func aChannelOpensAgainAfterItWasClosed() throws {
        let (bus, device, offer) = try start()
        for round in 1...20 {
            let channel = try #require(bus.open(offer, scattered: round % 2 == 0))
            #expect(channel.exchange([UInt8](repeating: 1, count: 500), transaction: UInt64(round))?.transaction == UInt64(round))
            #expect(bus.close(channel))
            #expect(!bus.transport.guestSignals(offer.connection))
        }
        #expect(device.events.filter { $0 == "closed 0" }.count == 20)
        #expect(device.channels.isEmpty)
    }

    @Test func ringsThatAreTakenAwayCloseTheirChannel() throws {
        let (bus, device, offer) = try start()
        let channel = try #require(bus.open(offer))
        #expect(bus.tearDown(gpadl: channel.gpadl, relid: offer.relid))
        #expect(device.events.suffix(2) == ["closed 0", "torn down"])
        #expect(bus.open(offer) != nil)
    }

    @Test func interruptsFollowTheTarget() throws {
        let (bus, _, offer) = try start()
        let channel = try #require(bus.open(offer, processor: 2))
        #expect(channel.send([1]))
        for pump in bus.pumps { pump.run() }
        #expect(bus.transport.signals.map(\.processor) == [2])
        #expect(bus.transport.signals.map(\.flag) == [Int(offer.relid)])
        #expect(bus.transport.signals.map(\.source) == [2])
        bus.run()
        bus.post(GuestBus.message(22, offer.relid, 1))
        let reply = try #require(bus.take(24))
        #expect(GuestBus.word(reply, 0) == offer.relid && GuestBus.word(reply, 1) == 0)
        _ = channel.receiveAll()
        #expect(channel.send([1]))
        for pump in bus.pumps { pump.run() }
        #expect(bus.transport.signals.map(\.processor) == [1])
        bus.post(GuestBus.message(22, offer.relid, 64))
        #expect(try GuestBus.word(#require(bus.take(24)), 1) != 0)
        bus.post(GuestBus.message(22, 1000, 0))
        #expect(try GuestBus.word(#require(bus.take(24)), 1) != 0)
    }

    @Test func beforeVersion5_3AChangeOfTargetIsNotAnswered() throws {
        let (bus, device, offer) = try start()
        #expect(bus.connect(version: .v52))
        _ = bus.requestOffers()
        _ = try #require(bus.open(offer))
        bus.post(GuestBus.message(22, offer.relid, 1))
        #expect(bus.take(24) == nil)
        #expect(device.channels[0]?.targetProcessor == 1)
    }

    // MARK: sub-channels

    @Test func subChannelsComeAndGoWithTheirPrimary() throws {
        let (bus, device, offer) = try start(subChannels: 3)
        for _ in 0..<3 {
            let primary = try #require(bus.open(offer))
            let subOffers = bus.newOffers()
            #expect(subOffers.map(\.subIndex) == [1, 2, 3])
            #expect(subOffers.allSatisfy { $0.instance == offer.instance && $0.type == offer.type })
            let subs = subOffers.compactMap { bus.open($0, processor: UInt32($0.subIndex)) }
            #expect(subs.count == 3)
            for (index, channel) in ([primary] + subs).enumerated() {
                #expect(channel.exchange([UInt8(index)])?.payload.first == UInt8(index))
            }
            // What was lent through the primary serves its sub-channels too.
            let gpadl = try #require(bus.establish(gpadlOn: primary, address: bus.allocate(pages: 2), pages: 2))
            #expect(device.channels[2]?.buffer(gpadl: gpadl) != nil)
            let before = bus.rescinded.count
            // Linux closes the sub-channels, then the primary, then hears that they are taken back.
            bus.close(subs[0])
            #expect(bus.tearDown(gpadl: gpadl, relid: offer.relid))
            bus.close(primary)
            #expect(Set(bus.rescinded.dropFirst(before)) == Set(subOffers.map(\.relid)))
            #expect(device.events.last { $0.hasPrefix("closed") } == "closed 0")
            #expect(device.channels.isEmpty)
            for sub in subOffers { bus.release(sub.relid) }
        }
        #expect(bus.server.summaries.count == 1)
    }

    // MARK: leaving

    @Test func aRemovedDeviceIsTakenBackAndMayReturn() throws {
        let (bus, device, offer) = try start(subChannels: 1)
        let primary = try #require(bus.open(offer))
        let sub = try #require(bus.newOffers().first)
        _ = try #require(bus.open(sub))
        var isGone = false
        bus.server.remove(device) { isGone = true }
        bus.run()
        #expect(bus.rescinded == [sub.relid, offer.relid])
        #expect(device.events.filter { $0.hasPrefix("closed") } == ["closed 1", "closed 0"])
        #expect(!isGone)
        // The guest closes (nothing to answer), takes nothing back, and lets the numbers go.
        bus.post(GuestBus.message(7, offer.relid))
        bus.release(sub.relid)
        #expect(!isGone)
        bus.release(offer.relid)
        #expect(isGone)
        #expect(device.events.filter { $0 == "torn down" }.count == 2)
        #expect(bus.server.summaries.isEmpty)
        #expect(!bus.transport.guestSignals(primary.offer.connection))
        let again = EchoDevice(pump: device.pump, instance: device.offer.interfaceInstance)
        #expect(bus.server.add(again))
        let fresh = try #require(bus.newOffers().first)
        #expect(fresh.relid != offer.relid)
        #expect(try #require(bus.open(fresh)).exchange([1]) != nil)
    }

    @Test func aRemovedDeviceEndsThoughItsPumpRunsNoMore() throws {
        let (bus, _, _) = try start()
        weak var gone: EchoDevice?
        do {
            let pump = ManualPump()
            let device = EchoDevice(pump: pump, instance: EchoDevice.instance(8))
            gone = device
            #expect(bus.server.add(device))
            pump.run()
            let offer = try #require(bus.newOffers().first)
            bus.server.remove(device)
            bus.run()
            bus.release(offer.relid)
        }
        #expect(gone == nil)
    }

    @Test func aDeviceThatTheGuestNeverSawGoesAtOnce() {
        let bus = GuestBus()
        let device = EchoDevice(pump: bus.makePump(), instance: EchoDevice.instance(3))
        #expect(bus.server.add(device))
        var isGone = false
        bus.server.remove(device) { isGone = true }
        bus.run()
        #expect(isGone)
        #expect(bus.connect())
        #expect(bus.requestOffers().isEmpty)
    }

    @Test func aDeviceMayTakeItselfBack() throws {
        let (bus, device, offer) = try start()
        _ = try #require(bus.open(offer))
        device.pump.perform { device.host?.rescind() }
        bus.run()
        #expect(bus.rescinded == [offer.relid])
        // UNLOAD lets go of everything.
        #expect(bus.unload())
        #expect(bus.connect())
        #expect(bus.requestOffers().isEmpty)
    }

    // MARK: sockets

    @Test func socketConnectsReachTheirHook() throws {
        let (bus, _, _) = try start()
        let (endpoint, service) = (EchoDevice.instance(0x21), EchoDevice.instance(0x22))
        let request = GuestBus.message(21) + endpoint.bytes + service.bytes
        bus.post(request)
        let refusal = try #require(bus.take(23))
        #expect(Array(refusal[8..<40]) == endpoint.bytes + service.bytes)
        #expect(GuestBus.word(refusal, 8) == 0xC000_0236)
        nonisolated(unsafe) var asked: [SocketConnectRequest] = []
        bus.server.onConnectRequest = { asked.append($0) }
        bus.post(request)
        #expect(asked.map(\.endpoint) == [endpoint] && asked.map(\.service) == [service])
        let device = EchoDevice(pump: bus.pump, instance: endpoint)
        #expect(bus.server.add(device))
        asked[0].answer(status: 0)
        let offer = try #require(bus.newOffers().first)
        #expect(bus.take(23) == nil)
        #expect(try #require(bus.open(offer)).exchange([4]) != nil)
        for number in 0..<300 { bus.post(GuestBus.message(21, UInt32(number)) + [UInt8](repeating: 0, count: 28)) }
        #expect(asked.count == 257)
        #expect(bus.inbox.count == 44)
    }
}
