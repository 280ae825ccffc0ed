import DeviceModel
import Devices
import Testing

@Suite struct ACPIPowerManagementTests {
    private final class Bench {
        let time = ManualTime()
        let line = RecordingLine()
        var poweredOff = 0
        lazy var device = ACPIPowerManagement(interrupt: line, timers: time) { [unowned self] in poweredOff += 1 }
    }

    @Test func theTimerRunsAt3579545Hertz() {
        let bench = Bench()
        #expect(bench.device.readPort(8, size: 4) == 0)
        bench.time.advance(to: 1_000_000_000)
        #expect(bench.device.readPort(8, size: 4) == 3_579_545)
        bench.time.advance(to: 3_600_000_000_000)
        #expect(bench.device.readPort(8, size: 4) == UInt32(truncatingIfNeeded: 3_579_545 * 3600))
    }

    @Test func theTopBitRaisesTheInterrupt() {
        let bench = Bench()
        bench.device.writePort(2, size: 2, value: 1)
        bench.time.advance(to: 599_900_000_000)
        #expect(!bench.line.level)
        bench.time.advance(to: 600_000_000_000)
        #expect(bench.line.level)
        bench.device.writePort(0, size: 2, value: 1)
        #expect(!bench.line.level)
        #expect(bench.device.readPort(0, size: 2) == 0)
    }

    @Test func onlyS5TurnsOff() {
        let bench = Bench()
        #expect(bench.device.readPort(4, size: 2) == 1, "ACPI mode from the start")
        bench.device.writePort(4, size: 2, value: 1 << 13 | 3 << 10)
        #expect(bench.poweredOff == 0)
        bench.device.writePort(4, size: 2, value: 5 << 10)
        #expect(bench.poweredOff == 0)
        bench.device.writePort(4, size: 2, value: 1 << 13 | 5 << 10)
        #expect(bench.poweredOff == 1)
        #expect(bench.device.readPort(4, size: 2) & 1 << 13 == 0, "SLP_EN reads as zero")
    }

    @Test func aGeneralEventRaisesTheInterruptOnceItIsEnabled() throws {
        let bench = Bench()
        bench.device.raise(.generationChanged)
        #expect(!bench.line.level)
        #expect(bench.device.readPort(12, size: 1) == 1)
        bench.device.writePort(13, size: 1, value: 0xff)
        #expect(bench.line.level)
        #expect(bench.device.readPort(13, size: 1) == 1, "there is one event")
        bench.device.writePort(12, size: 1, value: 0xfe)
        #expect(bench.line.level, "only ones clear")
        let saved = try bench.device.savedUnit()
        let other = Bench()
        try other.device.restore(from: saved)
        #expect(other.device.readPort(12, size: 2) == 0x101)
        bench.device.writePort(12, size: 1, value: 1)
        #expect(!bench.line.level)
        #expect(bench.device.readPort(12, size: 2) == 0x100)
        bench.device.raise(.generationChanged)
        bench.device.reset()
        #expect(!bench.line.level)
        #expect(bench.device.readPort(12, size: 2) == 0)
    }

    @Test func aStateFromBeforeGeneralEventsHasNone() throws {
        let bench = Bench()
        bench.device.writePort(13, size: 1, value: 1)
        bench.device.raise(.generationChanged)
        let old = #"{"control":1,"enable":32,"halfPeriods":0,"status":0}"#
        try bench.device.restore(from: UnitState(name: "acpi.pm", version: 1, payload: old))
        #expect(bench.device.readPort(12, size: 2) == 0)
        #expect(bench.device.readPort(2, size: 2) == 32)
    }

    @Test func theResetPortActsOnARisingBit() {
        var resets = 0
        let port = ResetPort { resets += 1 }
        port.writePort(0, size: 1, value: 2)
        #expect(resets == 0 && port.readPort(0, size: 1) == 2)
        port.writePort(0, size: 1, value: 6)
        #expect(resets == 1)
    }
}
