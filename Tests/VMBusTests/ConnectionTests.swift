import Basics
import Testing
import VMBus
import VMBusTestSupport

/// Contact, offers, unload.
@Suite struct ConnectionTests {
    @Test(arguments: GuestBus.Version.allCases)
    func everyVersionIsNegotiated(_ version: GuestBus.Version) throws {
        let bus = GuestBus()
        let device = EchoDevice(pump: bus.makePump(), instance: EchoDevice.instance(7), userDefined: [1, 2, 3])
        #expect(bus.server.add(device))
        #expect(bus.connect(version: version))
        #expect(bus.messageConnection == (version.rawValue >= 0x5_0000 ? 4 : 1))
        let offers = bus.requestOffers()
        let offer = try #require(offers.first)
        #expect(offers.count == 1)
        #expect(offer.type == device.offer.interfaceType)
        #expect(offer.instance == EchoDevice.instance(7))
        #expect(offer.isDedicatedInterrupt && offer.monitorBits == 0 && offer.relid > 0 && offer.connection > 4)
        #expect(offer.userDefined.prefix(4) == [1, 2, 3, 0])
        #expect(device.host?.version == version.rawValue)
        let channel = try #require(bus.open(offer))
        let answer = channel.exchange([1, 2, 3, 4, 5, 6, 7, 8], transaction: 99)
        #expect(answer?.payload == [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(answer?.transaction == 99)
        #expect(answer?.kind == .completion)
        #expect(bus.interrupts[offer.relid] == 1)
        #expect(bus.unload())
        #expect(device.host?.version == 0)
    }

    @Test(arguments: [0x0000_000D, 0x1_0001, 0x2_0004, 0x3_0000, 0x4_0002, 0x5_0004, 0x6_0000, UInt32.max])
    func otherVersionsAreRefusedWithAnAnswer(_ version: UInt32) {
        let bus = GuestBus()
        #expect(!bus.connect(rawVersion: version))
        // Linux goes on with the next older one.
        #expect(bus.connect(version: .v40))
    }

    @Test func theAnswerGoesWhereTheContactAsks() throws {
        let bus = GuestBus(processors: 4)
        _ = bus.transport.guestPosts(GuestBus.contact(0x5_0003, processor: 3, source: 5), connection: 4)
        bus.pump.run()
        let message = try #require(bus.transport.messages.first)
        #expect(message.processor == 3 && message.source == 5)
    }

    @Test(arguments: [
        GuestBus.contact(0x5_0003, processor: 9), GuestBus.contact(0x5_0003, source: 16), GuestBus.contact(0x5_0003, trustLevel: 2),
    ])
    func anImpossibleContactIsRefused(_ contact: [UInt8]) throws {
        let bus = GuestBus()
        bus.post(contact, connection: 4)
        #expect(try #require(bus.take(15))[8] == 0)
    }

    @Test func unloadClosesEverythingAndTheNextKernelFindsItAgain() throws {
        let bus = GuestBus()
        let device = EchoDevice(pump: bus.makePump(), instance: EchoDevice.instance(1))
        _ = bus.server.add(device)
        #expect(bus.connect())
        var offer = try #require(bus.requestOffers().first)
        _ = try #require(bus.open(offer))
        #expect(bus.unload())
        #expect(device.events == ["attached", "opened 0 on 0", "closed 0", "torn down"])
        #expect(bus.transport.openSignalPorts.isEmpty)
        #expect(bus.inbox.isEmpty)
        #expect(bus.connect(version: .v41))
        offer = try #require(bus.requestOffers().first)
        let channel = try #require(bus.open(offer))
        #expect(channel.exchange([5]) != nil)
    }

    @Test func aNewContactWithoutUnloadClosesWhatWasOpen() throws {
        let bus = GuestBus()
        let device = EchoDevice(pump: bus.makePump(), instance: EchoDevice.instance(1))
        _ = bus.server.add(device)
        #expect(bus.connect())
        let offer = try #require(bus.requestOffers().first)
        _ = try #require(bus.open(offer))
        bus.post(GuestBus.message(8, offer.relid, 77) + [0x10, 4, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0])
        #expect(bus.connect(version: .v50))
        #expect(device.events.suffix(2) == ["closed 0", "torn down"])
        #expect(bus.requestOffers().count == 1)
    }

