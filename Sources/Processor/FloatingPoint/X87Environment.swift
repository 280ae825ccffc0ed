import CHost

/// FNSTENV, FLDENV, FNSAVE, FRSTOR (SDM vol. 1, 8.1.10, figures 8-9 to 8-12).
///
///              protected 32 (28 bytes)        real 32                  protected 16 (14)   real 16
///   word 0     FCW                            FCW                      FCW                 FCW
///        1     FSW                            FSW                      FSW                 FSW
///        2     FTW                            FTW                      FTW                 FTW
///        3     FIP                            FIP 15-0                 FIP                 FIP 15-0
///        4     FOP << 16 | FCS                FIP 31-16 << 12 | FOP    FCS                 FIP 19-16 << 12 | FOP
///        5     FDP                            FDP 15-0                 FDP                 FDP 15-0
///        6     FDS                            FDP 31-16 << 12          FDS                 FDP 19-16 << 12
///
/// The saved state adds ST(0) … ST(7), ten bytes each. In the real formats the addresses are linear (segment × 16 + offset).

private typealias Environment = InlineArray<7, UInt64>

private func isReal(_ vp: VP) -> Bool {
    vp.pointee.cr0 & CR0.protectionEnable == 0 || vp.pointee.rflags & RFLAGS.virtual8086 != 0
}

private func environment(_ vp: VP, wide: Bool) -> Environment {
    let s = vp.pointee
    let filler: UInt64 = wide ? 0xffff_0000 : 0
    var image = Environment(repeating: 0)
    image[0] = UInt64(s.fcw) | filler
    image[1] = UInt64(s.fsw) | filler
    image[2] = UInt64(lv_x87_tag_word(vp)) | filler
    let fip = s.fip & 0xffff_ffff
    let fdp = s.fdp & 0xffff_ffff
    let fop = UInt64(s.fop)
    if isReal(vp) {
        let code = ((UInt64(s.fcs) << 4) &+ fip) & 0xffff_ffff
        let data = ((UInt64(s.fds) << 4) &+ fdp) & 0xffff_ffff
        image[3] = code & 0xffff | filler
        image[4] = (code >> 16) << 12 | fop
        image[5] = data & 0xffff | filler
        image[6] = (data >> 16) << 12
    } else {
        image[3] = fip
        image[4] = wide ? fop << 16 | UInt64(s.fcs) : UInt64(s.fcs)
        image[5] = fdp
        image[6] = UInt64(s.fds) | filler
    }
    return image
}

private func takeEnvironment(_ vp: VP, _ image: Environment, wide: Bool) {
    vp.pointee.fcw = controlWord(image[0])
    vp.pointee.fsw = UInt16(truncatingIfNeeded: image[1])
    vp.pointee.ftw = UInt16(truncatingIfNeeded: image[2])
    if isReal(vp) {
        let mask: UInt64 = wide ? 0xffff : 0xf
        vp.pointee.fip = image[3] & 0xffff | (image[4] >> 12 & mask) << 16
        vp.pointee.fdp = image[5] & 0xffff | (image[6] >> 12 & mask) << 16
        vp.pointee.fop = UInt16(truncatingIfNeeded: image[4]) & 0x7ff
        vp.pointee.fcs = 0
        vp.pointee.fds = 0
    } else {
        vp.pointee.fip = image[3]
        vp.pointee.fcs = UInt16(truncatingIfNeeded: image[4])
        vp.pointee.fdp = image[5]
        vp.pointee.fds = UInt16(truncatingIfNeeded: image[6])
        // The short format has no opcode; the processor clears it.
        vp.pointee.fop = wide ? UInt16(truncatingIfNeeded: image[4] >> 16) & 0x7ff : 0
    }
    summarise(vp)
}

/// Bytes per word and of the whole environment.
@inline(__always) private func step(_ op: UOp) -> UInt64 { op.log2Size == 1 ? 2 : 4 }

private func write(_ vp: VP, _ op: UOp, _ address: UInt64) -> Bool {
    let wide = step(op) == 4
    let image = environment(vp, wide: wide)
    for i in 0..<7 {
        let place = address &+ UInt64(i) &* step(op)
        guard wide ? store32(vp, place, image[i]) : store16(vp, place, image[i] & 0xffff) else { return false }
    }
    return true
}

private func read(_ vp: VP, _ op: UOp, _ address: UInt64) -> Environment? {
    let wide = step(op) == 4
    var image = Environment(repeating: 0)
    for i in 0..<7 {
        let place = address &+ UInt64(i) &* step(op)
        guard let word = wide ? load32(vp, place) : load16(vp, place) else { return nil }
        image[i] = word
    }
    return image
}

/// FNSTENV: afterwards all exceptions are masked.
func storeEnvironment(_ vp: VP, _ op: UOp) -> Int32 {
    let bytes = Int(step(op)) * 7
    guard x87Enabled(vp), let address = operandAddress(vp, op, bytes: bytes, write: true),
        prepareStore(vp, address, bytes: bytes), write(vp, op, address)
    else { return RoutineResult.fault }
    vp.pointee.fcw |= X87Status.flags
    summarise(vp)
    return RoutineResult.next
}

func loadEnvironment(_ vp: VP, _ op: UOp) -> Int32 {
    guard x87Ready(vp), let address = operandAddress(vp, op, bytes: Int(step(op)) * 7, write: false),
        let image = read(vp, op, address)
    else { return RoutineResult.fault }
    takeEnvironment(vp, image, wide: step(op) == 4)
    return RoutineResult.next
}

/// FNSAVE: afterwards the FPU is as FNINIT leaves it.
func saveState(_ vp: VP, _ op: UOp) -> Int32 {
    let bytes = Int(step(op)) * 7 + 80
    guard x87Enabled(vp), let address = operandAddress(vp, op, bytes: bytes, write: true),
        prepareStore(vp, address, bytes: bytes), write(vp, op, address)
    else { return RoutineResult.fault }
    for i in 0..<8 {
        let place = address &+ step(op) &* 7 &+ UInt64(i) &* 10
        let value = st(vp, UInt32(i)).pointee
        guard store64(vp, place, value.significand), store16(vp, place &+ 8, UInt64(value.sign_exponent)) else {
            return RoutineResult.fault
        }
    }
    initialiseX87(vp)
    return RoutineResult.next
}

func restoreState(_ vp: VP, _ op: UOp) -> Int32 {
    guard x87Ready(vp), let address = operandAddress(vp, op, bytes: Int(step(op)) * 7 + 80, write: false),
        let image = read(vp, op, address)
    else { return RoutineResult.fault }
    var values = InlineArray<8, lv_x87_register>(repeating: lv_x87_register())
    for i in 0..<8 {
        let place = address &+ step(op) &* 7 &+ UInt64(i) &* 10
        guard let low = load64(vp, place), let high = load16(vp, place &+ 8) else { return RoutineResult.fault }
        values[i] = lv_x87_register(significand: low, sign_exponent: UInt16(truncatingIfNeeded: high), reserved: (0, 0, 0))
    }
    takeEnvironment(vp, image, wide: step(op) == 4)
    for i in 0..<8 { st(vp, UInt32(i)).pointee = values[i] }
    return RoutineResult.next
}
