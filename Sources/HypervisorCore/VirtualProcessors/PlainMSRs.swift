/// MSRs of the processor model that hold a value and do nothing: what a Linux guest on AMD family 15 touches without asking CPUID first.
///
/// MTRRs are kept and change no memory type, as in QEMU's TCG. Sources: AMD APM vol. 2 appendix A, BIOS and Kernel Developer's Guide for
/// family 0Fh (publication 32559).
struct PlainMSRs: Codable, Equatable, Sendable {
    /// One register: its power-up value and the bits a guest can change. Writes to other bits are ignored, or #GP with `isStrict`.
    struct Row {
        var index: UInt32
        var atReset: UInt64
        var writable: UInt64
        var isStrict: Bool
        init(_ index: UInt32, atReset: UInt64 = 0, writable: UInt64 = 0, isStrict: Bool = false) {
            (self.index, self.atReset, self.writable, self.isStrict) = (index, atReset, writable, isStrict)
        }
    }

    /// In ascending order.
    static let rows: [Row] =
        [
            // PATCH_LEVEL, as QEMU's.
            Row(0x8b, atReset: 0x0100_0065),
            // MTRRcap: eight variable ranges, fixed ranges, write-combining.
            Row(0xfe, atReset: 0x508, isStrict: true),
            // MCG_CAP: no banks. MCG_STATUS.
            Row(0x179, isStrict: true), Row(0x17a, writable: 7),
            // DebugCtl: kept, no branch recording. LastBranchFromIP … LastIntToIP.
            Row(0x1d9, writable: 0x3f, isStrict: true), Row(0x1db), Row(0x1dc), Row(0x1dd), Row(0x1de),
        ]
        + (0..<8).flatMap { pair in
            [
                Row(0x200 + pair * 2, writable: 0xff_ffff_f0ff, isStrict: true),
                Row(0x201 + pair * 2, writable: 0xff_ffff_f800, isStrict: true),
            ]
        }
        + ([0x250, 0x258, 0x259] + Array(0x268...0x26f)).map { Row($0, writable: .max) } + [
            // MTRRdefType.
            Row(0x2ff, writable: 0xcff, isStrict: true),
            // SYSCFG, HWCR (bit 24: the TSC runs at the P0 frequency).
            Row(0xc001_0010, writable: 0x7c_0000), Row(0xc001_0015, atReset: 1 << 24, writable: 0xffff_ffff),
            // TOP_MEM, TOP_MEM2 (the VP puts RAM's ends here), NB_CFG, interrupt pending message, MMIO configuration base.
            Row(topOfMemory), Row(topOfMemory2), Row(0xc001_001f, writable: .max), Row(0xc001_0055), Row(0xc001_0058),
            // SMM TSeg base and mask; VM_CR with SVM disabled and locked.
            Row(0xc001_0112), Row(0xc001_0113), Row(0xc001_0114, atReset: 0x18),
            // LS_CFG, IC_CFG, DC_CFG, BU_CFG, DE_CFG (bit 1: LFENCE serialises), BU_CFG2.
            Row(0xc001_1020, writable: .max), Row(0xc001_1021, writable: .max), Row(0xc001_1022, writable: .max),
            Row(0xc001_1023, writable: .max),
            Row(0xc001_1029, atReset: 2, writable: 2), Row(0xc001_102a, writable: .max),
        ]
    static let topOfMemory: UInt32 = 0xc001_001a, topOfMemory2: UInt32 = 0xc001_001d

    /// Values in the order of `rows`.
    var values: [UInt64] = Self.rows.map(\.atReset)

    private static func place(of index: UInt32) -> Int? { rows.firstIndex { $0.index == index } }

    /// nil: #GP.
    func read(_ index: UInt32) -> UInt64? { Self.place(of: index).map { values[$0] } }

    /// false: #GP.
    mutating func write(_ index: UInt32, _ value: UInt64) -> Bool {
        guard let place = Self.place(of: index) else { return false }
        let row = Self.rows[place]
        if row.isStrict, value & ~row.writable != 0 { return false }
        if !Self.hasValidMemoryTypes(index, value) { return false }
        values[place] = values[place] & ~row.writable | value & row.writable
        return true
    }

    /// Sets a register's value whatever a guest may write.
    mutating func preset(_ index: UInt32, _ value: UInt64) {
        if let place = Self.place(of: index) { values[place] = value }
    }

    /// Memory types in MTRRs are UC, WC, WT, WP, WB (APM vol. 2, 7.7.2); anything else is #GP.
    private static func hasValidMemoryTypes(_ index: UInt32, _ value: UInt64) -> Bool {
        func isValid(_ type: UInt64) -> Bool { type <= 1 || (4...6).contains(type) }
        switch index {
        case 0x200...0x20e where index & 1 == 0: return isValid(value & 0xff)
        case 0x250...0x26f: return stride(from: UInt64(0), to: 64, by: 8).allSatisfy { isValid(value >> $0 & 7) }
        case 0x2ff: return isValid(value & 0xff)
        default: return true
        }
    }
}
