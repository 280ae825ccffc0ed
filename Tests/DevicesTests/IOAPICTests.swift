import DeviceModel
import Devices
import Testing

@Suite struct IOAPICTests {
    private let sink = RecordingSink()
    private let controller: IOAPIC

    init() { controller = IOAPIC(sink: sink) }

    private func write(_ index: UInt8, _ value: UInt32) {
        controller.writeMemory(0, size: 4, value: UInt64(index))
        controller.writeMemory(0x10, size: 4, value: UInt64(value))
    }

    private func read(_ index: UInt8) -> UInt32 {
        controller.writeMemory(0, size: 4, value: UInt64(index))
        return UInt32(truncatingIfNeeded: controller.readMemory(0x10, size: 4))
    }

    @Test func startsMaskedWith24Pins() {
        #expect(read(1) == 0x0017_0020)
        for pin in 0..<UInt8(24) { #expect(read(0x10 + 2 * pin) == 0x1_0000) }
        controller.line(4).pulse()
        #expect(sink.messages.isEmpty)
    }

    @Test func anEdgeSendsOneMessage() {
        write(0x19, 0x0300_0000)
        write(0x18, 0x0000_0931)
        controller.line(4).set(true)
        controller.line(4).set(true)
        #expect(sink.messages == [InterruptMessage(address: 0xfee0_300c, data: 0x131)], "logical, lowest priority")
        controller.line(4).set(false)
        controller.line(4).set(true)
        #expect(sink.messages.count == 2)
    }

    @Test func aLevelWaitsForItsEnd() {
        write(0x22, 0x0000_8052)
        controller.line(9).set(true)
        #expect(sink.messages == [InterruptMessage(address: 0xfee0_0000, data: 0xc052)])
        #expect(read(0x22) & 1 << 14 != 0, "remote IRR")
        controller.endOfInterrupt(vector: 0x52)
        #expect(sink.messages.count == 2, "the line is still high")
        controller.line(9).set(false)
        controller.endOfInterrupt(vector: 0x52)
        #expect(sink.messages.count == 2)
        #expect(read(0x22) & 1 << 14 == 0)
        controller.line(9).set(true)
        controller.line(9).set(false)
        controller.writeMemory(0x40, size: 4, value: 0x52)
        #expect(sink.messages.count == 3)
        #expect(read(0x22) & 1 << 14 == 0, "the end-of-interrupt register ends it too")
    }

    @Test func aMaskedLevelComesWhenUnmasked() {
        write(0x22, 0x0001_8052)
        controller.line(9).set(true)
        #expect(sink.messages.isEmpty)
        write(0x22, 0x0000_8052)
        #expect(sink.messages.count == 1)
    }

    @Test func anEdgeAtAMaskedEntryComesOnceWhenUnmasked() {
        write(0x18, 0x0001_0034)
        controller.line(4).set(true)
        #expect(sink.messages.isEmpty)
        write(0x18, 0x0000_0034)
        #expect(sink.messages == [InterruptMessage(address: 0xfee0_0000, data: 0x34)])
        write(0x18, 0x0001_0034)
        write(0x18, 0x0000_0034)
        #expect(sink.messages.count == 1)
    }

    @Test func readOnlyBitsStay() {
        write(0x18, 0xffff_ffff)
        #expect(read(0x18) == 0x0001_afff)
        write(0x19, 0xffff_ffff)
        #expect(read(0x19) == 0xff00_0000)
        #expect(read(0x40) == 0 && read(0xff) == 0)
    }

    @Test func stateSurvives() throws {
        write(0x22, 0x0000_8052)
        controller.line(9).set(true)
        let saved = try controller.savedUnit()
        let otherSink = RecordingSink()
        let other = IOAPIC(sink: otherSink)
        try other.restore(from: saved)
        #expect(try other.savedUnit() == saved)
        other.endOfInterrupt(vector: 0x52)
        #expect(otherSink.messages.count == 1, "the level was saved")
    }
}
