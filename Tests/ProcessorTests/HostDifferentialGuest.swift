import Basics
import CHost
import CHostExecutor
import DeviceModel
import Processor

/// The interpreter side: a flat 64-bit guest at CPL 3 whose sandbox lies where the host's lies, and a supervisor page whose handlers halt.
///
///     guest-physical   0x001000 page tables     0x010000 IDT, GDT, TSS (supervisor)   0x012000 handlers   0x013000 stack
///                      0x100000 code page       0x200000 data pages
///     virtual          LV_EXECUTOR_CODE, LV_EXECUTOR_DATA, and the supervisor pages from `kernel`
final class DifferentialGuest: GuestPhysicalMap, InterceptHandler {
    let memory: GuestMemory
    private var engine: Interpreter?
    private let kernel: UInt64 = 0xffff_8000_0000_0000
    private let codePage: UInt64 = 0x10_0000, dataPage: UInt64 = 0x20_0000
    private let data: [UInt8]

    init(data: [UInt8]) throws {
        memory = try GuestMemory(size: 4 << 20)
        self.data = data
        buildTables()
        _ = memory.write(dataPage, data)
        engine = try Interpreter(
            group: EngineGroup(memory: memory), map: BorrowedMap(self), intercepts: self, translating: EngineUnderTest.translates,
            translationThreshold: 0)
    }

    private func word(_ address: UInt64, _ value: UInt64) { _ = memory.store(address, value) }

    private func buildTables() {
        let present: UInt64 = 0x23
        let user: UInt64 = 0x27
        word(0x1000, 0x2000 | user)
        word(0x1000 + 256 * 8, 0x3000 | present)
        // User half: 1 GiB entry 0; code at 256 MiB, data at 512 MiB.
        word(0x2000, 0x4000 | user)
        word(0x4000 + 128 * 8, 0x5000 | user)
        word(0x4000 + 256 * 8, 0x6000 | user)
        word(0x5000, codePage | 0x67)
        // The host's data pages cannot be executed either.
        let noExecute: UInt64 = 1 << 63
        word(0x6000, dataPage | 0x67 | noExecute)
        word(0x6008, dataPage + 0x1000 | 0x67 | noExecute)
        word(0x6010, dataPage + 0x2000 | 0x25 | noExecute)
        // Supervisor half: four pages.
        word(0x3000, 0x7000 | present)
        word(0x7000, 0x8000 | present)
        for page in 0..<4 { word(0x8000 + UInt64(page) * 8, 0x10000 + UInt64(page) * 0x1000 | 0x63) }
        for vector in 0..<32 {
            let handler = kernel + 0x2000 + UInt64(vector) * 16
            let gate: UInt64 = 0xee00 << 32 | 0x08 << 16
            word(0x10000 + UInt64(vector) * 16, handler & 0xffff | gate | (handler >> 16 & 0xffff) << 48)
            word(0x10008 + UInt64(vector) * 16, handler >> 32)
            _ = memory.store(0x12000 + UInt64(vector) * 16, UInt8(0xf4))
        }
        // GDT at 0x11000: 0x08 kernel code, 0x10 kernel data, 0x20 user code 32, 0x28 user data,
        // 0x30 user code 64. TSS at 0x11800.
        word(0x11008, 0x00af_9b00_0000_ffff)
        word(0x11010, 0x00cf_9300_0000_ffff)
        word(0x11020, 0x00cf_fb00_0000_ffff)
        word(0x11028, 0x00cf_f300_0000_ffff)
        word(0x11030, 0x00af_fb00_0000_ffff)
        word(0x11804, kernel + 0x4000)
    }

