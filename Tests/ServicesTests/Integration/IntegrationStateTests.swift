import DeviceModel
import Services
import Testing
import VMBusTestSupport

/// Saved in the middle of a conversation, restored into another object on another channel.
@Suite struct IntegrationStateTests {
    /// A restored copy of `device` on a new channel that the server has reopened.
    private func restored<Device: IntegrationDevice & StatefulUnit>(
        _ device: Device, at nanoseconds: UInt64, make: (ManualPump) -> Device
    ) throws -> (device: Device, channel: BareChannel, pump: ManualPump, clock: ManualClock) {
        let clock = ManualClock(nanoseconds: nanoseconds)
        let pump = ManualPump(clock: clock)
        let (copy, channel) = (make(pump), BareChannel())
        copy.reopened(channel)
        try copy.restore(from: device.savedUnit())
        #expect(try copy.savedUnit() == device.savedUnit() || device is TimeSynchronizationService)
        pump.run()
        return (copy, channel, pump, clock)
    }

    @Test func aShutdownUnderWayIsAnsweredToNobody() throws {
        let bench = IntegrationBench(LinuxDriver(versions: [(3, 2)])) { ShutdownService(pump: $0) }
        bench.open()
        bench.device.requestShutdown(.powerOff, force: false, reason: "") { _ in }
        let copy = try restored(bench.device, at: 0) { ShutdownService(pump: $0) }
        var outcome: Result<Void, IntegrationError>?
        copy.device.requestShutdown(.powerOff, force: false, reason: "") { outcome = $0 }
        #expect(outcome?.error?.code == .busy)
        copy.channel.put(bench.driver.answer(bench.unanswered[0]))
        copy.device.ringChanged(copy.channel)
        copy.device.requestShutdown(.powerOff, force: false, reason: "") { outcome = $0 }
        copy.channel.put(bench.driver.answer(copy.channel.sent[0]))
        copy.device.ringChanged(copy.channel)
        #expect(outcome?.isSuccess == true)
    }

    @Test func aPacketThatFoundNoRoomIsKept() throws {
        let bench = IntegrationBench(LinuxDriver(versions: [(3, 2)])) { ShutdownService(pump: $0) }
        bench.open()
        bench.channel.room = 0
        bench.device.requestShutdown(.powerOff, force: false, reason: "") { _ in }
        let copy = try restored(bench.device, at: 0) { ShutdownService(pump: $0) }
        #expect(copy.channel.sent.count == 1)
    }

    @Test func theHeartGoesOnBeating() throws {
        var driver = LinuxDriver(versions: [(3, 0)])
        driver.handle = { body in
            body.set(body.get(UInt64.self, at: 0) + 1, at: 0)
            return 0
        }
        let bench = IntegrationBench(driver) { HeartbeatService(pump: $0) }
        bench.open()
        bench.advance(seconds: 4, answering: true)
        let copy = try restored(bench.device, at: bench.clock.nanoseconds) { HeartbeatService(pump: $0) }
        #expect(copy.device.heartbeat == .okApplicationsUnknown)
        #expect(copy.channel.sent.isEmpty)
        copy.clock.nanoseconds += 2_000_000_000
        copy.pump.run()
        #expect(copy.channel.sent.count == 1)
    }

    @Test func timeIsSetAtOnceAfterARestore() throws {
        let bench = IntegrationBench(LinuxDriver(versions: [(4, 0)])) { TimeSynchronizationService(pump: $0, wallClock: FixedWallClock()) }
        bench.open()
        bench.answerAll()
        let copy = try restored(bench.device, at: 0) { TimeSynchronizationService(pump: $0, wallClock: FixedWallClock()) }
        #expect(copy.channel.sent.count == 1)
        #expect(copy.channel.sent.first?[28 + 16] == 1)
    }

    @Test func whatTheGuestToldIsKeptAndARoundGoesOn() throws {
        let daemon = KeyValueDaemon()
        var driver = LinuxDriver(versions: [(4, 0)])
        driver.handle = { daemon.handle(&$0) }
        let bench = IntegrationBench(driver) { KeyValueExchangeService(pump: $0) }
        bench.open()
        bench.answerAll()
        bench.device.refresh { _ in }
        for _ in 0..<5 { bench.answerOne() }
        let copy = try restored(bench.device, at: 0) { KeyValueExchangeService(pump: $0) }
        #expect(copy.device.information.osName == "Debian GNU/Linux")
        daemon.auto[9].1 = "aarch64"
        copy.channel.put(driver.answer(bench.unanswered[0]))
        copy.device.ringChanged(copy.channel)
        var answered = 0
        while answered < copy.channel.sent.count {
            copy.channel.put(driver.answer(copy.channel.sent[answered]))
            answered += 1
            copy.device.ringChanged(copy.channel)
        }
        #expect(copy.device.information.processorArchitecture == "aarch64")
    }

    @Test func aFrozenGuestIsThawedAfterARestore() throws {
        let bench = IntegrationBench(LinuxDriver(versions: [(5, 0)], frameworks: [(3, 0)])) { VSSService(pump: $0) }
        bench.open()
        bench.device.freeze(limit: 30_000_000_000) { _ in }
        // The answer to the freeze comes only after the restore: nobody waits for it.
        let copy = try restored(bench.device, at: 0) { VSSService(pump: $0) }
        copy.channel.put(bench.driver.answer(bench.unanswered[0]))
        copy.device.ringChanged(copy.channel)
        copy.pump.run()
        #expect(copy.channel.sent.map { $0[28] } == [6])

        bench.answerAll()
        let frozen = try restored(bench.device, at: 0) { VSSService(pump: $0) }
        #expect(frozen.device.isFrozen)
        frozen.clock.nanoseconds = 30_000_000_000
        frozen.pump.run()
        #expect(frozen.channel.sent.map { $0[28] } == [6])
    }

    @Test func aCopyUnderWayIsRemovedAfterARestore() throws {
        let daemon = FileCopyDaemon()
        var driver = LinuxDriver(versions: [(1, 1)], frameworks: [(3, 0)])
        driver.handle = { daemon.handle(&$0) }
        let bench = IntegrationBench(driver) { GuestFileCopyService(pump: $0) }
        bench.open()
        bench.device.copy(
            GuestFileCopy(destination: "/tmp/a", size: 20_000) { _, count in [UInt8](repeating: 1, count: count) }, progress: { _ in },
            completion: { _ in })
        bench.answerOne()
        let copy = try restored(bench.device, at: 0) { GuestFileCopyService(pump: $0) }
        #expect(copy.device.isBusy)
        copy.channel.put(driver.answer(bench.unanswered[0]))
        copy.device.ringChanged(copy.channel)
        #expect(copy.channel.sent.first?.get(UInt32.self, at: 28) == 3)
        copy.channel.put(driver.answer(copy.channel.sent[0]))
        copy.device.ringChanged(copy.channel)
        #expect(!copy.device.isBusy && daemon.files.isEmpty)
    }

    @Test func stateOfAnOpenChannelNeedsOne() throws {
        let bench = IntegrationBench(LinuxDriver(versions: [(3, 2)])) { ShutdownService(pump: $0) }
        bench.open()
        let saved = try bench.device.savedUnit()
        let copy = ShutdownService(pump: ManualPump())
        #expect(throws: StateError.self) { try copy.restore(from: saved) }
    }
}
