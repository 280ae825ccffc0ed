import DeviceModel
import VMBus
import VMBusTestSupport

extension FuzzTarget {
    /// The bus's saved state, changed by somebody who can write the file.
    static let busState = FuzzTarget(
        "vmbus-state", "the bus's saved state as text", maximumLength: 16384,
        seeds: {
            let bus = GuestBus(processors: 2, megabytes: 4)
            let devices = StateCase.devices(bus)
            promise(bus.connect())
            let offers = bus.freshOffers()
            for offer in offers { _ = bus.open(offer, sendPages: 2, receivePages: 2) }
            bus.post(
                GuestBus.message(8, 1, 77) + little(UInt16(8 + 40 * 8)) + little(UInt16(1)) + little(UInt32(40 * 4096)) + little(UInt32(0)))
            _ = devices
            return [(try? bus.saved()).map { Array($0[0].payload.utf8) } ?? []]
        },
        run: { StateCase.run($0) })
}

private enum StateCase {
    static func devices(_ bus: GuestBus) -> [EchoService] {
        let pump = bus.makePump()
        let devices = (1...2).map { EchoService(pump: pump, number: UInt8($0)) }
        devices[0].subChannels = 1
        for device in devices { promise(bus.server.add(device)) }
        return devices
    }

    static func run(_ bytes: [UInt8]) {
        let bus = GuestBus(processors: 2, megabytes: 4)
        let devices = devices(bus)
        do {
            try bus.restore([UnitState(name: "vmbus", version: 1, payload: String(decoding: bytes, as: UTF8.self))])
            for connection in bus.transport.openSignalPorts { bus.transport.guestSignals(connection) }
            bus.advance(milliseconds: 5)
            _ = try bus.saved()
            bus.post(GuestBus.message(7, 1))
            bus.post(GuestBus.message(16), connection: 4)
            bus.advance(milliseconds: 5)
        } catch {}
        bus.server.close()
        _ = devices
    }
}
