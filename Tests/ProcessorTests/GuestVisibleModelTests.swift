import Processor
import Testing

/// What the processor model tells, and the state behind INIT.
struct GuestVisibleModelTests {
    private func cpuid(_ leaf: UInt32, _ subleaf: UInt32 = 0, id: UInt32 = 0, of count: UInt32 = 1) -> CPUIDResult {
        ProcessorModel.qemu64.cpuid(leaf: leaf, subleaf: subleaf, topology: ProcessorTopology(apicID: id, processorCount: count))
    }

    @Test func isAnAMDProcessorOfFamily15() {
        let leaf = cpuid(0)
        let vendor = [leaf.ebx, leaf.edx, leaf.ecx].flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
        #expect(String(decoding: vendor, as: UTF8.self) == "AuthenticAMD")
        #expect(cpuid(1).eax >> 8 & 0xf == 15)
        #expect(cpuid(0x8000_0000).eax == 0x8000_0008)
        #expect(cpuid(0x8000_0008).eax == 0x3028)
    }

    @Test func hasWhatLinuxNeedsAndNothingElse() {
        let required: UInt32 = 1 << 0 | 1 << 5 | 1 << 6 | 1 << 8 | 1 << 15 | 1 << 24 | 1 << 25 | 1 << 26
        #expect(cpuid(1).edx & required == required)
        // No VME, machine check, MTRR; no SSE3, MONITOR, SSE4, XSAVE, AVX, RDRAND.
        #expect(cpuid(1).edx & (1 << 1 | 1 << 7 | 1 << 12 | 1 << 14) == 0)
        #expect(cpuid(1).ecx & (1 << 0 | 1 << 3 | 1 << 19 | 1 << 20 | 1 << 26 | 1 << 28 | 1 << 30) == 0)
        #expect(cpuid(1).ecx >> 31 == 1)
        #expect(cpuid(7) == CPUIDResult())
        #expect(cpuid(6).eax == 4)
        #expect(cpuid(0x8000_0007).edx == 1 << 8)
    }

    @Test func tellsTheTopology() {
        #expect(cpuid(1, id: 3, of: 4).ebx >> 24 == 3)
        #expect(cpuid(1, id: 3, of: 4).ebx >> 16 & 0xff == 4)
        #expect(cpuid(1, id: 3, of: 4).edx & 1 << 28 != 0)
        #expect(cpuid(1).edx & 1 << 28 == 0)
        #expect(cpuid(0x8000_0008, of: 4).ecx == 2 << 12 | 3)
        #expect(cpuid(0x8000_0008, of: 5).ecx == 3 << 12 | 4)
        #expect(cpuid(0xb, 1, id: 3, of: 4) == CPUIDResult(eax: 2, ebx: 4, ecx: 0x201, edx: 3))
        #expect(cpuid(0xb, 2, id: 3, of: 4) == CPUIDResult(ecx: 2, edx: 3))
    }

    @Test func initKeepsWhatItMust() throws {
        let machine = try GuestMachine()
        var state = ProcessorState()
        state.general = (0..<16).map { UInt64($0) + 1 }
        state.star = 0x1234
        state.tscAux = 7
        state.pat = 0x0606_0606_0606_0606
        state.vector[5] = 0x55
        state.cr0 = 0x11
        state.cr2 = 9
        state.halted = true
        machine.processor.state = state
        machine.processor.initialise(bootstrap: false)
        let after = machine.processor.state
        #expect(after.general == [0, 0, 0x60fb1] + Array(repeating: 0, count: 13))
        #expect(after.rip == 0xfff0)
        #expect(after.segments[1] == ProcessorState.Segment(selector: 0xf000, attributes: 0x9b, limit: 0xffff, base: 0xffff_0000))
        #expect(after.cr0 == 0x10 && after.cr2 == 0 && after.efer == 0)
        #expect(after.star == 0x1234 && after.tscAux == 7 && after.pat == 0x0606_0606_0606_0606 && after.vector[5] == 0x55)
        #expect(!after.halted && after.rflags == 2)
        #expect(after.debug == [0, 0, 0, 0, 0xffff_0ff0, 0x400])
    }
}
