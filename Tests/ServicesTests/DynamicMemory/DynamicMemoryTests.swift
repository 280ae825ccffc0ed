import DeviceModel
import Services
import Testing
import VMBus
import VMBusTestSupport

/// What Linux's hv_balloon does with the protocol, as far as the service can tell: it keeps whole pages for the balloon and says how much
/// it has committed.
private struct BalloonDriver {
    let channel = BareChannel()
    let service: DynamicMemoryService
    var ballooned: [(first: UInt64, count: UInt64)] = []
    /// The next page that goes into the balloon.
    var next: UInt64 = 0x1000

    static func message(_ kind: UInt16, _ body: [UInt8]) -> [UInt8] {
        GuestRing.little(kind) + GuestRing.little(UInt16(8 + body.count)) + GuestRing.little(UInt32(1)) + body
    }

    static func range(_ first: UInt64, _ count: UInt64) -> [UInt8] { GuestRing.little(first | count << 40) }

    func say(_ kind: UInt16, _ body: [UInt8]) {
        channel.put(Self.message(kind, body))
        service.ringChanged(channel)
    }

    func connect(capabilities: UInt64 = 3) {
        #expect(service.opened(channel, userData: []))
        say(1, GuestRing.little(UInt32(2 << 16)) + [0, 0, 0, 0])
        say(3, GuestRing.little(capabilities) + [UInt8](repeating: 0, count: 16))
    }

    /// A report: megabytes in use, the balloon not counted.
    func report(_ megabytes: UInt64) {
        let held = ballooned.reduce(0) { $0 + $1.count }
        say(5, GuestRing.little(UInt64(1000)) + GuestRing.little(megabytes * 256 + held) + [UInt8](repeating: 0, count: 24))
    }

    func kind(_ message: [UInt8]) -> UInt16 { GuestRing.integer(message, at: 0, UInt16.self) }

    /// Gives what the last message asks for, in messages of at most `most` ranges of 2 MiB.
    mutating func inflate(most: Int = 2) {
        let asked = UInt64(GuestRing.integer(channel.sent.last ?? [], at: 8, UInt32.self))
        var ranges: [(first: UInt64, count: UInt64)] = []
        var left = asked
        while left > 0 {
            ranges.append((next, min(left, 512)))
            next += 512
            left -= min(left, 512)
        }
        ballooned += ranges
        var rest = ranges[...]
        repeat {
            let part = rest.prefix(most)
            rest = rest.dropFirst(most)
            let head = UInt32(part.count) << 1 | (rest.isEmpty ? 0 : 1)
            say(7, GuestRing.little(UInt32(0)) + GuestRing.little(head) + part.flatMap { Self.range($0.first, $0.count) })
        } while !rest.isEmpty
    }

    /// Takes back what the last message returns; true: all of it had been given.
    mutating func deflate() -> Bool {
        let message = channel.sent.last ?? []
        let count = Int(GuestRing.integer(message, at: 12, UInt32.self))
        guard kind(message) == 8, message.count == 16 + count * 8 else { return false }
        for index in 0..<count {
            let wire = GuestRing.integer(message, at: 16 + index * 8, UInt64.self)
            guard let place = ballooned.firstIndex(where: { $0.first == wire & (1 << 40 - 1) && $0.count == wire >> 40 }) else {
                return false
            }
            ballooned.remove(at: place)
        }
        say(9, [])
        return true
    }
}

@Suite struct DynamicMemoryTests {
    private static let megabyte: UInt64 = 1 << 20

    private func machine(minimum: UInt64 = 64, maximum: UInt64 = 1024, startup: UInt64 = 512) throws -> (GuestMemory, DynamicMemoryService)
    {
        let memory = try GuestMemory(size: startup * Self.megabyte, capacity: max(maximum, startup) * Self.megabyte)
        let settings = DynamicMemoryService.Settings(
            isEnabled: true, minimum: minimum * Self.megabyte, maximum: maximum * Self.megabyte, buffer: 20)
        return (memory, DynamicMemoryService(settings: settings, memory: memory, pump: ManualPump()))
    }

