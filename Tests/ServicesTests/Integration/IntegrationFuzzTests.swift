import DeviceModel
import Services
import Testing
import VMBusTestSupport

/// Hostile guests with fixed seeds: whatever comes, nothing traps, one answer is counted once, and a proper guest is served afterwards.
@Suite struct IntegrationFuzzTests {
    private static let cases = 4000

    /// A packet that is noise, or an answer to the last request with some of it changed, cut or repeated.
    private func packet(after request: [UInt8]?, _ random: inout IntegrationRandom) -> [UInt8] {
        guard let request, Int.random(in: 0..<8, using: &random) > 0 else {
            return (0..<Int.random(in: 0..<200, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        var packet = request
        packet[25] = 5
        for _ in 0..<Int.random(in: 0..<6, using: &random) {
            // Half of the changes hit headers and sizes.
            let end = Bool.random(using: &random) ? min(packet.count, 72) : packet.count
            packet[Int.random(in: 0..<end, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        switch Int.random(in: 0..<6, using: &random) {
        case 0: return Array(packet.prefix(Int.random(in: 0...packet.count, using: &random)))
        case 1: return packet + [UInt8](repeating: 0xff, count: Int.random(in: 0..<100, using: &random))
        default: return packet
        }
    }

    private func attack<Device: IntegrationDevice & StatefulUnit>(
        _ driver: LinuxDriver, seed: UInt64, make: (IntegrationBench<Device>) -> Void,
        device: (ManualPump) -> Device
    ) throws {
        var random = IntegrationRandom(state: seed)
        let bench = IntegrationBench(driver, make: device)
        bench.open(negotiated: false)
        for _ in 0..<Self.cases {
            switch Int.random(in: 0..<40, using: &random) {
            case 0:
                bench.close()
                bench.open(negotiated: Bool.random(using: &random))
            case 1, 2: bench.answerOne()
            case 3: make(bench)
            case 4: bench.advance(seconds: UInt64.random(in: 0..<70, using: &random))
            case 5: bench.channel.room = Bool.random(using: &random) ? 0 : 100_000
            case 6: _ = try bench.device.savedUnit()
            default: bench.reply(packet(after: bench.channel.sent.last, &random))
            }
            if bench.channel.sent.count > 200 {
                bench.close()
                bench.open()
            }
        }
        #expect(try bench.device.savedUnit().payload.utf8.count < 4_000_000)
        bench.channel.room = 100_000
        bench.close()
        bench.open()
        #expect(bench.device.status == .ok)
    }

    @Test func shutdown() throws {
        var (asked, answered) = (0, 0)
        try attack(LinuxDriver(versions: [(3, 2)]), seed: 1) { bench in
            asked += 1
            bench.device.requestShutdown(.powerOff, force: true, reason: "fuzz") { _ in answered += 1 }
        } device: {
            ShutdownService(pump: $0)
        }
        #expect(asked == answered && asked > 10)
    }

    @Test func heartbeat() throws {
        try attack(LinuxDriver(versions: [(3, 0)]), seed: 2) { _ in
        } device: {
            HeartbeatService(pump: $0)
        }
    }

    @Test func timeSynchronization() throws {
        try attack(LinuxDriver(versions: [(4, 0)]), seed: 3) {
            $0.device.resynchronize()
        } device: {
            TimeSynchronizationService(pump: $0, wallClock: FixedWallClock())
        }
    }

    @Test func keyValueExchange() throws {
        var (asked, answered) = (0, 0)
        let daemon = KeyValueDaemon()
        var driver = LinuxDriver(versions: [(4, 0)])
        driver.handle = { daemon.handle(&$0) }
        try attack(driver, seed: 4) { bench in
            asked += 2
            bench.device.setHostItem(key: "k", value: "v") { _ in answered += 1 }
            bench.device.refresh { _ in answered += 1 }
        } device: {
            KeyValueExchangeService(pump: $0)
        }
        #expect(asked == answered && asked > 10)
    }

    @Test func vss() throws {
        var (asked, answered) = (0, 0)
        try attack(LinuxDriver(versions: [(5, 0)]), seed: 5) { bench in
            asked += 3
            bench.device.freeze { _ in answered += 1 }
            bench.device.thaw { _ in answered += 1 }
            bench.device.checkHotBackup { _ in answered += 1 }
        } device: {
            VSSService(pump: $0)
        }
        #expect(asked == answered && asked > 10)
    }

    @Test func fileCopy() throws {
        var (asked, answered) = (0, 0)
        let daemon = FileCopyDaemon()
        var driver = LinuxDriver(versions: [(1, 1)])
        driver.handle = { daemon.handle(&$0) }
        try attack(driver, seed: 6) { bench in
            asked += 1
            bench.device.copy(
                GuestFileCopy(destination: "/tmp/f", size: 9000, overwrite: true) { _, count in [UInt8](repeating: 0, count: count) },
                progress: { _ in }, completion: { _ in answered += 1 })
        } device: {
            GuestFileCopyService(pump: $0)
        }
        #expect(asked == answered && asked > 10)
    }
}