    /// Runs a case and tells how it ended; a vector of LV_EXECUTOR_TIMED_OUT or LV_EXECUTOR_CRASHED where it did not.
    func run(_ test: lv_executor_case, into outcome: inout lv_executor_outcome) -> String? {
        guard let engine else { return "no engine" }
        var code = [UInt8](repeating: 0xcc, count: 0x1000)
        withUnsafeBytes(of: test.code) { bytes in
            for i in 0..<bytes.count { code[0x800 + i] = bytes[i] }
        }
        _ = memory.write(codePage, code)
        _ = memory.write(dataPage, data[..<Int(LV_EXECUTOR_WRITABLE)])
        engine.state = initial(test.state, is32: test.selector == UInt64(LV_EXECUTOR_CODE32))
        let exit = engine.run(until: engine.instructionsRetired + 20000)
        let state = engine.state
        if let bytes = memory.read(dataPage, count: Int(LV_EXECUTOR_WRITABLE)) {
            if let data = lv_executor_data(&outcome) {
                bytes.withUnsafeBytes {
                    UnsafeMutableRawPointer(data).copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(data), byteCount: bytes.count)
                }
            }
        }
        outcome.state = lv_executor_state()
        outcome.vector = UInt64(LV_EXECUTOR_CRASHED)
        guard exit == .halted, state.rip >= kernel else {
            if exit == .limit {
                outcome.vector = UInt64(LV_EXECUTOR_TIMED_OUT)
                return nil
            }
            return "\(exit) at \(state.rip)"
        }
        let vector = (state.rip - kernel - 0x2000) / 16
        outcome.vector = vector
        var frame = state.general[4] - kernel + 0x10000
        outcome.error_code = 0
        if [8, 10, 11, 12, 13, 14, 17].contains(vector) {
            outcome.error_code = memory.load(frame, as: UInt64.self) ?? 0
            frame += 8
        }
        outcome.cr2 = state.cr2
        withUnsafeMutableBytes(of: &outcome.state.gpr) { buffer in
            for i in 0..<16 { buffer.storeBytes(of: state.general[i], toByteOffset: i * 8, as: UInt64.self) }
            buffer.storeBytes(of: memory.load(frame + 24, as: UInt64.self) ?? 0, toByteOffset: 32, as: UInt64.self)
        }
        outcome.state.rip = memory.load(frame, as: UInt64.self) ?? 0
        outcome.state.rflags = memory.load(frame + 16, as: UInt64.self) ?? 0
        fill(&outcome.state, from: state)
        return nil
    }

    private func initial(_ from: lv_executor_state, is32: Bool) -> ProcessorState {
        var state = ProcessorState()
        withUnsafeBytes(of: from.gpr) { buffer in
            for i in 0..<16 { state.general[i] = buffer.loadUnaligned(fromByteOffset: i * 8, as: UInt64.self) }
        }
        state.rip = from.rip
        state.rflags = from.rflags
        state.cr0 = 0x8005_0033
        state.cr3 = 0x1000
        state.cr4 = 0x6a0
        state.efer = 0xd01
        state.segments[1] = .init(selector: is32 ? 0x23 : 0x33, attributes: is32 ? 0xc0fb : 0xa0fb, limit: 0xffff_ffff)
        for segment in [0, 2, 3] { state.segments[segment] = .init(selector: 0x2b, attributes: 0xc0f3, limit: 0xffff_ffff) }
        state.segments[5].base = UInt64(LV_EXECUTOR_GS_BASE)
        state.segments[7] = .init(selector: 0x40, attributes: 0x8b, limit: 0x67, base: kernel + 0x1800)
        state.gdtr = .init(base: kernel + 0x1000, limit: 0x7f)
        state.idtr = .init(base: kernel, limit: 0x1ff)
        state.instructionsRetired = engine?.instructionsRetired ?? 0
        withUnsafeBytes(of: from.fx) { fx in
            state.fcw = fx.loadUnaligned(as: UInt16.self)
            state.fsw = fx.loadUnaligned(fromByteOffset: 2, as: UInt16.self)
            state.ftw = 0
            let top = Int(state.fsw >> 11 & 7)
            for i in 0..<8 {
                if fx[4] >> UInt8(i) & 1 == 0 { state.ftw |= 3 << UInt16(2 * i) }
                state.x87[((top + i) & 7) * 2] = fx.loadUnaligned(fromByteOffset: 32 + 16 * i, as: UInt64.self)
                state.x87[((top + i) & 7) * 2 + 1] = UInt64(fx.loadUnaligned(fromByteOffset: 40 + 16 * i, as: UInt16.self))
            }
            state.mxcsr = fx.loadUnaligned(fromByteOffset: 24, as: UInt32.self)
            for i in 0..<32 { state.vector[i] = fx.loadUnaligned(fromByteOffset: 160 + 8 * i, as: UInt64.self) }
        }
        return state
    }

    private func fill(_ target: inout lv_executor_state, from state: ProcessorState) {
        withUnsafeMutableBytes(of: &target.fx) { fx in
            fx.storeBytes(of: state.fcw, as: UInt16.self)
            fx.storeBytes(of: state.fsw, toByteOffset: 2, as: UInt16.self)
            let top = Int(state.fsw >> 11 & 7)
            for i in 0..<8 {
                if state.ftw >> UInt16(2 * i) & 3 != 3 { fx[4] |= 1 << UInt8(i) }
                fx.storeBytes(of: state.x87[((top + i) & 7) * 2], toByteOffset: 32 + 16 * i, as: UInt64.self)
                fx.storeBytes(
                    of: UInt16(truncatingIfNeeded: state.x87[((top + i) & 7) * 2 + 1]), toByteOffset: 40 + 16 * i, as: UInt16.self)
            }
            fx.storeBytes(of: state.mxcsr, toByteOffset: 24, as: UInt32.self)
            for i in 0..<32 { fx.storeBytes(of: state.vector[i], toByteOffset: 160 + 8 * i, as: UInt64.self) }
        }
    }

    // MARK: what the guest reaches

    func page(at address: UInt64) -> GuestPhysicalPage { GuestPhysicalPage(host: memory.hostPage(at: address), isWritable: true) }
    func readPort(_ port: UInt16, size: Int) -> InterceptResult<UInt32> { .generalProtection }
    func writePort(_ port: UInt16, size: Int, value: UInt32) -> InterceptResult<Void> { .generalProtection }
    func readMemory(_ address: UInt64, size: Int) -> InterceptResult<UInt64> { .generalProtection }
    func writeMemory(_ address: UInt64, size: Int, value: UInt64) -> InterceptResult<Void> { .generalProtection }
    func cpuid(leaf: UInt32, subleaf: UInt32) -> CPUIDResult { CPUIDResult() }
    func readMSR(_ index: UInt32) -> InterceptResult<UInt64> { .generalProtection }
    func writeMSR(_ index: UInt32, _ value: UInt64) -> InterceptResult<Void> { .generalProtection }
    func readTimestampCounter() -> UInt64 { 0 }
    func readTaskPriority() -> UInt8 { 0 }
    func writeTaskPriority(_ value: UInt8) {}
    func note(_ event: EngineNote) {}
}