    @Test func theBalloonTakesWhatIsNotNeededAndGivesTheHostItsMemory() throws {
        let (memory, service) = try machine()
        var driver = BalloonDriver(service: service)
        driver.connect()
        #expect(service.isReady && service.demand == nil && service.assigned == 512 * Self.megabyte)
        // Pages that are given away read as zeros, their neighbours stay.
        #expect(memory.write(0x1000 << 12, [1, 2, 3]) && memory.write(0xfff << 12, [4]))
        driver.report(200)
        #expect(driver.kind(driver.channel.sent.last ?? []) == 6)
        driver.inflate()
        #expect(service.assigned == 512 * Self.megabyte - 256 * Self.megabyte)
        #expect(memory.read(0x1000 << 12, count: 3) == [0, 0, 0] && memory.read(0xfff << 12, count: 1) == [4])
        #expect(service.demand == 200 * Self.megabyte && service.statusWord == "OK")
        let count = driver.channel.sent.count
        driver.report(205)
        #expect(driver.channel.sent.count == count, "a small difference is left alone")
        driver.report(300)
        let isDeflated = driver.deflate()
        #expect(isDeflated)
        #expect(service.assigned >= 352 * Self.megabyte)
        #expect(driver.channel.failure == nil)
    }

    @Test func theMinimumIsKept() throws {
        let (_, service) = try machine(minimum: 400)
        var driver = BalloonDriver(service: service)
        driver.connect()
        driver.report(10)
        driver.inflate()
        driver.report(10)
        #expect(service.assigned == 400 * Self.megabyte)
    }

    @Test func memoryIsAddedUpToTheMaximum() throws {
        let (memory, service) = try machine()
        let driver = BalloonDriver(service: service)
        driver.connect()
        for _ in 0..<40 {
            driver.report(2000)
            let message = driver.channel.sent.last ?? []
            guard driver.kind(message) == 10 else { continue }
            let wire = GuestRing.integer(message, at: 8, UInt64.self)
            #expect(wire & (1 << 40 - 1) >= GuestMemory.highBase >> 12 && (wire >> 40) % (1 << 15) == 0)
            #expect(memory.contains((wire & (1 << 40 - 1)) << 12, count: (wire >> 40) << 12))
            driver.say(11, GuestRing.little(UInt32(wire >> 40)) + GuestRing.little(UInt32(1)))
        }
        #expect(service.assigned == 1024 * Self.megabyte && memory.size == 1024 * Self.megabyte)
        #expect(service.statusWord == "Warning")
    }

    @Test func aGuestThatRefusesMoreIsNotAskedAgain() throws {
        let (memory, service) = try machine()
        let driver = BalloonDriver(service: service)
        driver.connect()
        driver.report(2000)
        #expect(driver.kind(driver.channel.sent.last ?? []) == 10)
        driver.say(11, GuestRing.little(UInt32(0)) + GuestRing.little(UInt32(0)))
        #expect(memory.size == 512 * Self.megabyte)
        let count = driver.channel.sent.count
        for _ in 0..<20 { driver.report(2000) }
        #expect(driver.channel.sent.count == count)
    }

    /// A guest that begins with a part of a block above 4 GiB gets its first addition at the next whole block. The gap between is nobody's
    /// memory: it is not counted, and the maximum is reached in spite of it.
    @Test func theGapBeforeAddedMemoryIsNotTheGuests() throws {
        let startup = 3 * 1024 + 100
        let gap = DynamicMemoryService.gap(behind: UInt64(startup) * Self.megabyte)
        #expect(gap == 28 * Self.megabyte)
        #expect(DynamicMemoryService.gap(behind: 512 * Self.megabyte) == 0 && DynamicMemoryService.gap(behind: 3328 * Self.megabyte) == 0)
        let maximum = UInt64(startup + 256)
        let memory = try GuestMemory(size: UInt64(startup) * Self.megabyte, capacity: maximum * Self.megabyte + gap)
        let settings = DynamicMemoryService.Settings(isEnabled: true, minimum: 0, maximum: maximum * Self.megabyte, buffer: 20)
        let service = DynamicMemoryService(settings: settings, memory: memory, pump: ManualPump())
        let driver = BalloonDriver(service: service)
        driver.connect()
        driver.report(5000)
        let wire = GuestRing.integer(driver.channel.sent.last ?? [], at: 8, UInt64.self)
        #expect((wire & (1 << 40 - 1)) << 12 == GuestMemory.highBase + 128 * Self.megabyte, "the next whole block")
        #expect(wire >> 40 == 256 * 256, "all that is left to the maximum")
        #expect(service.assigned == UInt64(startup) * Self.megabyte, "nothing is the guest's before it has taken it")
        // A guest that takes the first block only keeps that, and the next one follows it.
        driver.say(11, GuestRing.little(UInt32(1 << 15)) + GuestRing.little(UInt32(1)))
        #expect(service.assigned == UInt64(startup + 128) * Self.megabyte)
        #expect(memory.endAddress == GuestMemory.highBase + 256 * Self.megabyte)
        for _ in 0..<8 { driver.report(5000) }
        let next = GuestRing.integer(driver.channel.sent.last ?? [], at: 8, UInt64.self)
        #expect((next & (1 << 40 - 1)) << 12 == GuestMemory.highBase + 256 * Self.megabyte && next >> 40 == 1 << 15)
        // Refused: the memory is as it was, gap and all.
        driver.say(11, GuestRing.little(UInt32(0)) + GuestRing.little(UInt32(0)))
        #expect(service.assigned == UInt64(startup + 128) * Self.megabyte)
        #expect(memory.endAddress == GuestMemory.highBase + 256 * Self.megabyte)
        let other = DynamicMemoryService(settings: settings, memory: memory, pump: ManualPump())
        other.reopened(driver.channel)
        try other.restoreState(service.saveState(), version: DynamicMemoryService.stateVersion)
        #expect(other.assigned == service.assigned)
    }

