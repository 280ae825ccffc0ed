import CHost

/// The state block as a plain value, and single registers for intercept handlers.
extension Interpreter {
    package var state: ProcessorState {
        get {
            var state = ProcessorState()
            let block = vp.pointee
            state.general = (0..<16).map { registers(vp)[$0] }
            state.rip = block.rip
            state.rflags = block.rflags & ~RFLAGS.arithmetic | arithmeticFlags(vp)
            state.segments = (0..<8).map {
                let segment = segmentPointer(vp, $0).pointee
                return .init(selector: segment.selector, attributes: segment.attributes, limit: segment.limit, base: segment.base)
            }
            state.gdtr = .init(base: block.gdtr.base, limit: UInt16(truncatingIfNeeded: block.gdtr.limit))
            state.idtr = .init(base: block.idtr.base, limit: UInt16(truncatingIfNeeded: block.idtr.limit))
            (state.cr0, state.cr2, state.cr3, state.cr4) = (block.cr0, block.cr2, block.cr3, block.cr4)
            state.debug = [block.dr.0, block.dr.1, block.dr.2, block.dr.3, block.dr.6, block.dr.7]
            (state.efer, state.star, state.lstar, state.cstar, state.sfmask) = (
                block.efer, block.star, block.lstar, block.cstar, block.sfmask
            )
            (state.kernelGSBase, state.tscAux, state.pat) = (block.kernel_gs_base, block.tsc_aux, block.pat)
            (state.sysenterCS, state.sysenterESP, state.sysenterEIP) = (block.sysenter_cs, block.sysenter_esp, block.sysenter_eip)
            state.vector = (0..<16).flatMap { [vectorRegister($0).0, vectorRegister($0).1] }
            (state.mxcsr, state.fcw, state.fsw, state.fop) = (block.mxcsr, block.fcw, block.fsw, block.fop)
            // As FNSTENV shows it: the block's own word only knows which registers are empty.
            state.ftw = UInt16(truncatingIfNeeded: lv_x87_tag_word(vp))
            (state.fip, state.fdp, state.fcs, state.fds) = (block.fip, block.fdp, block.fcs, block.fds)
            state.x87 = withUnsafeBytes(of: block.x87) { bytes in
                (0..<16).map { bytes.load(fromByteOffset: $0 * 8, as: UInt64.self) & ($0 & 1 == 0 ? ~0 : 0xffff) }
            }
            (state.interruptShadow, state.nmiBlocked, state.halted) = (
                block.interrupt_shadow != 0, block.nmi_blocked != 0, block.halted != 0
            )
            state.instructionsRetired = block.retired
            return state
        }
        set {
            for number in 0..<min(16, newValue.general.count) { registers(vp)[number] = newValue.general[number] }
            vp.pointee.rip = newValue.rip
            setFlags(vp, newValue.rflags)
            for (number, segment) in newValue.segments.prefix(8).enumerated() {
                segmentPointer(vp, number).pointee = lv_segment(
                    base: segment.base, limit: segment.limit, selector: segment.selector, attributes: segment.attributes)
            }
            vp.pointee.gdtr = lv_table(base: newValue.gdtr.base, limit: UInt32(newValue.gdtr.limit), reserved: 0)
            vp.pointee.idtr = lv_table(base: newValue.idtr.base, limit: UInt32(newValue.idtr.limit), reserved: 0)
            (vp.pointee.cr0, vp.pointee.cr2, vp.pointee.cr3, vp.pointee.cr4) = (newValue.cr0, newValue.cr2, newValue.cr3, newValue.cr4)
            if newValue.debug.count >= 6 {
                vp.pointee.dr = (
                    newValue.debug[0], newValue.debug[1], newValue.debug[2], newValue.debug[3], 0, 0, newValue.debug[4], newValue.debug[5]
                )
            }
            (vp.pointee.efer, vp.pointee.star, vp.pointee.lstar) = (newValue.efer, newValue.star, newValue.lstar)
            (vp.pointee.cstar, vp.pointee.sfmask) = (newValue.cstar, newValue.sfmask)
            (vp.pointee.kernel_gs_base, vp.pointee.tsc_aux, vp.pointee.pat) = (newValue.kernelGSBase, newValue.tscAux, newValue.pat)
            (vp.pointee.sysenter_cs, vp.pointee.sysenter_esp) = (newValue.sysenterCS, newValue.sysenterESP)
            vp.pointee.sysenter_eip = newValue.sysenterEIP
            for number in 0..<min(16, newValue.vector.count / 2) {
                setVectorRegister(number, newValue.vector[number * 2], newValue.vector[number * 2 + 1])
            }
            (vp.pointee.mxcsr, vp.pointee.fcw, vp.pointee.fsw) = (newValue.mxcsr, newValue.fcw, newValue.fsw)
            (vp.pointee.ftw, vp.pointee.fop) = (newValue.ftw, newValue.fop)
            (vp.pointee.fip, vp.pointee.fdp, vp.pointee.fcs, vp.pointee.fds) = (newValue.fip, newValue.fdp, newValue.fcs, newValue.fds)
            withUnsafeMutableBytes(of: &vp.pointee.x87) { bytes in
                for index in 0..<min(16, newValue.x87.count) {
                    bytes.storeBytes(of: newValue.x87[index], toByteOffset: index * 8, as: UInt64.self)
                }
            }
            vp.pointee.interrupt_shadow = newValue.interruptShadow ? InterruptShadow.interrupts : 0
            vp.pointee.nmi_blocked = newValue.nmiBlocked ? 1 : 0
            vp.pointee.halted = newValue.halted ? 1 : 0
            vp.pointee.retired = newValue.instructionsRetired
            vp.pointee.fault.pending = 0
            vp.pointee.exit_reason |= ExitReason.leaveBlock
            let real = newValue.cr0 & CR0.protectionEnable == 0
            vp.pointee.cpl =
                real
                ? 0 : newValue.rflags & RFLAGS.virtual8086 != 0 ? 3 : UInt32(segmentPointer(vp, Int(LV_SS)).pointee.attributes >> 5 & 3)
            modeChanged(vp)
            pages.clear()
            flushTranslations(keepGlobal: false)
        }
    }

    package func generalRegister(_ number: Int) -> UInt64 { registers(vp)[number & 15] }
    package func setGeneralRegister(_ number: Int, _ value: UInt64) { registers(vp)[number & 15] = value }

    private func vectorPointer(_ number: Int) -> UnsafeMutablePointer<lv_xmm> {
        (UnsafeMutableRawPointer(vp) + (MemoryLayout<lv_vp>.offset(of: \lv_vp.xmm) ?? 0)).assumingMemoryBound(to: lv_xmm.self)
            + (number & 15)
    }

    package func vectorRegister(_ number: Int) -> (UInt64, UInt64) { vectorPointer(number).pointee.u64 }
    package func setVectorRegister(_ number: Int, _ low: UInt64, _ high: UInt64) { vectorPointer(number).pointee.u64 = (low, high) }

    package var instructionPointer: UInt64 { vp.pointee.rip }
    package var currentPrivilegeLevel: Int { Int(vp.pointee.cpl) }
    package var isIn64BitMode: Bool { vp.pointee.mode == 2 }
    package var isInProtectedMode: Bool { vp.pointee.cr0 & CR0.protectionEnable != 0 }
    package var pageTableBase: UInt64 { vp.pointee.cr3 }
}
