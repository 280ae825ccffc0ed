import CHost

/// Puts a VP into the state behind reset (all of it), or behind INIT, which keeps floating-point state, MSRs, TSC_AUX and the cache bits
/// of CR0 (AMD APM vol. 2, table 14-1 and 14.1.4). The instruction count goes on. An application processor then waits for its SIPI;
/// that it does is the local APIC's business, here both start at F000:FFF0.
package func resetState(_ vp: VP, initOnly: Bool, bootstrap: Bool) {
    for register in 0..<16 { registers(vp)[register] = 0 }
    // RDX: family, model and stepping, as CPUID leaf 1 tells them.
    registers(vp)[GeneralRegister.rdx] = 0x0006_0fb1
    vp.pointee.rip = 0xfff0
    setFlags(vp, RFLAGS.fixed)
    vp.pointee.cpl = 0

    let segments = segmentRegisters(vp)
    let data = lv_segment(base: 0, limit: 0xffff, selector: 0, attributes: SegmentAttributes.data16)
    for register in [LV_ES, LV_SS, LV_DS, LV_FS, LV_GS] { segments[register] = data }
    segments[LV_CS] = lv_segment(base: 0xffff_0000, limit: 0xffff, selector: 0xf000, attributes: SegmentAttributes.code16)
    let present = SegmentAttributes.present
    segments[LV_LDTR] = lv_segment(base: 0, limit: 0xffff, selector: 0, attributes: present | UInt16(SystemType.ldt))
    segments[LV_TR] = lv_segment(base: 0, limit: 0xffff, selector: 0, attributes: present | UInt16(SystemType.busyTSS))
    let table = lv_table(base: 0, limit: 0xffff, reserved: 0)
    vp.pointee.gdtr = table
    vp.pointee.idtr = table

    let cacheBits = CR0.cacheDisable | CR0.notWriteThrough
    vp.pointee.cr0 = initOnly ? vp.pointee.cr0 & cacheBits | CR0.extensionType : CR0.atReset
    vp.pointee.cr2 = 0
    vp.pointee.cr3 = 0
    vp.pointee.cr4 = 0
    vp.pointee.cr8 = 0
    vp.pointee.efer = 0
    let debug = debugRegisters(vp)
    for number in 0..<6 { debug[number] = 0 }
    debug[6] = DR6.fixed
    debug[7] = DR7.fixed
    vp.pointee.interrupt_shadow = 0
    vp.pointee.nmi_blocked = 0
    vp.pointee.halted = 0
    vp.pointee.fault = lv_fault()
    if !initOnly { resetKeptByInit(vp) }
    interpreter(vp).flushTranslations(keepGlobal: false)
    interpreter(vp).modeChanged(vp)
}

/// What INIT leaves alone.
private func resetKeptByInit(_ vp: VP) {
    vp.pointee.star = 0
    vp.pointee.lstar = 0
    vp.pointee.cstar = 0
    vp.pointee.sfmask = 0
    vp.pointee.kernel_gs_base = 0
    vp.pointee.tsc_aux = 0
    vp.pointee.sysenter_cs = 0
    vp.pointee.sysenter_esp = 0
    vp.pointee.sysenter_eip = 0
    vp.pointee.pat = PageAttributeTable.atReset
    withUnsafeMutableBytes(of: &vp.pointee.xmm) { bytes in for index in bytes.indices { bytes[index] = 0 } }
    withUnsafeMutableBytes(of: &vp.pointee.x87) { bytes in for index in bytes.indices { bytes[index] = 0 } }
    vp.pointee.mxcsr = 0x1f80
    vp.pointee.fcw = 0x40
    vp.pointee.fsw = 0
    vp.pointee.ftw = 0x5555
    vp.pointee.fop = 0
    vp.pointee.fip = 0
    vp.pointee.fdp = 0
    vp.pointee.fcs = 0
    vp.pointee.fds = 0
}
