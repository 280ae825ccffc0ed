import CHost

// Readings of the state block that system instructions share. The mode is asked of the architectural bits, never of a cache, because
// half of these instructions are in the middle of changing it.

/// ES CS SS DS FS GS LDTR TR.
@inline(__always)
func segmentRegisters(_ vp: VP) -> UnsafeMutablePointer<lv_segment> {
    // Safety: `vp` is a pointer to the block, so the address of its field is stable for as long as `vp` is.
    withUnsafeMutablePointer(to: &vp.pointee.segment) { UnsafeMutableRawPointer($0).assumingMemoryBound(to: lv_segment.self) }
}

@inline(__always)
func debugRegisters(_ vp: VP) -> UnsafeMutablePointer<UInt64> {
    // Safety: as above.
    withUnsafeMutablePointer(to: &vp.pointee.dr) { UnsafeMutableRawPointer($0).assumingMemoryBound(to: UInt64.self) }
}

@inline(__always) func isProtected(_ vp: VP) -> Bool { vp.pointee.cr0 & CR0.protectionEnable != 0 }
@inline(__always) func isVirtual8086(_ vp: VP) -> Bool { vp.pointee.rflags & RFLAGS.virtual8086 != 0 }
/// Real mode or virtual-8086 mode: a selector is a paragraph.
@inline(__always) func hasRealSegments(_ vp: VP) -> Bool { !isProtected(vp) || isVirtual8086(vp) }
/// EFER.LMA: 64-bit or compatibility mode.
@inline(__always) func isLongModeActive(_ vp: VP) -> Bool { vp.pointee.efer & EFER.longModeActive != 0 }
/// EFER.LMA with CS.L.
@inline(__always) func is64BitCode(_ vp: VP) -> Bool {
    isLongModeActive(vp) && segmentRegisters(vp)[LV_CS].attributes & SegmentAttributes.long != 0
}
/// RFLAGS.IOPL.
@inline(__always) func ioPrivilege(_ vp: VP) -> UInt32 { UInt32(truncatingIfNeeded: vp.pointee.rflags >> 12) & 3 }

/// Address of the instruction behind this one, wrapped to the width of the instruction pointer.
@inline(__always) func nextInstruction(_ vp: VP) -> UInt64 {
    let next = vp.pointee.rip &+ UInt64(vp.pointee.next_length)
    if is64BitCode(vp) { return next }
    return next & (segmentRegisters(vp)[LV_CS].attributes & SegmentAttributes.big != 0 ? 0xffff_ffff : 0xffff)
}

/// The bits of RSP that stack accesses use: 16, 32 or 64 of them.
@inline(__always) func stackMask(_ vp: VP) -> UInt64 {
    if is64BitCode(vp) { return UInt64.max }
    return segmentRegisters(vp)[LV_SS].attributes & SegmentAttributes.big != 0 ? 0xffff_ffff : 0xffff
}

/// RSP with the bits under `mask` replaced: a 16-bit stack keeps the rest, a 32-bit one clears it.
@inline(__always) func setStackPointer(_ vp: VP, _ value: UInt64, mask: UInt64) {
    let old = registers(vp)[GeneralRegister.rsp]
    registers(vp)[GeneralRegister.rsp] = mask == 0xffff ? old & ~0xffff | value & 0xffff : value & mask
}

/// Numbers of general registers in the ModRM encoding.
enum GeneralRegister {
    static let rax = 0, rcx = 1, rdx = 2, rbx = 3, rsp = 4, rbp = 5, rsi = 6, rdi = 7, r11 = 11
}

/// Low bits of a value of `1 << log2` bytes.
@inline(__always) func sizeMask(_ log2: Int) -> UInt64 { log2 >= 3 ? UInt64.max : 1 << (8 << UInt64(log2)) - 1 }
