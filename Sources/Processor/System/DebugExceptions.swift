import CHost

// Single step and breakpoints (AMD APM vol. 2, 13.1).
//
// Only single step, RF and execution breakpoints make instructions run one at a time (`needsStepping`). Data and port breakpoints are
// gathered in `vp.debug_hits` where an access takes the slow path (pages with a watched byte get no TLB entry, `watchesPage`), end
// the block, and are reported behind the instruction.

/// True while instructions must run one at a time: `hitsCodeBreakpoint` before each, RF cleared and `hitsDebugTrap` behind it.
func needsStepping(_ vp: VP) -> Bool {
    if vp.pointee.rflags & (RFLAGS.trap | RFLAGS.resume) != 0 { return true }
    let dr7 = debugRegisters(vp)[7]
    guard dr7 & DR7.enables != 0 else { return false }
    for index in 0..<4 where DR7.isEnabled(dr7, index) && DR7.access(dr7, index) == .execute { return true }
    return false
}

/// True when a byte of the 4 KiB page of `linear` is under a data breakpoint: the TLB must not hold it.
func watchesPage(_ vp: VP, _ linear: UInt64) -> Bool {
    vp.pointee.dr.7 & DR7.enables != 0
        && dataBreakpoints(vp, linear & ~0xfff, bytes: 4096, write: true) != 0
}

/// The slow path of a load or store calls it: notes the breakpoints that watch [linear, linear + bytes).
func noteDataAccess(_ vp: VP, _ linear: UInt64, bytes: Int, write: Bool) {
    guard vp.pointee.dr.7 & DR7.enables != 0 else { return }
    noteHits(vp, dataBreakpoints(vp, linear, bytes: UInt64(bytes), write: write))
}

/// The same for IN and OUT.
func notePortAccess(_ vp: VP, _ port: UInt16, bytes: Int) {
    guard vp.pointee.dr.7 & DR7.enables != 0 else { return }
    noteHits(vp, portBreakpoints(vp, port, bytes: UInt64(bytes)))
}

private func noteHits(_ vp: VP, _ hits: UInt64) {
    guard hits != 0 else { return }
    vp.pointee.debug_hits |= hits
    interpreter(vp).leaveBlock()
}

/// Before an instruction: an execution breakpoint at its first byte, unless RF is set, records a #DB fault. True: it is recorded.
func hitsCodeBreakpoint(_ vp: VP) -> Bool {
    let dr7 = debugRegisters(vp)[7]
    guard dr7 & DR7.enables != 0, vp.pointee.rflags & RFLAGS.resume == 0 else { return false }
    let code = segmentRegisters(vp)[LV_CS]
    let linear = is64BitCode(vp) ? vp.pointee.rip : systemLinear(vp, code.base &+ vp.pointee.rip) & 0xffff_ffff
    var hits: UInt64 = 0
    for index in 0..<4 where DR7.isEnabled(dr7, index) && DR7.access(dr7, index) == .execute && debugRegisters(vp)[index] == linear {
        hits |= 1 << UInt64(index)
    }
    guard hits != 0 else { return false }
    debugRegisters(vp)[6] = debugRegisters(vp)[6] & ~DR6.breakpoints | hits
    raise(vp, ExceptionVector.debug)
    return true
}

/// The breakpoints, as DR6 bits, that watch a byte of [linear, linear + bytes). An address in DR0–3 counts from its natural alignment.
func dataBreakpoints(_ vp: VP, _ linear: UInt64, bytes: UInt64, write: Bool) -> UInt64 {
    let dr7 = debugRegisters(vp)[7]
    var hits: UInt64 = 0
    for index in 0..<4 where DR7.isEnabled(dr7, index) {
        let access = DR7.access(dr7, index)
        guard access == .readOrWrite || access == .write && write else { continue }
        if overlaps(debugRegisters(vp)[index], DR7.length(dr7, index), linear, bytes) { hits |= 1 << UInt64(index) }
    }
    return hits
}

/// The same for IN and OUT; needs CR4.DE.
func portBreakpoints(_ vp: VP, _ port: UInt16, bytes: UInt64) -> UInt64 {
    let dr7 = debugRegisters(vp)[7]
    guard vp.pointee.cr4 & CR4.debuggingExtensions != 0, dr7 & DR7.enables != 0 else { return 0 }
    var hits: UInt64 = 0
    for index in 0..<4 where DR7.isEnabled(dr7, index) && DR7.access(dr7, index) == .port {
        if overlaps(debugRegisters(vp)[index], DR7.length(dr7, index), UInt64(port), bytes) { hits |= 1 << UInt64(index) }
    }
    return hits
}

private func overlaps(_ watched: UInt64, _ length: UInt64, _ first: UInt64, _ bytes: UInt64) -> Bool {
    let start = watched & ~(length &- 1)
    return first <= start &+ (length &- 1) && start <= first &+ (bytes &- 1)
}

/// Behind a completed instruction or iteration: sets DR6 for a single step and for breakpoints met, and records the #DB trap, to be
/// delivered with RIP at the next instruction. True: it is recorded. `stepped`: TF was set before the instruction, which did not load SS.
func hitsDebugTrap(_ vp: VP, stepped: Bool) -> Bool {
    let hits = vp.pointee.debug_hits
    vp.pointee.debug_hits = 0
    guard stepped || hits != 0 else { return false }
    var dr6 = debugRegisters(vp)[6]
    if hits != 0 { dr6 = dr6 & ~DR6.breakpoints | hits }
    if stepped { dr6 |= DR6.singleStep }
    debugRegisters(vp)[6] = dr6
    raise(vp, ExceptionVector.debug)
    return true
}