    @Test func unloadIsAnsweredEvenWhenThereIsNothing() {
        let bus = GuestBus()
        #expect(bus.unload())
        #expect(bus.connect())
        #expect(bus.unload())
        #expect(bus.unload())
    }

    @Test func offersWaitForRoomInTheGuestsSlot() {
        let bus = GuestBus()
        bus.transport.messageRoom = 3
        let pump = bus.makePump()
        for number in 1...200 { #expect(bus.server.add(EchoDevice(pump: pump, instance: EchoDevice.instance(UInt8(number))))) }
        #expect(bus.connect())
        let offers = bus.requestOffers()
        #expect(offers.count == 200)
        #expect(Set(offers.map(\.relid)).count == 200 && Set(offers.map(\.connection)).count == 200)
        #expect(offers.map(\.relid) == offers.map(\.relid).sorted())
        #expect(pump.turns < 10)
    }

    @Test func aFullBusRefusesDevices() {
        let bus = GuestBus()
        let pump = bus.makePump()
        var taken = 0
        for number in 0..<2100 {
            let instance = GUID(bytes: [UInt8(number & 255), UInt8(number >> 8)] + [UInt8](repeating: 1, count: 14))
            if bus.server.add(EchoDevice(pump: pump, instance: instance)) { taken += 1 }
        }
        #expect(taken == 2047)
        #expect(!bus.server.add(EchoDevice(pump: pump, instance: GUID(bytes: [0, 0] + [UInt8](repeating: 1, count: 14)))))
        #expect(bus.connect())
        #expect(bus.requestOffers().count == 2047)
    }

    @Test func aHotAddedDeviceIsOfferedAtOnce() throws {
        let bus = GuestBus()
        #expect(bus.connect())
        #expect(bus.requestOffers().isEmpty)
        let device = EchoDevice(pump: bus.makePump(), instance: EchoDevice.instance(9))
        #expect(bus.server.add(device))
        let offer = try #require(bus.newOffers().first)
        let channel = try #require(bus.open(offer))
        #expect(channel.exchange([1]) != nil)
    }

    @Test func messagesOfAGuestThatTakesNoAnswersAreRefusedInTheEnd() {
        let bus = GuestBus()
        #expect(bus.connect())
        bus.transport.messageRoom = 0
        var refused = 0
        for _ in 0..<1000 {
            if !bus.transport.guestPosts(GuestBus.message(11, 1, 5), connection: 4) { refused += 1 }
            bus.pump.run()
        }
        #expect(refused > 800)
        bus.transport.messageRoom = 16
        bus.advance(milliseconds: 1000)
        #expect(bus.inbox.count == 1000 - refused)
    }

    @Test func resetClosesEverythingSilently() throws {
        let bus = GuestBus()
        let device = EchoDevice(pump: bus.makePump(), instance: EchoDevice.instance(1))
        _ = bus.server.add(device)
        #expect(bus.connect())
        let offer = try #require(bus.requestOffers().first)
        _ = try #require(bus.open(offer))
        _ = bus.transport.guestPosts(GuestBus.message(3), connection: 4)
        bus.server.reset()
        #expect(device.events.suffix(2) == ["closed 0", "torn down"])
        bus.run()
        #expect(bus.inbox.isEmpty)
        #expect(bus.connect())
        #expect(bus.requestOffers().map(\.relid) == [offer.relid])
    }

    @Test func theServerAndItsDevicesEnd() throws {
        weak var server: VMBusServer?
        weak var device: EchoDevice?
        do {
            let bus = GuestBus()
            let echo = EchoDevice(pump: bus.makePump(), instance: EchoDevice.instance(1))
            (server, device) = (bus.server, echo)
            _ = bus.server.add(echo)
            #expect(bus.connect())
            let offer = try #require(bus.requestOffers().first)
            let channel = try #require(bus.open(offer))
            #expect(channel.exchange([1]) != nil)
            bus.server.close()
            echo.channels.removeAll()
            bus.run()
        }
        #expect(server == nil)
        #expect(device == nil)
    }
}
