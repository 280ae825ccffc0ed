import CHost

/// Linear address of the operand of `op`; nil: a fault is recorded.
@inline(__always)
package func operandAddress(_ vp: VP, _ op: UOp, bytes: Int, write: Bool) -> UInt64? {
    segmentAddress(vp, segment: Int(op.pointee.segment), offset: effectiveOffset(vp, op), bytes: bytes, write: write)
}

/// The offset of the memory operand within its segment (what LEA gives), cut to the address size.
package func effectiveOffset(_ vp: VP, _ op: UOp) -> UInt64 {
    let words = registers(vp)
    var offset =
        words[Int(op.pointee.base)] &+ words[Int(op.pointee.index)] &<< UInt64(op.pointee.shift)
        &+ UInt64(bitPattern: Int64(op.pointee.displacement))
    if op.pointee.base == LV_RIP { offset &+= UInt64(op.pointee.length) }
    if op.has(LV_UOP_ADDRESS32) { return offset & 0xffff_ffff }
    if op.has(LV_UOP_ADDRESS16) { return offset & 0xffff }
    return offset
}

/// Linear address of segment:offset after the checks for `bytes` bytes: canonical form in 64-bit mode; null, type and limit elsewhere;
/// alignment where it is on. nil: #GP, #SS or #AC is recorded.
@inline(never)
package func segmentAddress(_ vp: VP, segment: Int, offset: UInt64, bytes: Int, write: Bool) -> UInt64? {
    let linear: UInt64
    if vp.pointee.mode == 2 {
        // AMD processors want the offset canonical too, whatever its sum with the base of FS or GS is.
        if !isCanonical(offset) { return refuse(vp, segment) }
        linear = segment >= Int(LV_FS) ? offset &+ segmentPointer(vp, segment).pointee.base : offset
        let last = linear &+ UInt64(bytes &- 1)
        if !isCanonical(linear) || !isCanonical(last) || last < linear && Int64(bitPattern: last) < 0 {
            return refuse(vp, segment)
        }
    } else {
        let hidden = segmentPointer(vp, segment)
        let attributes = hidden.pointee.attributes
        let last = offset &+ UInt64(bytes &- 1)
        if vp.pointee.cr0 & CR0.protectionEnable != 0, vp.pointee.rflags & RFLAGS.virtual8086 == 0 {
            if attributes & 0x80 == 0 { return refuse(vp, segment) }
            if attributes & 8 != 0 {
                if write || attributes & 2 == 0 { return refuse(vp, segment) }
            } else if write, attributes & 2 == 0 {
                return refuse(vp, segment)
            }
        }
        if attributes & 0xc == 4 {
            let top: UInt64 = attributes & 0x4000 != 0 ? 0xffff_ffff : 0xffff
            if offset <= UInt64(hidden.pointee.limit) || last > top { return refuse(vp, segment) }
        } else if last > UInt64(hidden.pointee.limit) {
            return refuse(vp, segment)
        }
        linear = (offset &+ hidden.pointee.base) & 0xffff_ffff
    }
    if vp.pointee.cpl == 3, vp.pointee.rflags & RFLAGS.alignmentCheck != 0, vp.pointee.cr0 & CR0.alignmentMask != 0,
        linear & UInt64(min(bytes, 8) &- 1) != 0, bytes & (bytes &- 1) == 0
    {
        raise(vp, ExceptionVector.alignmentCheck, 0)
        return nil
    }
    return linear
}

private func refuse(_ vp: VP, _ segment: Int) -> UInt64? {
    raise(vp, segment == Int(LV_SS) ? ExceptionVector.stack : ExceptionVector.generalProtection, 0)
    return nil
}

/// The hidden part of a segment register (LV_ES … LV_TR).
@inline(__always)
package func segmentPointer(_ vp: VP, _ segment: Int) -> UnsafeMutablePointer<lv_segment> {
    (UnsafeMutableRawPointer(vp) + segmentsOffset).assumingMemoryBound(to: lv_segment.self) + segment
}

/// Byte offset of the segment registers in the state block: behind 16 registers, RIP, zero, block_rip, RFLAGS, three flag words, kind
/// and CPL. Checked by a test.
package let segmentsOffset = 192

/// True when bits 47–63 are alike (48-bit linear addresses).
@inline(__always)
package func isCanonical(_ linear: UInt64) -> Bool { UInt64(bitPattern: (Int64(bitPattern: linear) &<< 16) &>> 16) == linear }

// MARK: loads and stores at the current privilege

package func load8(_ vp: VP, _ linear: UInt64) -> UInt64? {
    if let pointer = readPointer(vp, linear, 1) { return UInt64(lv_load8(pointer)) }
    return interpreter(vp).slowLoad(linear, 1, user: vp.pointee.cpl == 3)
}

package func load16(_ vp: VP, _ linear: UInt64) -> UInt64? {
    if let pointer = readPointer(vp, linear, 2) { return UInt64(lv_load16(pointer)) }
    return interpreter(vp).slowLoad(linear, 2, user: vp.pointee.cpl == 3)
}

