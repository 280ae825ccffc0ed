import Basics
import DeviceModel
import Testing
import VMBus
import VMBusTestSupport

/// Devices that leave and come back, and what a reset leaves behind.
@Suite struct ReturnTests {
    private func connected(_ bus: GuestBus, _ device: EchoDevice) throws -> GuestOffer {
        #expect(bus.server.add(device))
        #expect(bus.connect())
        return try #require(bus.requestOffers().first)
    }

    @Test func aDeviceReturnsWhenTheGuestHasLetItGo() throws {
        let bus = GuestBus()
        let device = EchoDevice(pump: bus.makePump(), instance: EchoDevice.instance(1))
        let offer = try connected(bus, device)
        bus.server.remove(device)
        // Off and on again before the guest has done its part.
        #expect(bus.server.add(device))
        #expect(!bus.server.add(EchoDevice(pump: bus.makePump(), instance: EchoDevice.instance(1))))
        bus.run()
        #expect(bus.rescinded == [offer.relid] && bus.newOffers().isEmpty)
        bus.release(offer.relid)
        let again = try #require(bus.newOffers().first)
        #expect(again.instance == offer.instance)
        #expect(try #require(bus.open(again)).exchange([1, 2]) != nil)
        // And it can be taken away for good.
        bus.server.remove(device)
        bus.run()
        #expect(bus.rescinded == [offer.relid, again.relid])
        bus.release(again.relid)
        #expect(bus.newOffers().isEmpty && bus.server.summaries.isEmpty)
    }

    @Test func aDeviceThatWaitsCanBeTakenBack() throws {
        let bus = GuestBus()
        let device = EchoDevice(pump: bus.makePump(), instance: EchoDevice.instance(1))
        let offer = try connected(bus, device)
        var departures = 0
        bus.server.remove(device) { departures += 1 }
        #expect(bus.server.add(device))
        bus.server.remove(device) { departures += 1 }
        bus.run()
        bus.release(offer.relid)
        #expect(departures == 2 && bus.newOffers().isEmpty && bus.server.summaries.isEmpty)
    }

    /// Saved between the rescind and the guest's answer; the machine that goes on has the device again.
    @Test(arguments: [false, true]) func aDepartureGoesOnInAnotherMachine(isWanted: Bool) throws {
        let bus = GuestBus()
        let device = EchoDevice(pump: bus.makePump(), instance: EchoDevice.instance(1))
        let offer = try connected(bus, device)
        bus.server.remove(device)
        bus.run()
        let saved = try bus.saved()

        let other = GuestBus(copying: bus)
        let returned = EchoDevice(pump: other.makePump(), instance: EchoDevice.instance(1))
        if isWanted { #expect(other.server.add(returned)) }
        try other.restore(saved)
        #expect(try other.saved() == saved)
        other.run()
        #expect(other.newOffers().isEmpty)
        other.release(offer.relid)
        #expect(other.newOffers().map(\.instance) == (isWanted ? [offer.instance] : []))
        #expect(!isWanted || !other.server.add(returned))
    }

    @Test func aFailedChannelStaysFailedOverTwoRestores() throws {
        let bus = GuestBus()
        let offer = try connected(bus, EchoDevice(pump: bus.makePump(), instance: EchoDevice.instance(1)))
        let channel = try #require(bus.open(offer))
        channel.outbound.writeIndex = 3
        channel.signal()
        bus.run()
        // The ring looks whole again: only what was saved knows.
        channel.outbound.writeIndex = 0
        var machine = bus
        var saved = try bus.saved()
        for _ in 0..<2 {
            let next = GuestBus(copying: machine)
            let device = EchoDevice(pump: next.makePump(), instance: EchoDevice.instance(1))
            #expect(next.server.add(device))
            try next.restore(saved)
            #expect(device.events == ["attached"])
            saved = try next.saved()
            machine = next
        }
    }

    /// A pump that forgets at a reset that it was woken, as that of an Exact machine.
    private final class ForgetfulPump: ServicePump, @unchecked Sendable {
        let inner: ManualPump
        var wakes = 0
        init(_ inner: ManualPump) { self.inner = inner }
        var clock: any PartitionClock { inner.clock }
        func setWork(_ work: @escaping () -> Void) { inner.setWork(work) }
        func wake() { wakes += 1 }
        func perform<Result>(_ body: () throws -> Result) rethrows -> Result { try inner.perform(body) }
        func post(_ body: @escaping () -> Void) { inner.post(body) }
        func makeTimer(name: String, action: @escaping () -> Void) -> any PartitionTimer { inner.makeTimer(name: name, action: action) }
        func watch(_ descriptor: Int32, events: Int16?, action: @escaping () -> Void) {}
    }

    @Test func aSignalBeforeAResetDoesNotDeafenTheBus() throws {
        let bus = GuestBus()
        let pump = ForgetfulPump(bus.makePump())
        let offer = try connected(bus, EchoDevice(pump: pump, instance: EchoDevice.instance(1)))
        let channel = try #require(bus.open(offer))
        channel.signal()
        #expect(pump.wakes > 0)
        bus.server.reset()
        pump.wakes = 0
        #expect(bus.connect())
        _ = bus.requestOffers()
        _ = try #require(bus.open(offer))
        #expect(pump.wakes > 0)
    }
}
