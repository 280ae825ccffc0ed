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
}
