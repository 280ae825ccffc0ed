import DeviceModel
import Devices
import Testing

@Suite struct UART16550ATests {
    private final class Bench {
        let line = RecordingLine()
        var sent: [UInt8] = []
        lazy var port = UART16550A(name: "uart.test", interrupt: line) { [unowned self] in sent.append($0) }

        func read(_ offset: UInt16) -> UInt8 { UInt8(truncatingIfNeeded: port.readPort(offset, size: 1)) }
        func write(_ offset: UInt16, _ value: UInt8) { port.writePort(offset, size: 1, value: UInt32(value)) }
    }

    /// The steps of Linux's autoconfig() in drivers/tty/serial/8250/8250_port.c.
    @Test func linuxFindsA16550A() {
        let bench = Bench()
        bench.write(1, 0)
        #expect(bench.read(1) & 0x0f == 0)
        bench.write(1, 0x0f)
        #expect(bench.read(1) & 0x0f == 0x0f)
        bench.write(1, 0)
        bench.write(4, 0x1a)
        #expect(bench.read(6) & 0xf0 == 0x90)
        bench.write(4, 0)
        bench.write(3, 0)
        bench.write(2, 1)
        #expect(bench.read(2) >> 6 == 3)
        // No enhanced registers behind DLAB, no 64-byte FIFO, no UUE bit.
        bench.write(3, 0x80)
        #expect(bench.read(2) != 0)
        bench.write(3, 0)
        bench.write(2, 0x21)
        #expect(bench.read(2) & 0xe0 == 0xc0)
        bench.write(1, 0x40)
        #expect(bench.read(1) == 0)
    }

    /// Linux's test for ports that do not raise the transmit interrupt again (serial8250_do_startup).
    @Test func transmitInterruptIsRaisedEachTimeItIsEnabled() {
        let bench = Bench()
        bench.write(2, 1)
        for _ in 0..<2 {
            bench.write(1, 2)
            #expect(bench.line.level)
            #expect(bench.read(2) == 0xc2)
            #expect(!bench.line.level)
            #expect(bench.read(2) == 0xc1)
            bench.write(1, 0)
        }
    }

    @Test func writingRaisesTheTransmitInterruptAgain() {
        let bench = Bench()
        bench.write(1, 2)
        _ = bench.read(2)
        bench.write(0, 0x41)
        #expect(bench.line.level)
        #expect(bench.sent == [0x41])
        #expect(bench.read(5) == 0x60)
    }

    @Test func divisorHidesDataAndEnable() {
        let bench = Bench()
        bench.write(3, 0x83)
        bench.write(0, 0x34)
        bench.write(1, 0x12)
        #expect(bench.read(0) == 0x34 && bench.read(1) == 0x12)
        bench.write(3, 0x03)
        #expect(bench.sent.isEmpty)
        #expect(bench.read(1) == 0)
    }

    @Test func inputWaitsForRequestToSend() {
        let bench = Bench()
        bench.write(2, 0x81)
        bench.write(1, 1)
        #expect(bench.port.receive(Array("hello".utf8)) == 5)
        #expect(bench.read(5) & 1 == 0 && !bench.line.level)
        bench.write(4, 0x0b)
        #expect(bench.line.level)
        // Below the trigger of 8 bytes: the time-out interrupt.
        #expect(bench.read(2) == 0xcc)
        #expect((0..<5).map { _ in bench.read(0) } == Array("hello".utf8))
        #expect(bench.read(5) & 1 == 0 && !bench.line.level)
    }

    @Test func theQueueIsBoundedAndKeepsItsOrder() {
        let bench = Bench()
        bench.write(2, 1)
        bench.write(4, 3)
        let text = (0..<6000).map { UInt8(truncatingIfNeeded: $0) }
        let taken = bench.port.receive(text)
        #expect(taken == UART16550A.inputCapacity)
        let more = bench.port.receive(text[taken...])
        #expect(more == 16, "what went into the FIFO made room")
        let read = (0..<(taken + more)).map { _ in bench.read(0) }
        #expect(read == Array(text[..<(taken + more)]))
    }

    @Test func loopbackReturnsWhatIsSent() {
        let bench = Bench()
        bench.write(2, 1)
        bench.write(4, 0x10)
        bench.write(0, 0x55)
        #expect(bench.sent.isEmpty)
        #expect(bench.read(5) & 1 == 1)
        #expect(bench.read(0) == 0x55)
        for _ in 0..<17 { bench.write(0, 1) }
        #expect(bench.read(5) & 2 == 2, "the seventeenth byte overran the FIFO")
    }

    @Test func modemDeltasRaiseAnInterruptAndClear() {
        let bench = Bench()
        _ = bench.read(6)
        bench.write(1, 8)
        bench.write(4, 0x10)
        #expect(bench.line.level)
        #expect(bench.read(2) & 0x0f == 0)
        #expect(bench.read(6) == 0x0b, "CTS, DSR and DCD fell")
        #expect(!bench.line.level)
    }

    @Test func stateSurvives() throws {
        let bench = Bench()
        bench.write(2, 0x41)
        bench.write(4, 3)
        bench.write(1, 1)
        bench.write(7, 0x77)
        _ = bench.port.receive([1, 2, 3])
        let saved = try bench.port.savedUnit()
        let other = Bench()
        try other.port.restore(from: saved)
        #expect(try other.port.savedUnit() == saved)
        #expect(other.read(7) == 0x77 && other.read(0) == 1)
    }

    @Test func rubbishHurtsNothing() {
        let bench = Bench()
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let offset = UInt16.random(in: 0...9, using: &generator)
            let size = [1, 2, 4].randomElement(using: &generator) ?? 1
            bench.port.writePort(offset, size: size, value: .random(in: .min ... .max, using: &generator))
            _ = bench.port.readPort(offset, size: size)
            if Int.random(in: 0..<50, using: &generator) == 0 { _ = bench.port.receive([1, 2, 3, 4]) }
        }
    }
}
