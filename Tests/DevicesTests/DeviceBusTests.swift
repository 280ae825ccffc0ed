import DeviceModel
import Testing

@Suite struct DeviceBusTests {
    private final class Recorder: PortDevice, MemoryDevice {
        var writes: [String] = []
        func readPort(_ offset: UInt16, size: Int) -> UInt32 { UInt32(offset) << 8 | UInt32(size) }
        func writePort(_ offset: UInt16, size: Int, value: UInt32) { writes.append("\(offset):\(size):\(value)") }
        func readMemory(_ offset: UInt64, size: Int) -> UInt64 { offset }
        func writeMemory(_ offset: UInt64, size: Int, value: UInt64) { writes.append("m\(offset):\(size):\(value)") }
    }

    @Test func devicesCountFromTheirFirstPort() {
        let (bus, device) = (DeviceBus(), Recorder())
        #expect(bus.map(device, ports: 0x3f8, count: 8))
        #expect(bus.readPort(0x3fd, size: 1) == 0x501)
        #expect(bus.readPort(0x3f7, size: 1) == nil && bus.readPort(0x400, size: 1) == nil)
        #expect(bus.writePort(0x3f8, size: 2, value: 7))
        #expect(!bus.writePort(0xffff, size: 4, value: 7))
        #expect(device.writes == ["0:2:7"])
    }

    @Test func overlapsAreRefused() {
        let (bus, device) = (DeviceBus(), Recorder())
        #expect(bus.map(device, ports: 0x10, count: 4))
        #expect(!bus.map(device, ports: 0x13, count: 1))
        #expect(!bus.map(device, ports: 0xffff, count: 2))
        #expect(bus.map(device, memory: 0x1000, size: 0x1000))
        #expect(!bus.map(device, memory: 0x1fff, size: 2))
        #expect(!bus.map(device, memory: .max, size: 2))
        #expect(bus.readMemory(0x1abc, size: 4) == 0xabc)
        #expect(bus.readMemory(0x2000, size: 4) == nil)
    }
}
