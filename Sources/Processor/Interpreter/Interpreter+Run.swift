import CHost

/// The run loop: slices, single instructions, faults, exits.
extension Interpreter {
    /// Instructions between two looks at the kick word, at most.
    private static let slice: UInt64 = 20_000

    package func run(until limit: UInt64) -> EngineExit {
        lv_floating_point_begin()
        channel.enterGuest()
        vp.pointee.limit = limit
        let exit = loop(limit)
        channel.leaveGuest()
        if exit == .halted, blocks.isStale(retired: vp.pointee.retired) {
            dropCode()
            blocks.release()
            translator?.release()
        }
        return exit
    }

    private func loop(_ limit: UInt64) -> EngineExit {
        let sliceEnd = channel.sliceEnd
        var blockRefused = false
        while true {
            _ = lv_atomic_exchange64(sliceEnd, min(limit, vp.pointee.retired &+ Self.slice))
            // Behind the exchange: a request posted before it is seen here, one posted later makes the slice end zero.
            if group.isStopped {
                channel.leaveGuest()
                channel.enterGuest()
                continue
            }
            if channel.hasRequests { serveRequests() }
            let reason = vp.pointee.exit_reason
            if reason != 0 {
                vp.pointee.exit_reason = 0
                if reason & ExitReason.unsupported != 0 { return .unsupported(unsupportedReason) }
                if reason & ExitReason.tripleFault != 0 { return .tripleFault }
                if vp.pointee.halted != 0 { return .halted }
                if reason & ExitReason.requested != 0 { return .requested }
            }
            if vp.pointee.halted != 0 { return .halted }
            if vp.pointee.retired >= limit { return .limit }
            if channel.isKicked, channel.takeKick() { return .requested }
            if wantsInterruptWindow, canAcceptInterrupt { return .interruptWindow }

            let debug = needsStepping(vp)
            let outcome = blockRefused || debug || vp.pointee.interrupt_shadow != 0 ? runOne(debug) : runChain()
            blockRefused = false
            if vp.pointee.debug_hits != 0, outcome != RoutineResult.fault { _ = hitsDebugTrap(vp, stepped: false) }
            switch outcome {
            case ChainExit.limit: blockRefused = vp.pointee.slice_end == limit
            default: break
            }
            if vp.pointee.fault.pending != 0, !deliverFault() { return .tripleFault }
        }
    }

    /// Runs blocks until something ends the chain.
    private func runChain() -> Int32 {
        guard let header = cachedBlock(vp, vp.pointee.rip) ?? foundBlock(vp, vp.pointee.rip) else { return RoutineResult.fault }
        return dispatch(vp, header)
    }

    /// Runs one instruction (or one iteration): near the limit, in an interrupt shadow, with TF or breakpoints.
    private func runOne(_ debug: Bool) -> Int32 {
        let (retired, flags, shadow) = (vp.pointee.retired, vp.pointee.rflags, vp.pointee.interrupt_shadow)
        if debug {
            if hitsCodeBreakpoint(vp) { return RoutineResult.fault }
            vp.pointee.rflags &= ~RFLAGS.resume
        }
        let stepped = flags & RFLAGS.trap != 0
        if shadow != 0 { vp.pointee.interrupt_shadow = InterruptShadow.passing }
        setContext(vp.pointee.context_key &>> 56 | BlockContext.single)
        let outcome = runChain()
        setContext(vp.pointee.context_key &>> 56 & ~BlockContext.single)
        if outcome == ChainExit.limit, vp.pointee.retired == retired {
            // A kick ended the slice before the instruction began: nothing has happened. An interrupt that came between STI and HLT
            // now would be slept over.
            (vp.pointee.rflags, vp.pointee.interrupt_shadow) = (flags, shadow)
            return outcome
        }
        if vp.pointee.interrupt_shadow == InterruptShadow.passing { vp.pointee.interrupt_shadow = 0 }
        // Loading SS keeps the trap of its own step away, STI does not (APM vol. 2, 13.1.4).
        let traps = stepped && vp.pointee.interrupt_shadow != InterruptShadow.everything
        if debug, outcome != RoutineResult.fault, hitsDebugTrap(vp, stepped: traps) {
            return RoutineResult.fault
        }
        return outcome
    }

    private func deliverFault() -> Bool {
        let fault = vp.pointee.fault
        vp.pointee.fault.pending = 0
        ownCounters.exceptions &+= 1
        return deliverException(vp, vector: Int(fault.vector), errorCode: fault.has_error_code != 0 ? fault.error_code : nil)
    }

    // MARK: interrupts

    package var canAcceptInterrupt: Bool { vp.pointee.rflags & RFLAGS.interrupt != 0 && vp.pointee.interrupt_shadow == 0 }
    package var canAcceptNMI: Bool { vp.pointee.nmi_blocked == 0 && vp.pointee.interrupt_shadow == 0 }

    package func deliverInterrupt(vector: UInt8) {
        ownCounters.interrupts &+= 1
        deliver(Int(vector))
    }

    package func deliverNMI() {
        ownCounters.interrupts &+= 1
        deliver(ExceptionVector.nonMaskableInterrupt)
        vp.pointee.nmi_blocked = 1
    }

    private func deliver(_ vector: Int) {
        vp.pointee.halted = 0
        if !deliverExternalInterrupt(vp, vector: vector) { vp.pointee.exit_reason |= ExitReason.tripleFault }
    }

    package func initialise(bootstrap: Bool) {
        resetState(vp, initOnly: true, bootstrap: bootstrap)
        vp.pointee.exit_reason = 0
        vp.pointee.fault.pending = 0
        modeChanged(vp)
        flushTranslations(keepGlobal: false)
    }
}

/// Values of `lv_vp.interrupt_shadow`: what the instruction just done keeps away for the next one.
enum InterruptShadow {
    /// Behind STI: interrupts.
    static let interrupts: UInt32 = 1
    /// Behind MOV SS and POP SS: interrupts, and the debug trap of the instruction itself.
    static let everything: UInt32 = 2
    /// The next one runs; unless it casts a shadow of its own, there is none behind it.
    static let passing: UInt32 = 3
}
