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

/// Saved state whose numbers were changed is refused or taken, and the service runs on; it never traps.
@Suite struct IntegrationStateFuzzTests {
    /// Replaces runs of digits and whole words at random.
    private func spoiled(_ saved: UnitState, _ random: inout IntegrationRandom) -> UnitState {
        var text = Array(saved.payload.utf8)
        let digits = text.indices.filter { (48...57).contains(text[$0]) }
        for _ in 0..<Int.random(in: 1...3, using: &random) where !digits.isEmpty {
            let place = digits[Int.random(in: 0..<digits.count, using: &random)]
            guard place < text.count, (48...57).contains(text[place]) else { continue }
            let number = ["-1", "0", "255", "4294967295", "9223372036854775807", "18446744073709551615"]
            text.replaceSubrange(place...place, with: Array(number[Int.random(in: 0..<6, using: &random)].utf8))
        }
        return UnitState(name: saved.name, version: saved.version, payload: String(decoding: text, as: UTF8.self))
    }

    @Test func changedStateNeverTraps() throws {
        var random = IntegrationRandom(state: 8)
        let daemon = KeyValueDaemon()
        var driver = LinuxDriver(versions: [(4, 0)])
        driver.handle = { daemon.handle(&$0) }
        let values = IntegrationBench(driver) { KeyValueExchangeService(pump: $0) }
        values.device.setAdapters([GuestAdapter(id: .init(bytes: Array(repeating: 3, count: 16)), macAddress: [2, 0, 0, 0, 0, 1])])
        let heart = IntegrationBench(LinuxDriver(versions: [(3, 0)])) { HeartbeatService(pump: $0) }
        let time = IntegrationBench(LinuxDriver(versions: [(4, 0)])) { TimeSynchronizationService(pump: $0, wallClock: FixedWallClock()) }
        let vss = IntegrationBench(LinuxDriver(versions: [(5, 0)])) { VSSService(pump: $0) }
        var taken = 0
        func attack<Device: IntegrationDevice & StatefulUnit>(_ bench: IntegrationBench<Device>, steps: Int) throws {
            bench.open()
            for _ in 0..<steps { bench.answerOne() }
            let saved = try bench.device.savedUnit()
            for _ in 0..<100 {
                do { try bench.device.restore(from: spoiled(saved, &random)) } catch { continue }
                taken += 1
                for _ in 0..<30 where bench.channel.sent.count > 0 {
                    var answer = bench.driver.answer(bench.channel.sent[bench.channel.sent.count - 1])
                    answer[24] = UInt8.random(in: 0...4, using: &random)
                    bench.reply(answer)
                }
                bench.clock.nanoseconds += 1_000_000_000
                bench.pump.run()
            }
            bench.close()
        }
        for steps in [0, 3, 12, 15] { try attack(values, steps: steps) }
        try attack(heart, steps: 1)
        try attack(time, steps: 1)
        try attack(vss, steps: 0)
        #expect(taken > 100)
    }
}
