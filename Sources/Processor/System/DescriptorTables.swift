import CHost

/// Where a descriptor lies: linear address of its first byte, or nil after recording `fault` with the selector as error code.
func descriptorAddress(_ vp: VP, _ selector: UInt16, fault: Int, external: UInt32 = 0) -> UInt64? {
    let offset = UInt64(selector & 0xfff8)
    let base: UInt64
    let limit: UInt64
    if Selector.isLocal(selector) {
        let ldt = segmentRegisters(vp)[LV_LDTR]
        guard ldt.attributes & SegmentAttributes.present != 0 else {
            raise(vp, fault, Selector.errorCode(selector) | external)
            return nil
        }
        (base, limit) = (ldt.base, UInt64(ldt.limit))
    } else {
        (base, limit) = (vp.pointee.gdtr.base, UInt64(vp.pointee.gdtr.limit))
    }
    guard offset + 7 <= limit else {
        raise(vp, fault, Selector.errorCode(selector) | external)
        return nil
    }
    return systemLinear(vp, base &+ offset)
}

/// Reads the first eight bytes of a descriptor; nil after recording `fault`, or a page fault.
func readDescriptor(_ vp: VP, _ selector: UInt16, fault: Int, external: UInt32 = 0) -> Descriptor? {
    guard let address = descriptorAddress(vp, selector, fault: fault, external: external),
        let low = systemLoad64(vp, address)
    else { return nil }
    return Descriptor(low: low)
}

/// Reads the sixteen bytes of a long-mode system descriptor or gate; the upper type field must be zero (APM vol. 2, 4.8.3).
func readWideDescriptor(_ vp: VP, _ selector: UInt16, fault: Int, external: UInt32 = 0) -> Descriptor? {
    guard let address = descriptorAddress(vp, selector, fault: fault, external: external),
        descriptorAddress(vp, selector &+ 8, fault: fault, external: external) != nil,
        let low = systemLoad64(vp, address), let high = systemLoad64(vp, address &+ 8)
    else { return nil }
    guard high >> 40 & 0x1f == 0 else {
        raise(vp, fault, Selector.errorCode(selector) | external)
        return nil
    }
    return Descriptor(low: low, high: high & 0xffff_ffff)
}

/// Sets the accessed bit of a code or data descriptor in its table and in `descriptor`. False: a page fault is recorded.
func markAccessed(_ vp: VP, _ selector: UInt16, _ descriptor: inout Descriptor) -> Bool {
    if descriptor.isAccessed { return true }
    guard let address = descriptorAddress(vp, selector, fault: ExceptionVector.generalProtection) else { return false }
    descriptor.low |= 1 << 40
    return systemStore8(vp, address &+ 5, descriptor.low >> 40 & 0xff)
}

/// A linear address as the present mode forms it: legacy mode wraps at 4 GiB.
@inline(__always)
func systemLinear(_ vp: VP, _ address: UInt64) -> UInt64 {
    isLongModeActive(vp) ? address : address & 0xffff_ffff
}

/// Reads `bytes` (2, 4 or 8) of the current TSS. Beyond its limit: #TS with TR's selector.
func readTaskState(_ vp: VP, _ offset: UInt64, bytes: Int, external: UInt32) -> UInt64? {
    let task = segmentRegisters(vp)[LV_TR]
    guard offset + UInt64(bytes) - 1 <= UInt64(task.limit) else {
        raise(vp, ExceptionVector.invalidTSS, Selector.errorCode(task.selector) | external)
        return nil
    }
    let address = systemLinear(vp, task.base &+ offset)
    switch bytes {
    case 2: return systemLoad16(vp, address)
    case 4: return systemLoad32(vp, address)
    default: return systemLoad64(vp, address)
    }
}
