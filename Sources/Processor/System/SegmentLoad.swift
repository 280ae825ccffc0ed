import CHost

/// Loads ES, SS, DS, FS or GS as MOV, POP and LDS do, with every check (APM vol. 2, 4.10). False: a fault is recorded.
///
/// Not for CS, which only transfers of control load, nor for LDTR and TR.
package func loadSegment(_ vp: VP, _ register: Int, _ selector: UInt16) -> Bool {
    if hasRealSegments(vp) {
        setParagraph(vp, register, selector)
        return true
    }
    if Selector.isNull(selector) {
        return loadNull(vp, register, selector)
    }
    guard var descriptor = readDescriptor(vp, selector, fault: ExceptionVector.generalProtection) else { return false }
    guard checkLoad(vp, register, selector, descriptor), markAccessed(vp, selector, &descriptor) else { return false }
    segmentRegisters(vp)[register] = descriptor.segment(selector: selector)
    return true
}

/// Real mode and virtual-8086 mode: base = selector × 16. Real mode keeps limit and attributes, which is what "unreal mode" lives on.
func setParagraph(_ vp: VP, _ register: Int, _ selector: UInt16) {
    let segment = segmentRegisters(vp) + register
    segment.pointee.selector = selector
    segment.pointee.base = UInt64(selector) << 4
    if isVirtual8086(vp) {
        segment.pointee.limit = 0xffff
        segment.pointee.attributes = virtual8086Attributes
    }
}

/// Present, writable, accessed data of DPL 3.
let virtual8086Attributes: UInt16 = SegmentAttributes.data16 | SegmentAttributes.privilege

/// A null selector in a register. It keeps no base, as processors since AMD family 17h model 30h do; no software can rely on either.
func nullSegment(_ selector: UInt16, privilege: UInt32 = 0) -> lv_segment {
    lv_segment(base: 0, limit: 0, selector: selector, attributes: UInt16(privilege << 5))
}

private func loadNull(_ vp: VP, _ register: Int, _ selector: UInt16) -> Bool {
    if register == LV_SS {
        // Only 64-bit mode below CPL 3 may run without a stack segment.
        guard is64BitCode(vp), vp.pointee.cpl < 3, Selector.privilege(selector) == vp.pointee.cpl else {
            raiseProtection(vp)
            return false
        }
        segmentRegisters(vp)[register] = nullSegment(selector, privilege: vp.pointee.cpl)
    } else {
        segmentRegisters(vp)[register] = nullSegment(selector)
    }
    return true
}

private func checkLoad(_ vp: VP, _ register: Int, _ selector: UInt16, _ descriptor: Descriptor) -> Bool {
    let code = Selector.errorCode(selector)
    let requested = Selector.privilege(selector)
    if register == LV_SS {
        return checkStackSegment(vp, selector, descriptor, privilege: vp.pointee.cpl, fault: ExceptionVector.generalProtection)
    }
    guard !descriptor.isSystem, descriptor.isReadable,
        descriptor.isConforming || descriptor.privilege >= max(requested, vp.pointee.cpl)
    else {
        raiseProtection(vp, code)
        return false
    }
    guard descriptor.isPresent else {
        raise(vp, ExceptionVector.segmentNotPresent, code)
        return false
    }
    return true
}

/// Checks a stack segment for code of `privilege`; `fault` (#GP or, from a TSS, #TS) for a wrong one, #SS for one not present.
func checkStackSegment(
    _ vp: VP, _ selector: UInt16, _ descriptor: Descriptor, privilege: UInt32, fault: Int, external: UInt32 = 0
) -> Bool {
    let code = Selector.errorCode(selector) | external
    guard Selector.privilege(selector) == privilege, descriptor.isWritableData, descriptor.privilege == privilege else {
        raise(vp, fault, code)
        return false
    }
    guard descriptor.isPresent else {
        raise(vp, ExceptionVector.stack, code)
        return false
    }
    return true
}

/// Takes data segments away that code of the new, lower privilege may not use (RET and IRET to an outer level).
func dropPrivilegedSegments(_ vp: VP, privilege: UInt32) {
    let segments = segmentRegisters(vp)
    let conforming = SegmentAttributes.code | SegmentAttributes.expandDown
    for register in LV_ES...LV_GS where register != LV_CS && register != LV_SS {
        let attributes = segments[register].attributes
        let isConforming = attributes & conforming == conforming
        if attributes & SegmentAttributes.present != 0, !isConforming, UInt32(attributes & SegmentAttributes.privilege) >> 5 < privilege {
            segments[register] = nullSegment(0)
        }
    }
}
