import DeviceModel
import Services
import Testing
import VMBus
import VMBusTestSupport

/// All services on one pump behind a real bus with real rings, and a guest whose drivers answer as Linux's.
private final class LinuxGuest {
    let bus: GuestBus
    let services: IntegrationServices
    let daemon = KeyValueDaemon()
    let files = FileCopyDaemon()
    private(set) var channels: [(name: String, channel: GuestChannel)] = []
    private var drivers: [String: LinuxDriver] = [:]
    /// Operations that VSS was asked for.
    private(set) var snapshots: [UInt8] = []
    private(set) var shutdowns: [UInt32] = []

    init(bus: GuestBus = GuestBus(), onControlPump: Bool = false) {
        self.bus = bus
        services = IntegrationServices(pump: onControlPump ? bus.pump : bus.makePump(), wallClock: FixedWallClock())
        for device in services.devices { #expect(bus.server.add(device)) }
        drivers = [
            "Shutdown": LinuxDriver(versions: [(3, 2), (3, 1), (3, 0), (1, 0)]) { [unowned self] body in
                shutdowns.append(body.get(UInt32.self, at: 8))
                return 0
            },
            "Heartbeat": LinuxDriver(versions: [(3, 0), (1, 0)]) { body in
                body.set(body.get(UInt64.self, at: 0) + 1, at: 0)
                return 0
            },
            "Time Synchronization": LinuxDriver(versions: [(4, 0), (3, 0), (1, 0)]),
            "Key-Value Pair Exchange": LinuxDriver(versions: [(4, 0), (3, 0), (1, 0)]) { [unowned self] in daemon.handle(&$0) },
            "VSS": LinuxDriver(versions: [(5, 0)], frameworks: [(3, 0)]) { [unowned self] body in
                snapshots.append(body[0])
                return 0
            },
            "Guest Service Interface": LinuxDriver(versions: [(1, 1)], frameworks: [(3, 0)]) { [unowned self] in files.handle(&$0) },
        ]
    }

    func connect() {
        #expect(bus.connect())
        open(bus.requestOffers())
    }

    /// Opens every integration channel, with rings as large as hv_utils has them.
    func open(_ offers: [GuestOffer], pages: Int = 4) {
        for offer in offers {
            guard let device = services.integrationDevices.first(where: { $0.offer.interfaceInstance == offer.instance }),
                let channel = bus.open(offer, sendPages: pages, receivePages: pages)
            else { continue }
            channels.append((device.identity.name, channel))
        }
        bus.run()
    }

    /// Goes on with another guest's channels in this one's memory.
    func take(_ other: LinuxGuest) { channels = other.channels.map { ($0.name, bus.channel(copying: $0.channel)) } }

    func close() {
        for (_, channel) in channels { #expect(bus.close(channel)) }
        channels = []
    }

    /// Closes the channel that was taken back and lets it go.
    func forget(_ relid: UInt32) {
        for (_, channel) in channels where channel.offer.relid == relid { bus.close(channel) }
        channels.removeAll { $0.channel.offer.relid == relid }
        bus.release(relid)
        bus.run()
    }

    /// Drivers answer until nothing comes.
    func answerAll() {
        var isMoving = true
        while isMoving {
            isMoving = false
            bus.run()
            for (name, channel) in channels {
                guard let driver = drivers[name] else { continue }
                while let packet = channel.receive() {
                    isMoving = true
                    #expect(channel.send(driver.answer(packet.payload), transaction: packet.transaction))
                    bus.run()
                }
            }
        }
    }

    func advance(seconds: UInt64) {
        for _ in 0..<seconds {
            bus.advance(milliseconds: 1000)
            answerAll()
        }
    }
}

@Suite struct IntegrationBusTests {
    @Test(arguments: [false, true])
    func aLinuxGuestIsServed(onControlPump: Bool) throws {
        let guest = LinuxGuest(onControlPump: onControlPump)
        guest.connect()
        guest.answerAll()
        let services = guest.services
        #expect(services.integrationDevices.allSatisfy { $0.status == .ok })
        guest.advance(seconds: 30)
        #expect(services.heartbeat.heartbeat == .okApplicationsUnknown)
        #expect(services.keyValueExchange.information.osName == "Debian GNU/Linux")

        var outcomes: [Result<Void, IntegrationError>] = []
        let data = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 13) }
        services.fileCopy.copy(
            GuestFileCopy(destination: "/tmp/data", size: 100_000) { Array(data[Int($0)..<Int($0) + $1]) }, progress: { _ in },
            completion: { outcomes.append($0) })
        services.vss.freeze { outcomes.append($0) }
        services.keyValueExchange.setHostItem(key: "a", value: "b") { outcomes.append($0) }
        services.shutdown.requestShutdown(.powerOff, force: true, reason: "test") { outcomes.append($0) }
        guest.answerAll()
        #expect(outcomes.count == 4 && outcomes.allSatisfy(\.isSuccess))
        #expect(guest.files.files["/tmp/data"] == data)
        #expect(guest.daemon.pools[0]?.first?.1 == "b")
        #expect(guest.shutdowns == [1])
        guest.advance(seconds: 61)
        #expect(guest.snapshots == [5, 6])
        #expect(guest.bus.notes.isEmpty)
    }

