import Processor

/// Why a slice ended.
package enum SliceOutcome: Equatable, Sendable {
    /// The instruction count is reached.
    case limit
    /// Somebody called `requestAttention`.
    case attention
    /// Nothing to do until the wake word changes.
    case idle
    /// The guest wrote the reset MSR.
    case resetRequested
    /// A fault while delivering a double fault.
    case tripleFault
    /// Something the engine does not do, by name.
    case unsupported(String)
}

/// Running, sleeping and waking.
extension VirtualProcessor {
    /// Runs the guest until `instructionsRetired == limit` or something only the caller can act on. On the VP's thread.
    ///
    /// Order between instructions: INIT, start-up, NMI, then the highest interrupt (SDM vol. 3, table 6-2).
    package func runSlice(until limit: UInt64) -> SliceOutcome {
        let start = clock.nanoseconds
        sliceStart = start
        defer {
            publishSlice(nanoseconds: clock.nanoseconds &- start)
            sliceStart = nil
        }
        while true {
            let reasons = wake.take()
            if let outcome = requestedOutcome {
                requestedOutcome = nil
                return outcome
            }
            serveRequests()
            if reasons.contains(.attention) { return .attention }
            if runState != .waitForSIPI { injectNext() }
            settleGuestIdle()
            guard runState == .running else { return .idle }
            switch engine.run(until: limit) {
            case .limit: return .limit
            case .requested: continue
            case .interruptWindow: count(.interruptWindow)
            case .halted:
                count(.halt)
                if requestedOutcome == nil { runState = .halted }
            case .tripleFault: return .tripleFault
            case .unsupported(let what): return .unsupported(what)
            }
        }
    }

    /// Takes INIT, start-up and NMI out of the APIC's request word.
    private func serveRequests() {
        guard apic.words[LocalAPIC.Word.requests] != 0 else { return }
        let requests = apic.words.exchange(LocalAPIC.Word.requests, 0)
        if requests & LocalAPIC.Request.nonMaskable != 0 { hasPendingNMI = true }
        if requests & LocalAPIC.Request.initialise != 0 {
            apic.initialise()
            hasPendingNMI = false
            engine.initialise(bootstrap: apic.isBootstrap)
            runState = apic.isBootstrap ? .running : .waitForSIPI
        }
        if requests & LocalAPIC.Request.startUp != 0, runState == .waitForSIPI {
            start(page: UInt8(truncatingIfNeeded: requests >> LocalAPIC.Request.startUpVector))
        }
    }

    /// Start-up: real mode at the page whose number is the vector (SDM vol. 3, 8.4.4.1).
    private func start(page: UInt8) {
        var state = engine.state
        state.segments[1].selector = UInt16(page) << 8
        state.segments[1].base = UInt64(page) << 12
        state.rip = 0
        state.halted = false
        engine.state = state
        runState = .running
    }

    /// Delivers what may be delivered now, wakes the VP where that ends its sleep, and asks for a window where something has to wait.
    private func injectNext() {
        if hasPendingNMI, engine.canAcceptNMI {
            hasPendingNMI = false
            engine.deliverNMI()
            runState = .running
        }
        // The guest-idle state ends with any interrupt, whether or not it may be delivered now (TLFS 10.1.4): Linux waits for a lock
        // that way inside its VMBus interrupt, which is still in service and outranks the vector that tells it of the lock.
        if runState == .guestIdle, apic.hasRequested || hasIdledEnough { runState = .running }
        guard let vector = apic.deliverable else {
            engine.wantsInterruptWindow = false
            return
        }
        if engine.canAcceptInterrupt {
            apic.acknowledge(vector)
            engine.deliverInterrupt(vector: vector)
            runState = .running
            engine.wantsInterruptWindow = apic.deliverable != nil
        } else {
            engine.wantsInterruptWindow = true
        }
    }

    /// After an intercept: leaves the engine at the next instruction if the intercept made something deliverable or drew attention (a
    /// timer that was set to fire within the slice), so that interrupts come at exact counts.
    func reevaluate() {
        if apic.words[LocalAPIC.Word.requests] != 0 || wake.reasons.contains(.attention)
            || (!engine.wantsInterruptWindow && apic.deliverable != nil)
        {
            engine.requestExit()
        }
    }

    /// Ends the slice after the present instruction.
    func endSlice(_ outcome: SliceOutcome) {
        requestedOutcome = outcome
        engine.requestExit()
    }

    // MARK: Any thread

    /// Makes the VP look at its interrupts soon.
    package func kick() {
        wake.post(.event)
        attachedEngine?.kick()
    }

    /// Makes the present or next `runSlice` return `.attention`, also of an idle VP.
    package func requestAttention() {
        wake.post(.attention)
        attachedEngine?.kick()
    }

    /// True when something was posted since the VP last looked.
    package var hasWork: Bool { !wake.reasons.isEmpty }

    /// Sleeps until something is posted, at most `timeoutNanoseconds` of host time; false when the time is up.
    package func waitForWork(timeoutNanoseconds: Int64? = nil) -> Bool { wake.wait(nanoseconds: timeoutNanoseconds) }
}
