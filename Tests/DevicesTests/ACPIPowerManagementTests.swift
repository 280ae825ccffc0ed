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

    @Test func theResetPortActsOnARisingBit() {
        var resets = 0
        let port = ResetPort { resets += 1 }
        port.writePort(0, size: 1, value: 2)
        #expect(resets == 0 && port.readPort(0, size: 1) == 2)
        port.writePort(0, size: 1, value: 6)
        #expect(resets == 1)
    }
}
