import DeviceModel
import Services
import Testing
import VMBusTestSupport

/// A guest that lies to dynamic memory.
@Suite struct DynamicMemoryHostileTests {
    private func message(_ kind: UInt16, _ body: [UInt8]) -> [UInt8] {
        GuestRing.little(kind) + GuestRing.little(UInt16(8 + body.count)) + GuestRing.little(UInt32(1)) + body
    }

    @Test(arguments: [UInt64.max, 1 << 63, 1 << 52, 1 << 40, 5000])
    func anyFigureIsBorne(committed: UInt64) throws {
        let bus = GuestBus()
        let settings = DynamicMemoryService.Settings(isEnabled: true, minimum: 4 << 20, maximum: 16 << 20, buffer: 2000)
        let service = DynamicMemoryService(settings: settings, memory: bus.memory, pump: bus.makePump())
        #expect(bus.server.add(service))
        #expect(bus.connect())
        let channel = try #require(bus.requestOffers().first.flatMap { bus.open($0) })
        #expect(channel.send(message(1, GuestRing.little(UInt32(2 << 16)) + [0, 0, 0, 0])))
        bus.run()
        #expect(channel.send(message(3, GuestRing.little(UInt64(3)) + GuestRing.little(UInt64(0)))))
        bus.run()
        #expect(service.isReady)
        #expect(channel.send(message(5, GuestRing.little(UInt64.max) + GuestRing.little(committed) + [UInt8](repeating: 0xff, count: 24))))
        bus.run()
        #expect(try #require(service.demand) == min(committed, 1 << 34) * GuestMemory.pageSize)
        #expect(service.assigned == 16 << 20)
        #expect(service.statusWord == "Warning")
    }
}
