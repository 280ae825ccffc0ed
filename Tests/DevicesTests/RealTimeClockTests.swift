import DeviceModel
import Devices
import Testing

@Suite struct RealTimeClockTests {
    /// 2026-11-22 (a Sunday) 16:02:03 UTC.
    private static let start: Int64 = 1_795_363_323
    private let time = ManualTime()
    private let line = RecordingLine()
    private let clock: RealTimeClock

    init() {
        clock = RealTimeClock(
            interrupt: line, timers: time, wallClock: ManualWallClock(start: Self.start * 1_000_000_000, time: time))
    }

    private func read(_ index: UInt8) -> UInt8 {
        clock.writePort(0, size: 1, value: UInt32(index))
        return UInt8(truncatingIfNeeded: clock.readPort(1, size: 1))
    }

    private func write(_ index: UInt8, _ value: UInt8) {
        clock.writePort(0, size: 1, value: UInt32(index))
        clock.writePort(1, size: 1, value: UInt32(value))
    }

    private var date: [UInt8] { [0x32, 9, 8, 7, 6, 4, 2, 0].map(read) }

    @Test func showsTheWallClockInBCD() {
        #expect(date == [0x20, 0x26, 0x11, 0x22, 0x01, 0x16, 0x02, 0x03])
        time.advance(to: 8 * 3_600 * 1_000_000_000)
        #expect(date == [0x20, 0x26, 0x11, 0x23, 0x02, 0x00, 0x02, 0x03])
        #expect(read(0x0d) == 0x80)
    }

    @Test func showsBinaryAndTwelveHours() {
        write(0x0b, 0x04)
        #expect(date == [20, 26, 11, 22, 1, 0x84, 2, 3])
        write(0x0b, 0x00)
        #expect(read(4) == 0x84)
        time.advance(to: 8 * 3_600 * 1_000_000_000)
        #expect(read(4) == 0x12, "midnight is 12 without the PM bit")
    }

    @Test func setsAndGoesOn() {
        write(0x0b, 0x82)
        for (index, value) in [(0x32, 0x20), (9, 0x24), (8, 0x02), (7, 0x28), (4, 0x23), (2, 0x59), (0, 0x59)] as [(UInt8, UInt8)] {
            write(index, value)
        }
        time.advance(to: 5_000_000_000)
        #expect(read(0) == 0x59, "the time stands while SET is on")
        write(0x0b, 0x02)
        time.advance(to: 6_000_000_000)
        #expect(date == [0x20, 0x24, 0x02, 0x29, 0x05, 0x00, 0x00, 0x00], "a leap day, a Thursday")
    }

    @Test func announcesTheUpdate() {
        time.advance(to: 999_700_000)
        #expect(read(0x0a) & 0x80 == 0)
        time.advance(to: 999_800_000)
        #expect(read(0x0a) & 0x80 == 0x80)
    }

    @Test func interruptsEverySecond() {
        write(0x0b, 0x12)
        time.advance(to: 999_999_999)
        #expect(!line.level)
        time.advance(to: 1_000_000_000)
        #expect(line.level)
        #expect(read(0x0c) & 0x90 == 0x90)
        #expect(!line.level)
        time.advance(to: 2_000_000_000)
        #expect(line.edges == 2)
    }

    @Test func alarmsOnTheHourWithWildcards() {
        write(5, 0xc0)
        write(3, 0x03)
        write(1, 0x00)
        write(0x0b, 0x22)
        time.advance(to: 56_000_000_000)
        #expect(!line.level)
        time.advance(to: 57_000_000_000)
        #expect(line.level && read(0x0c) & 0xa0 == 0xa0)
    }

    @Test func interruptsPeriodically() {
        write(0x0a, 0x26)
        write(0x0b, 0x42)
        for step in 1...8 as ClosedRange<UInt64> {
            time.advance(to: step * 976_563)
            #expect(read(0x0c) & 0xc0 == 0xc0)
        }
        #expect(line.edges == 8)
    }

    @Test func flagsComeWithoutInterruptsToo() {
        _ = read(0x0c)
        #expect(read(0x0c) & 0x10 == 0)
        time.advance(to: 1_100_000_000)
        #expect(read(0x0c) & 0x10 == 0x10)
        #expect(line.edges == 0)
    }

    @Test func keepsMemoryAndState() throws {
        write(0x40, 0xab)
        write(0x0b, 0x92)
        write(0, 0x11)
        let saved = try clock.savedUnit()
        let other = RealTimeClock(
            interrupt: RecordingLine(), timers: time, wallClock: ManualWallClock(start: Self.start * 1_000_000_000, time: time))
        try other.restore(from: saved)
        #expect(try other.savedUnit() == saved)
    }

    @Test func rubbishHurtsNothing() {
        var generator = SystemRandomNumberGenerator()
        for step in 0..<20_000 {
            write(.random(in: .min ... .max, using: &generator), .random(in: .min ... .max, using: &generator))
            _ = read(.random(in: .min ... .max, using: &generator))
            if step % 100 == 0 { time.advance(to: time.manualClock.nanoseconds + 700_000_000) }
        }
    }
}