    /// A balloon of very many single pages is searched quickly, and no page goes into it twice.
    @Test func aBalloonOfSinglePagesIsNoBurden() throws {
        let (_, service) = try machine(minimum: 8)
        let driver = BalloonDriver(service: service)
        driver.connect()
        driver.report(100)
        let asked = Int(GuestRing.integer(driver.channel.sent.last ?? [], at: 8, UInt32.self))
        #expect(asked == 1 << 16)
        // Every second page, from the end: 40,000 ranges, each message twice.
        let pages = (0..<40_000).map { UInt64(0x1_5000 - 2 * $0) }
        let begin = ContinuousClock.now
        for start in stride(from: 0, to: pages.count, by: 4000) {
            let body = pages[start..<start + 4000].flatMap { BalloonDriver.range($0, 1) }
            for _ in 0..<2 { driver.say(7, GuestRing.little(UInt32(0)) + GuestRing.little(UInt32(4000 << 1 | 1)) + body) }
        }
        #expect(service.assigned == 512 * Self.megabyte - 40_000 * 4096)
        // A search through all of them for each would take 1.6 billion comparisons.
        #expect(ContinuousClock.now - begin < .seconds(20))
        driver.say(7, GuestRing.little(UInt32(0)) + GuestRing.little(UInt32(1 << 1)) + BalloonDriver.range(0x1_5000 - 4, 3))
        #expect(service.assigned == 512 * Self.megabyte - 40_000 * 4096, "it overlaps two that are there")
    }

    @Test func theBalloonIsSavedAndRestored() throws {
        let (_, service) = try machine()
        var driver = BalloonDriver(service: service)
        driver.connect()
        driver.report(200)
        driver.inflate()
        let (_, other) = try machine()
        other.reopened(driver.channel)
        try other.restoreState(service.saveState(), version: DynamicMemoryService.stateVersion)
        #expect(other.assigned == service.assigned && other.demand == service.demand && other.isReady)
        var after = BalloonDriver(service: other)
        (after.ballooned, after.next) = (driver.ballooned, driver.next)
        other.reopened(after.channel)
        after.report(400)
        let isDeflatedAfterwards = after.deflate()
        #expect(isDeflatedAfterwards)
        let (_, small) = try machine(maximum: 8, startup: 8)
        #expect(throws: StateError.self) { try small.restoreState(service.saveState(), version: 1) }
    }

    @Test func hostileMessagesHarmNobody() throws {
        var random = IntegrationRandom(state: 7)
        let (memory, service) = try machine(maximum: 768)
        var driver = BalloonDriver(service: service)
        for round in 0..<20_000 {
            if round % 500 == 0 {
                service.closed(driver.channel)
                driver = BalloonDriver(service: service)
                driver.connect(capabilities: .random(in: 0...3, using: &random))
            }
            var body = (0..<Int.random(in: 0..<60, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
            if Bool.random(using: &random), body.count >= 24 {
                // Ranges that may lie in RAM.
                body.replaceSubrange(4..<8, with: GuestRing.little(UInt32.random(in: 0..<16, using: &random)))
                body.replaceSubrange(
                    8..<16, with: BalloonDriver.range(.random(in: 0..<0x30000, using: &random), .random(in: 0..<600, using: &random)))
            }
            let kind = UInt16.random(in: 0..<13, using: &random)
            var message = BalloonDriver.message(kind, body)
            if Int.random(in: 0..<50, using: &random) == 0 { message = Array(message.prefix(Int.random(in: 0..<8, using: &random))) }
            driver.channel.put(message)
            service.ringChanged(driver.channel)
            driver.report(.random(in: 0..<2000, using: &random))
            #expect(service.assigned <= memory.size && memory.size <= memory.capacity)
            if driver.channel.failure != nil { driver.channel.sent.removeAll() }
        }
        #expect(try service.savedUnit().payload.utf8.count < 8_000_000)
    }
}