    @Test func driversMayBeUnloadedAndLoadedAgain() {
        let guest = LinuxGuest()
        #expect(guest.bus.connect())
        let offers = guest.bus.requestOffers()
        for _ in 0..<5 {
            guest.open(offers)
            guest.answerAll()
            #expect(guest.services.integrationDevices.allSatisfy { $0.status == .ok })
            var outcome: Result<Void, IntegrationError>?
            guest.services.vss.freeze { outcome = $0 }
            guest.close()
            #expect(outcome?.error?.code == .disconnected)
            #expect(guest.services.integrationDevices.allSatisfy { $0.status == .noContact })
        }
    }

    @Test func aServiceMayBeDisabledAndEnabledWhileTheGuestRuns() throws {
        let guest = LinuxGuest()
        guest.connect()
        _ = guest.bus.newOffers()
        guest.answerAll()
        let heartbeat = guest.services.heartbeat
        var isGone = false
        guest.bus.server.remove(heartbeat) { isGone = true }
        guest.bus.run()
        let relid = try #require(guest.bus.rescinded.first)
        #expect(heartbeat.status == .noContact && heartbeat.heartbeat == .noContact)
        guest.forget(relid)
        #expect(isGone)
        #expect(guest.bus.server.add(heartbeat))
        guest.bus.run()
        guest.open(guest.bus.newOffers())
        guest.answerAll()
        #expect(heartbeat.heartbeat == .okApplicationsUnknown)
    }

    @Test func aRingTooSmallForAMessageCostsNothing() {
        let guest = LinuxGuest()
        #expect(guest.bus.connect())
        guest.open(guest.bus.requestOffers(), pages: 2)
        guest.answerAll()
        #expect(guest.services.keyValueExchange.status == .ok)
        var outcome: Result<Void, IntegrationError>?
        guest.services.keyValueExchange.refresh { outcome = $0 }
        guest.advance(seconds: 60)
        #expect(outcome?.error?.code == .timedOut)
        #expect(guest.services.heartbeat.heartbeat == .okApplicationsUnknown)
    }

    @Test(arguments: 0..<12)
    func aMachineSavedAtAnyMomentGoesOn(moment: Int) throws {
        let first = LinuxGuest()
        first.connect()
        first.advance(seconds: UInt64(moment) * 7)
        first.services.keyValueExchange.refresh { _ in }
        first.services.vss.freeze { _ in }
        first.services.fileCopy.copy(
            GuestFileCopy(destination: "/tmp/half", size: 20_000) { _, count in [UInt8](repeating: 1, count: count) }, progress: { _ in },
            completion: { _ in })
        if moment % 3 == 1 { first.bus.advance(milliseconds: 3000) }
        if moment % 3 == 2 { first.services.shutdown.requestShutdown(.powerOff, force: false, reason: "") { _ in } }
        first.bus.run()
        let saved = try first.bus.saved(first.services.units)
        first.services.interrupt()

        let second = LinuxGuest(bus: GuestBus(copying: first.bus))
        second.take(first)
        second.bus.clock.nanoseconds = first.bus.clock.nanoseconds
        try second.bus.restore(saved, second.services.units)
        second.advance(seconds: 130)
        #expect(second.services.integrationDevices.allSatisfy { $0.status == .ok })
        #expect(second.services.heartbeat.heartbeat == .okApplicationsUnknown)
        #expect(second.services.keyValueExchange.information.osName == "Debian GNU/Linux")
        #expect(!second.services.vss.isFrozen)
        // At moment 0 no versions were agreed on: the freeze was refused.
        #expect(second.snapshots.last == (moment == 0 ? nil : 6))
        #expect(second.files.files.isEmpty && !second.services.fileCopy.isBusy)
        var outcome: Result<Void, IntegrationError>?
        second.services.shutdown.requestShutdown(.powerOff, force: false, reason: "") { outcome = $0 }
        second.answerAll()
        #expect(outcome?.isSuccess == true)
        #expect(second.bus.notes.isEmpty)
    }

    @Test func keysReachTheGuest() throws {
        let guest = LinuxGuest()
        #expect(guest.bus.connect())
        let keyboard = guest.services.keyboard
        #expect(keyboard.type(text: "id\n"))
        let offer = try #require(guest.bus.requestOffers().first { $0.instance == keyboard.offer.interfaceInstance })
        let channel = try #require(guest.bus.open(offer, sendPages: 10, receivePages: 10))
        guest.bus.run()
        #expect(channel.send([1, 0, 0, 0, 0, 0, 1, 0], transaction: 5, completionRequested: true))
        guest.bus.run()
        let packets = channel.receiveAll().filter { $0.kind == .inBand }
        #expect(packets.first?.payload.prefix(8) == [2, 0, 0, 0, 1, 0, 0, 0])
        #expect(packets.dropFirst().map { $0.payload[4] } == [0x17, 0x17, 0x20, 0x20, 0x1c, 0x1c])
    }
}
