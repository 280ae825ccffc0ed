import DeviceModel
import Testing
import VMBus
import VMBusTestSupport

/// Everything that the host writes into rings is announced to those who keep decoded code, and marked as dirty.
@Suite struct RevocationTests {
    /// Keeps a copy of memory, which it brings up to date only where it was told of a write.
    final class Shadow: GuestMemoryWriteListener, @unchecked Sendable {
        // Safety: one thread.
        var ranges: [Range<UInt64>] = []
        func hostWillWrite(_ address: UInt64, count: UInt64) { ranges.append(address..<address + count) }
        func revokeWriteTags() {}
    }

    @Test(arguments: [false, true])
    func writesAreAnnounced(_ scattered: Bool) throws {
        let bus = GuestBus(megabytes: 8)
        let device = EchoDevice(pump: bus.makePump(), instance: EchoDevice.instance(1))
        #expect(bus.server.add(device))
        #expect(bus.connect())
        let channel = try #require(bus.requestOffers().first.flatMap { bus.open($0, sendPages: 3, receivePages: 3, scattered: scattered) })
        let shadow = Shadow()
        bus.memory.addWriteListener(shadow)
        bus.memory.trackDirtyPages()
        let pages = channel.outbound.pages + channel.inbound.pages
        for round in 0..<60 {
            while channel.send([UInt8](repeating: UInt8(round), count: 37 * (round % 9))) {}
            let before = pages.map { bus.memory.read($0, count: 4096) ?? [] }
            shadow.ranges.removeAll()
            _ = bus.memory.collectDirtyPages()
            bus.run()
            let dirty = bus.memory.collectDirtyPages()
            for (page, old) in zip(pages, before) {
                let new = bus.memory.read(page, count: 4096) ?? []
                #expect(new == old || dirty.contains(Int(page >> 12)))
                for offset in 0..<4096 where new[offset] != old[offset] {
                    let address = page + UInt64(offset)
                    #expect(shadow.ranges.contains { $0.contains(address) })
                }
            }
            _ = channel.receiveAll()
        }
    }
}
