import Basics
import DeviceModel
import HypervisorCore
import Processor
import Testing

@Suite struct RegisterTests {
    @Test func leaves() throws {
        let machine = try FakeMachine(count: 2)
        let processor = machine.processor(1)
        #expect(
            processor.cpuid(leaf: 0x4000_0000, subleaf: 0)
                == CPUIDResult(eax: 0x4000_0006, ebx: 0x7263_694d, ecx: 0x666f_736f, edx: 0x7648_2074))
        #expect(processor.cpuid(leaf: 0x4000_0001, subleaf: 0).eax == 0x3123_7648)
        let features = processor.cpuid(leaf: 0x4000_0003, subleaf: 0)
        #expect(features == CPUIDResult(eax: 0xeff, ebx: 0x30, ecx: 0, edx: 1 << 5 | 1 << 8 | 1 << 10 | 1 << 19))
        #expect(processor.cpuid(leaf: 0x4000_0004, subleaf: 0) == CPUIDResult(eax: 0xe2c, ebx: 0xffff_ffff))
        #expect(processor.cpuid(leaf: 0x4000_0005, subleaf: 0).eax == 64)
        #expect(processor.cpuid(leaf: 0x4000_0006, subleaf: 0) == CPUIDResult())
        #expect(processor.cpuid(leaf: 0x4000_0007, subleaf: 0) == CPUIDResult())
        let basic = processor.cpuid(leaf: 1, subleaf: 0)
        #expect(basic.ebx >> 24 == 1)
        #expect(basic.ecx >> 31 == 1)
    }

    /// Nothing tells a guest without enlightenments that it has a hypervisor.
    @Test func aHypervisorThatIsNotShown() throws {
        let machine = try FakeMachine(showsHypervisor: false)
        let processor = machine.processor()
        for leaf in (UInt32(0x4000_0000)...0x4000_0010) { #expect(processor.cpuid(leaf: leaf, subleaf: 0) == CPUIDResult()) }
        let basic = processor.cpuid(leaf: 1, subleaf: 0)
        #expect(basic.ecx >> 31 == 0)
        let shown = try FakeMachine()
        #expect(basic.ecx | 1 << 31 == shown.processor().cpuid(leaf: 1, subleaf: 0).ecx)
        for msr in (UInt32(0x4000_0000)...0x4000_0120) {
            #expect(machine.read(msr) == nil, "MSR \(msr)")
            #expect(machine.write(msr, 0) == false, "MSR \(msr)")
        }
        #expect(machine.child.information.privileges == [])
        // The APIC and the time stamp counter are the processor's own.
        #expect(machine.read(0x1b) != nil)
        #expect(machine.read(0x10) != nil)
    }

    @Test func whoMayReadAndWriteWhat() throws {
        let machine = try FakeMachine()
        // Readable and not writable.
        for msr: UInt32 in [0x4000_0002, 0x4000_0010, 0x4000_0020, 0x4000_0022, 0x4000_0023, 0x4000_0081] {
            #expect(machine.read(msr) != nil, "MSR \(msr)")
            #expect(machine.write(msr, 0) == false, "MSR \(msr)")
        }
        // Writable and not readable.
        #expect(machine.read(0x4000_0070) == nil)
        #expect(machine.write(0x4000_0070, 0))
        #expect(machine.write(0x4000_0070, 1 << 32) == false)
        #expect(machine.write(0x4000_0072, 0x100) == false)
        // Re-enlightenment, TSC-invariant control, SIRBP, debug and statistics registers are not there.
        for msr: UInt32 in [0x4000_0085, 0x4000_0106, 0x4000_0107, 0x4000_0108, 0x4000_0118, 0x4000_00f1, 0x4000_00e0, 0x4000_0040] {
            #expect(machine.read(msr) == nil, "MSR \(msr)")
            #expect(machine.write(msr, 0) == false, "MSR \(msr)")
        }
        #expect(machine.read(0x4000_0022) == 1_000_000_000)
        #expect(machine.read(0x4000_0081) == 1)
        #expect(machine.read(0x4000_0105) == 3 << 62)
    }

    @Test func plainRegistersOfLinux() throws {
        let machine = try FakeMachine()
        for msr: UInt32 in [0x10, 0x1b, 0x8b, 0xfe, 0x179, 0x17a, 0x1d9, 0x200, 0x20f, 0x250, 0x26f, 0x2ff] {
            #expect(machine.read(msr) != nil, "MSR \(msr)")
        }
        for msr: UInt32 in [0xc001_0010, 0xc001_0015, 0xc001_001a, 0xc001_001f, 0xc001_0055, 0xc001_1029] {
            #expect(machine.read(msr) != nil, "MSR \(msr)")
        }
        #expect(machine.write(0x2ff, 0xc06))
        #expect(machine.read(0x2ff) == 0xc06)
        #expect(machine.write(0x2ff, 0xc02) == false)
        #expect(machine.write(0x200, 1 << 60) == false)
        #expect(machine.read(0xc001_001a) == 4 << 20)
        #expect(machine.read(0x1a0) == nil)
        #expect(machine.read(0xc001_0131) == nil)
    }

    @Test func referenceTimeByPageAndRegister() throws {
        let machine = try FakeMachine()
        #expect(machine.write(0x4000_0021, 0x6000 | 1))
        let page = machine.guestBytes(0x6000, 24)
        #expect((page.littleEndian(at: 0, as: UInt32.self) ?? 0) == 1)
        let scale = (page.littleEndian(at: 8, as: UInt64.self) ?? 0)
        let offset = (page.littleEndian(at: 16, as: UInt64.self) ?? 0)
        for nanoseconds: UInt64 in [0, 1, 99, 100, 101, 12_345_678, 86_400_000_000_000, 31_557_600_000_000_000 * 5 + 99] {
            machine.timers.fakeClock.nanoseconds = nanoseconds
            let tsc = machine.processor().readTimestampCounter()
            #expect(tsc.multipliedFullWidth(by: scale).high &+ offset == machine.read(0x4000_0020))
        }
        if case .value = machine.processor().writeMemory(0x6000, size: 8, value: 0) { Issue.record("the page is writable") }
    }

    @Test func crashes() throws {
        let machine = try FakeMachine()
        for index in 0..<3 { machine.write(0x4000_0100 + UInt32(index), UInt64(index) + 10) }
        #expect(machine.memory.write(0x3000, Array("Oops".utf8)))
        machine.write(0x4000_0103, 0x3000)
        machine.write(0x4000_0104, 4)
        machine.write(0x4000_0105, 3 << 62)
        // Too long, and outside RAM: the report comes without text.
        machine.write(0x4000_0104, 4097)
        machine.write(0x4000_0105, 3 << 62)
        machine.write(0x4000_0104, 4096)
        machine.write(0x4000_0103, .max - 5)
        machine.write(0x4000_0105, 3 << 62)
        let reports = machine.log.events.compactMap { if case .guestCrashed(let report) = $0 { report } else { nil } }
        #expect(reports.map(\.text) == ["Oops", nil, nil])
        #expect(reports.first?.parameters == [10, 11, 12, 0x3000, 4])
    }

    @Test func overlaysKeepWhatIsBelow() throws {
        let machine = try FakeMachine(count: 2)
        #expect(machine.memory.write(0x8000, [UInt8](repeating: 0xaa, count: 4096)))
        let flushes = try machine.engine(1).flushes.count
        machine.write(0x4000_0083, 0x8001)
        #expect(try machine.engine(1).flushes.count == flushes + 1)
        #expect(machine.guestBytes(0x8000, 2) == [0, 0])
        machine.child.gpaSpace?.page(at: 0x8000).host?.storeBytes(of: 0x55, as: UInt8.self)
        // Two on one page: the message page covers the event-flags page, the hypercall page covers both, in whatever order they come.
        machine.write(0x4000_0082, 0x8001)
        #expect(machine.guestBytes(0x8000, 2) == [0x55, 0])
        machine.write(0x4000_0000, 1)
        machine.write(0x4000_0001, 0x8001)
        #expect(machine.guestBytes(0x8000, 2) == [0xf3, 0x0f])
        // Among equals the VP with the lower number.
        machine.write(0x4000_0001, 0)
        machine.write(0x4000_0083, 0x8001, 1)
        #expect(machine.guestBytes(0x8000, 2) == [0x55, 0])
        // Moved: its content goes along, the page below appears again when all are gone.
        machine.write(0x4000_0083, 0xa001)
        #expect(machine.guestBytes(0xa000, 1) == [0x55])
        machine.write(0x4000_0083, 0x8000, 1)
        machine.write(0x4000_0082, 0)
        #expect(machine.guestBytes(0x8000, 2) == [0xaa, 0xaa])
        // Beyond RAM: #GP for the hypercall page, not accessible for the others.
        #expect(machine.write(0x4000_0001, 0x4000_0001) == false)
        #expect(machine.write(0x4000_0083, 0x4000_0001))
        #expect(machine.child.gpaSpace?.page(at: 0x4000_0000).host == nil)
        #expect(machine.guestBytes(0xa000, 1) == [0])
    }
}
