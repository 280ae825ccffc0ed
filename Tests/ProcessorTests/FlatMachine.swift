import CHost
import DeviceModel
import Processor

/// A guest of a few lines: bytes in, run, registers out. RAM from physical 0, no devices; the paging it starts with maps the low 4 MiB
/// to themselves, present, writable and user, with 4 KiB pages whose entries `pageEntry` finds.
///
///     0x1000 PML4   0x2000 PDPT   0x3000 PD   0x4000 two page tables   0x8000 IDT   0x9000 GDT
///     0xa000 handlers   0x10000 code   0x80000 stack
final class FlatMachine: GuestPhysicalMap, InterceptHandler {
    enum Mode { case real, protected, long }

    let memory: GuestMemory
    let group: EngineGroup
    private(set) var engine: Interpreter!
    /// Physical pages without memory, and what was asked of them.
    var devicePages: Set<UInt64> = []
    var deviceReads: [(UInt64, Int)] = []
    var deviceWrites: [(UInt64, Int, UInt64)] = []
    /// Called inside `readPort`.
    var onPortRead: ((FlatMachine) -> UInt32)?

    static let code: UInt64 = 0x10000

    /// `translating`: every block becomes host code when it has run `threshold` times, or before it runs.
    init(
        _ mode: Mode = .long, _ bytes: [UInt8] = [], at address: UInt64 = FlatMachine.code, translating: Bool = EngineUnderTest.translates,
        codeLimit: Int? = nil, threshold: UInt16 = 0, usesBMI2: Bool = true, countsPrivileged: Bool = false
    ) throws {
        memory = try GuestMemory(size: 4 << 20)
        group = try EngineGroup(memory: memory)
        engine = try Interpreter(
            group: group, map: BorrowedMap(self), intercepts: self, translating: translating, translationThreshold: threshold,
            codeLimit: codeLimit, usesBMI2: usesBMI2, countsPrivileged: countsPrivileged)
        _ = memory.write(address, bytes)
        setUp(mode, address)
    }

    /// Another VP over the same memory, in long mode at `address`.
    init(sharing other: FlatMachine, at address: UInt64, translating: Bool = EngineUnderTest.translates) throws {
        memory = other.memory
        group = other.group
        engine = try Interpreter(
            group: group, map: BorrowedMap(self), intercepts: self, translating: translating, translationThreshold: 0)
        enter(.long, address)
    }

    private func setUp(_ mode: Mode, _ address: UInt64) {
        for (at, value) in [(0x1000, 0x2007), (0x2000, 0x3007), (0x3000, 0x4007), (0x3008, 0x5007)] as [(UInt64, UInt64)] {
            _ = memory.store(at, value)
        }
        for page in 0..<1024 { _ = memory.store(0x4000 + UInt64(page) * 8, UInt64(page) << 12 | 7) }
        // GDT: 0x08 64-bit code, 0x10 data, 0x18 32-bit code, 0x23 user data, 0x2b user code.
        let descriptors: [UInt64] = [
            0, 0x00af_9b00_0000_ffff, 0x00cf_9300_0000_ffff, 0x00cf_9b00_0000_ffff, 0x00cf_f300_0000_ffff, 0x00af_fb00_0000_ffff,
        ]
        for (index, value) in descriptors.enumerated() { _ = memory.store(0x9000 + UInt64(index) * 8, value) }
        // Every vector halts at its own handler: 0xa000 + 16 × vector.
        for vector in 0..<32 {
            let handler = 0xa000 + UInt64(vector) * 16
            _ = memory.store(handler, UInt8(0xf4))
            _ = memory.store(0x8000 + UInt64(vector) * 16, handler & 0xffff | 0x8e00_0008_0000 | (handler >> 16) << 48)
        }
        enter(mode, address)
    }

