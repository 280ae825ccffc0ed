import CHost

/// FXSAVE and FXRSTOR (SDM vol. 2; AMD APM vol. 2, 11.4.4). The layout is drawn in floating_point_x87.h.
func fxsaveRoutine(_ operation: Operation) -> Routine? {
    switch operation {
    case .fxsave: return { save($0, $1) }
    case .fxrstor: return { restore($0, $1) }
    case .emms: return { emptyMMX($0, $1) }
    default: return nil
    }
}

/// XMM registers in the image: 16 in 64-bit mode, else 8. Fast FXSAVE (EFER.FFXSR) is not offered.
private func vectors(_ vp: VP) -> UInt32 { vp.pointee.mode == 2 ? 16 : 8 }

/// The checked, 16-byte aligned address of the 512-byte image.
private func imageAddress(_ vp: VP, _ op: UOp, write: Bool) -> UInt64? {
    guard x87Enabled(vp), let address = operandAddress(vp, op, bytes: 512, write: write) else { return nil }
    if address & 15 != 0 {
        raiseProtection(vp)
        return nil
    }
    return address
}

/// Writes the image without the XMM registers that the mode does not have and without the bytes reserved or left to software.
private func save(_ vp: VP, _ op: UOp) -> Int32 {
    let bytes = 160 + 16 * vectors(vp)
    guard let address = imageAddress(vp, op, write: true), prepareStore(vp, address, bytes: 512) else { return RoutineResult.fault }
    var image = lv_fxsave_image()
    lv_fxsave_fill(&image, vp, op.has(LV_UOP_REX_W), vectors(vp))
    for offset in stride(from: UInt32(0), to: bytes, by: 8) {
        guard store64(vp, address &+ UInt64(offset), lv_fxsave_word(&image, offset)) else { return RoutineResult.fault }
    }
    return RoutineResult.next
}

/// Loads everything before it changes anything; reserved bits of MXCSR are #GP.
private func restore(_ vp: VP, _ op: UOp) -> Int32 {
    guard let address = imageAddress(vp, op, write: false) else { return RoutineResult.fault }
    var image = lv_fxsave_image()
    for offset in stride(from: UInt32(0), to: 160 + 16 * vectors(vp), by: 8) {
        guard let word = load64(vp, address &+ UInt64(offset)) else { return RoutineResult.fault }
        lv_fxsave_set_word(&image, offset, word)
    }
    if lv_fxsave_mxcsr(&image) & ~UInt32(LV_MXCSR_MASK) != 0 { return raiseProtection(vp) }
    lv_fxsave_take(vp, &image, op.has(LV_UOP_REX_W), vectors(vp))
    return RoutineResult.next
}
