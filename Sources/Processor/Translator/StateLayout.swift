import CHost

/// Byte offsets from the state block that generated code addresses by.
///
///     below the block   a private stack: return addresses of thunks, signal frames
///     0                 lv_vp
///     counts            the numbers 0–127, as 128-bit words
///     userEntries       TLB of CPL 3, 4096 entries of 32 bytes
///     supervisorEntries TLB of CPL 0–2
///     targets           where indirect and far jumps go: `NativeTarget`
enum StateLayout {
    static let stackSize = 64 << 10
    static let blockSize = 8 << 10
    static let userEntries = blockSize
    static let supervisorEntries = userEntries + TranslationCache.count * MemoryLayout<TranslationEntry>.stride
    static let targets = supervisorEntries + TranslationCache.count * MemoryLayout<TranslationEntry>.stride
    static let targetBits = 13
    static let targetCount = 1 << targetBits
    static let size = targets + targetCount * MemoryLayout<NativeTarget>.stride

    /// A number that the budget is changed by.
    static func count(_ number: Int) -> Int { counts + number * 16 }
    static let countCount = 128
    static let counts = blockSize - countCount * 16

    static func register(_ number: Int) -> Int { number * 8 }
    static func vector(_ number: Int) -> Int { vectors + number * 16 }
    private static func offset(_ path: PartialKeyPath<lv_vp>) -> Int { MemoryLayout<lv_vp>.offset(of: path) ?? 0 }
    static let rip = offset(\lv_vp.rip)
    static let flagsResult = offset(\lv_vp.flags_result)
    static let flagsA = offset(\lv_vp.flags_a)
    static let flagsB = offset(\lv_vp.flags_b)
    static let flagsKind = offset(\lv_vp.flags_kind)
    static let vectors = offset(\lv_vp.xmm)
    static let mxcsr = offset(\lv_vp.mxcsr)
    static let retired = offset(\lv_vp.retired)
    static let sliceEnd = offset(\lv_vp.slice_end)
    static let jumpTag = offset(\lv_vp.jump_tag)
    static let budget = offset(\lv_vp.native_budget)
    static let base = offset(\lv_vp.native_base)
    static let hostStack = offset(\lv_vp.native_stack)
    static let linear = offset(\lv_vp.native_linear)
    static let result = offset(\lv_vp.native_result)
    static let vectorState = offset(\lv_vp.native_vector)
    static let x87State = offset(\lv_vp.native_x87)
    static let x87Opcode = offset(\lv_vp.native_x87_opcode)
    static let x87Data = offset(\lv_vp.native_x87_data)
    static let instructionPointer = offset(\lv_vp.fip)
    static let dataPointer = offset(\lv_vp.fdp)
    static let scratch = offset(\lv_vp.scratch)
    /// The result of the last rotation, and CF of the last instruction that changed nothing else (`FlagsChange`).
    static let rotated = scratch + 8
    static let carry = scratch + 16
    static let returnAddress = scratch + 24
    /// ZF of the last instruction that changed nothing else.
    static let zero = scratch + 40
    static let privilege = offset(\lv_vp.cpl)
    static let systemFlags = offset(\lv_vp.rflags)
    static let kernelBase = offset(\lv_vp.kernel_gs_base)
    static let hostMXCSR = offset(\lv_vp.native_host_mxcsr)
    /// Base address of a segment (LV_ES …).
    static func segmentBase(_ segment: Int) -> Int { segmentsOffset + segment * MemoryLayout<lv_segment>.stride }
    static func segmentSelector(_ segment: Int) -> Int { segmentBase(segment) + (MemoryLayout<lv_segment>.offset(of: \.selector) ?? 0) }
}

/// One known jump target: native code of a RIP under a `jump_tag`.
struct NativeTarget {
    var rip: UInt64
    /// `jump_tag` when it was made; all ones: none.
    var tag: UInt64
    var code: UInt64
    var reserved: UInt64

    static let empty = NativeTarget(rip: 0, tag: ~0, code: 0, reserved: 0)

    /// Generated code computes the same: one multiplication spreads the bits.
    @inline(__always) static func index(_ rip: UInt64) -> Int {
        Int((UInt32(truncatingIfNeeded: rip) &* factor) &>> UInt32(32 &- StateLayout.targetBits))
    }
    static let factor: UInt32 = 0x9e37_79b1
}