    private func enter(_ mode: Mode, _ address: UInt64) {
        var state = ProcessorState()
        state.rip = address
        state.general[4] = 0x80000
        state.gdtr = .init(base: 0x9000, limit: 0x2f)
        state.idtr = .init(base: 0x8000, limit: 0x1ff)
        let data = ProcessorState.Segment(selector: 0x10, attributes: 0xc093, limit: 0xffff_ffff, base: 0)
        state.segments = [data, data, data, data, data, data, .init(), .init(selector: 0, attributes: 0x8b, limit: 0x67, base: 0)]
        switch mode {
        case .long:
            state.segments[1] = .init(selector: 8, attributes: 0xa09b, limit: 0xffff_ffff, base: 0)
            (state.cr0, state.cr3, state.cr4, state.efer) = (0x8001_0033, 0x1000, 0x6b0, 0xd01)
        case .protected:
            state.segments[1] = .init(selector: 0x18, attributes: 0xc09b, limit: 0xffff_ffff, base: 0)
            state.cr0 = 0x33
        case .real:
            let segment = ProcessorState.Segment(selector: 0, attributes: 0x93, limit: 0xffff, base: 0)
            state.segments = [segment, segment, segment, segment, segment, segment, .init(), .init(attributes: 0x8b, limit: 0xffff)]
            state.segments[1] = .init(selector: UInt16(address >> 4), attributes: 0x9b, limit: 0xffff, base: address)
            state.rip = 0
            state.general[4] = 0x8000
            state.cr0 = 0x10
            state.idtr = .init(base: 0, limit: 0x3ff)
        }
        engine.state = state
    }

    /// A general register by number.
    subscript(_ number: Int) -> UInt64 {
        get { engine.generalRegister(number) }
        set { engine.setGeneralRegister(number, newValue) }
    }
    var flags: UInt64 { engine.state.rflags }
    func setFlags(_ flags: UInt64) {
        var state = engine.state
        state.rflags = flags
        engine.state = state
    }
    /// The vector whose handler the machine halted in, and its error code where there is one.
    var vector: Int? {
        let rip = engine.instructionPointer
        return (0xa001..<0xa201).contains(rip) ? Int((rip - 0xa001) / 16) : nil
    }
    func pageEntry(_ address: UInt64) -> UInt64 { memory.load(0x4000 + (address >> 12) * 8, as: UInt64.self) ?? 0 }
    func setPageEntry(_ address: UInt64, _ value: UInt64) {
        _ = memory.store(0x4000 + (address >> 12) * 8, value)
        engine.flushTranslations(of: address)
    }
    func byte(_ address: UInt64) -> UInt8 { memory.load(address, as: UInt8.self) ?? 0 }
    func word(_ address: UInt64) -> UInt64 { memory.load(address, as: UInt64.self) ?? 0 }

    /// Runs until HLT or `limit` instructions in all.
    @discardableResult func run(_ limit: UInt64 = 1_000_000) -> EngineExit { engine.run(until: limit) }

    // MARK: GuestPhysicalMap, InterceptHandler

    func page(at address: UInt64) -> GuestPhysicalPage {
        if devicePages.contains(address >> 12) { return GuestPhysicalPage(host: nil, isWritable: false) }
        let host = memory.hostPage(at: address)
        return GuestPhysicalPage(host: host, isWritable: host != nil)
    }
    func readPort(_ port: UInt16, size: Int) -> InterceptResult<UInt32> { .value(onPortRead?(self) ?? 0xffff_ffff) }
    func writePort(_ port: UInt16, size: Int, value: UInt32) -> InterceptResult<Void> { .done }
    func readMemory(_ address: UInt64, size: Int) -> InterceptResult<UInt64> {
        deviceReads.append((address, size))
        return .value(0x1122_3344_5566_7788 & (size == 8 ? ~0 : 1 << UInt64(size * 8) - 1))
    }
    func writeMemory(_ address: UInt64, size: Int, value: UInt64) -> InterceptResult<Void> {
        deviceWrites.append((address, size, value))
        return .done
    }
    func cpuid(leaf: UInt32, subleaf: UInt32) -> CPUIDResult { CPUIDResult() }
    func readMSR(_ index: UInt32) -> InterceptResult<UInt64> { .generalProtection }
    func writeMSR(_ index: UInt32, _ value: UInt64) -> InterceptResult<Void> { .generalProtection }
    func readTimestampCounter() -> UInt64 { engine.instructionsRetired }
    func readTaskPriority() -> UInt8 { 0 }
    func writeTaskPriority(_ value: UInt8) {}
    func note(_ event: EngineNote) {}
}