package func load32(_ vp: VP, _ linear: UInt64) -> UInt64? {
    if let pointer = readPointer(vp, linear, 4) { return UInt64(lv_load32(pointer)) }
    return interpreter(vp).slowLoad(linear, 4, user: vp.pointee.cpl == 3)
}

package func load64(_ vp: VP, _ linear: UInt64) -> UInt64? {
    if let pointer = readPointer(vp, linear, 8) { return lv_load64(pointer) }
    return interpreter(vp).slowLoad(linear, 8, user: vp.pointee.cpl == 3)
}

/// Sixteen bytes as two 64-bit halves.
package func load128(_ vp: VP, _ linear: UInt64) -> lv_xmm? {
    guard let low = load64(vp, linear), let high = load64(vp, linear &+ 8) else { return nil }
    var value = lv_xmm()
    value.u64 = (low, high)
    return value
}

package func store8(_ vp: VP, _ linear: UInt64, _ value: UInt64) -> Bool {
    if let pointer = writePointer(vp, linear, 1) {
        lv_store8(pointer, UInt8(truncatingIfNeeded: value))
        return true
    }
    return interpreter(vp).slowStore(linear, 1, value, user: vp.pointee.cpl == 3)
}

package func store16(_ vp: VP, _ linear: UInt64, _ value: UInt64) -> Bool {
    if let pointer = writePointer(vp, linear, 2) {
        lv_store16(pointer, UInt16(truncatingIfNeeded: value))
        return true
    }
    return interpreter(vp).slowStore(linear, 2, value, user: vp.pointee.cpl == 3)
}

package func store32(_ vp: VP, _ linear: UInt64, _ value: UInt64) -> Bool {
    if let pointer = writePointer(vp, linear, 4) {
        lv_store32(pointer, UInt32(truncatingIfNeeded: value))
        return true
    }
    return interpreter(vp).slowStore(linear, 4, value, user: vp.pointee.cpl == 3)
}

package func store64(_ vp: VP, _ linear: UInt64, _ value: UInt64) -> Bool {
    if let pointer = writePointer(vp, linear, 8) {
        lv_store64(pointer, value)
        return true
    }
    return interpreter(vp).slowStore(linear, 8, value, user: vp.pointee.cpl == 3)
}

/// Sixteen bytes as two halves; nothing is stored when either half would fault.
package func store128(_ vp: VP, _ linear: UInt64, _ value: lv_xmm) -> Bool {
    guard prepareStore(vp, linear, bytes: 16) else { return false }
    return store64(vp, linear, value.u64.0) && store64(vp, linear &+ 8, value.u64.1)
}

/// Checks that every page of a range takes stores; false: the fault is recorded.
package func prepareStore(_ vp: VP, _ linear: UInt64, bytes: Int) -> Bool {
    if linear & 0xfff &+ UInt64(bytes) <= 4096, writePointer(vp, linear, 1) != nil { return true }
    return interpreter(vp).prepareStore(linear, bytes, user: vp.pointee.cpl == 3)
}

package func loadSized(_ vp: VP, _ linear: UInt64, log2: Int) -> UInt64? {
    switch log2 {
    case 0: load8(vp, linear)
    case 1: load16(vp, linear)
    case 2: load32(vp, linear)
    default: load64(vp, linear)
    }
}

package func storeSized(_ vp: VP, _ linear: UInt64, _ value: UInt64, log2: Int) -> Bool {
    switch log2 {
    case 0: store8(vp, linear, value)
    case 1: store16(vp, linear, value)
    case 2: store32(vp, linear, value)
    default: store64(vp, linear, value)
    }
}

// MARK: the same as supervisor, whatever the CPL: descriptor tables, TSS, IDT

package func systemLoad8(_ vp: VP, _ linear: UInt64) -> UInt64? { interpreter(vp).slowLoad(linear, 1, user: false) }
package func systemLoad16(_ vp: VP, _ linear: UInt64) -> UInt64? { interpreter(vp).slowLoad(linear, 2, user: false) }
package func systemLoad32(_ vp: VP, _ linear: UInt64) -> UInt64? { interpreter(vp).slowLoad(linear, 4, user: false) }
package func systemLoad64(_ vp: VP, _ linear: UInt64) -> UInt64? { interpreter(vp).slowLoad(linear, 8, user: false) }
package func systemStore8(_ vp: VP, _ linear: UInt64, _ value: UInt64) -> Bool { interpreter(vp).slowStore(linear, 1, value, user: false) }
package func systemStore16(_ vp: VP, _ linear: UInt64, _ value: UInt64) -> Bool { interpreter(vp).slowStore(linear, 2, value, user: false) }
package func systemStore32(_ vp: VP, _ linear: UInt64, _ value: UInt64) -> Bool { interpreter(vp).slowStore(linear, 4, value, user: false) }
package func systemStore64(_ vp: VP, _ linear: UInt64, _ value: UInt64) -> Bool { interpreter(vp).slowStore(linear, 8, value, user: false) }
/// As `prepareStore`, as supervisor.
package func systemPrepareStore(_ vp: VP, _ linear: UInt64, bytes: Int) -> Bool { interpreter(vp).prepareStore(linear, bytes, user: false) }
