import CHost

/// An exception or interrupt on its way through the IDT.
struct Event {
    enum Kind {
        /// Raised by an instruction or by the engine; return address is RIP.
        case exception
        /// From outside: an external interrupt or NMI.
        case interrupt
        /// INT n, INT3, INTO: the gate's DPL is checked, the return address is behind the instruction.
        case software
        /// INT1: as software, but without the check of the DPL.
        case privilegedSoftware
    }

    var vector: Int
    var errorCode: UInt32?
    var kind: Kind
    var returnAddress: UInt64

    /// EXT of error codes of faults met while delivering it.
    var external: UInt32 { kind == .software ? 0 : SelectorErrorCode.external }
    /// Error code that names the vector's IDT entry.
    var gateErrorCode: UInt32 { UInt32(vector) << 3 | SelectorErrorCode.idt | external }
}

/// How an attempt to deliver ended.
enum DeliveryResult {
    case delivered
    /// A fault is recorded in `vp.fault`; registers are as before.
    case faulted
    /// It would be a task switch: the engine leaves with `EngineExit.unsupported`, the state stands before the event.
    case refused
}

/// Delivers an exception through the IDT, with escalation to a double fault. False: triple fault, the VP is in shutdown.
///
/// A fault while delivering leaves registers as they were; then it is delivered in its turn, or makes a double fault when both are
/// contributory or the first is a page fault (APM vol. 2, 8.2.9, table 8-3).
package func deliverException(_ vp: VP, vector: Int, errorCode: UInt32?) -> Bool {
    deliver(vp, Event(vector: vector, errorCode: errorCode, kind: .exception, returnAddress: vp.pointee.rip))
}

/// Delivers an external interrupt or NMI. False: triple fault.
package func deliverExternalInterrupt(_ vp: VP, vector: Int) -> Bool {
    vp.pointee.halted = 0
    return deliver(vp, Event(vector: vector, errorCode: nil, kind: .interrupt, returnAddress: vp.pointee.rip))
}

private func deliver(_ vp: VP, _ first: Event) -> Bool {
    var event = first
    while true {
        switch attemptDelivery(vp, event) {
        case .delivered, .refused:
            vp.pointee.fault.pending = 0
            return true
        case .faulted:
            let fault = vp.pointee.fault
            let second = Int(fault.vector)
            if event.vector == ExceptionVector.doubleFault && event.kind == .exception {
                vp.pointee.fault.pending = 0
                return false
            }
            let isFirstPageFault = event.kind == .exception && event.vector == ExceptionVector.pageFault
            let isFirstContributory = event.kind == .exception && ExceptionVector.isContributory(event.vector)
            let isSecondContributory = ExceptionVector.isContributory(second)
            let isDouble =
                isFirstPageFault && (isSecondContributory || second == ExceptionVector.pageFault)
                || isFirstContributory && isSecondContributory
            if isDouble {
                event = Event(vector: ExceptionVector.doubleFault, errorCode: 0, kind: .exception, returnAddress: vp.pointee.rip)
            } else {
                event = Event(
                    vector: second, errorCode: fault.has_error_code != 0 ? fault.error_code : nil, kind: .exception,
                    returnAddress: vp.pointee.rip)
            }
        }
    }
}

/// One attempt: registers change only when it succeeds.
func attemptDelivery(_ vp: VP, _ event: Event) -> DeliveryResult {
    let result: DeliveryResult =
        if !isProtected(vp) {
            deliverInRealMode(vp, event)
        } else if isLongModeActive(vp) {
            deliverInLongMode(vp, event)
        } else {
            deliverInProtectedMode(vp, event)
        }
    guard case .delivered = result else { return result }
    if event.vector == ExceptionVector.debug, event.kind == .exception {
        debugRegisters(vp)[7] &= ~DR7.generalDetect
    }
    if event.kind == .interrupt, event.vector == ExceptionVector.nonMaskableInterrupt {
        vp.pointee.nmi_blocked = 1
    }
    vp.pointee.interrupt_shadow = 0
    interpreter(vp).modeChanged(vp)
    return .delivered
}

/// RFLAGS as the frame shows it: RF is set for faults, so that the restarted instruction meets no breakpoint a second time.
func flagsImage(_ vp: VP, _ event: Event) -> UInt64 {
    let flags = materialisedFlags(vp)
    return event.kind == .exception && ExceptionVector.isFault(event.vector) ? flags | RFLAGS.resume : flags
}

/// Real mode: the vector table holds IP and CS; FLAGS, CS and IP are pushed, no error code (APM vol. 2, 8.5).
private func deliverInRealMode(_ vp: VP, _ event: Event) -> DeliveryResult {
    let offset = UInt64(event.vector) * 4
    guard offset + 3 <= UInt64(vp.pointee.idtr.limit) else {
        raise(vp, ExceptionVector.generalProtection)
        return .faulted
    }
    guard let entry = systemLoad32(vp, systemLinear(vp, vp.pointee.idtr.base &+ offset)) else { return .faulted }
    var stack = TransferStack(current: vp)
    let flags = flagsImage(vp, event)
    guard stack.prepare(vp, count: 3, log2: 1) else { return .faulted }
    stack.push(vp, flags, log2: 1)
    stack.push(vp, UInt64(segmentRegisters(vp)[LV_CS].selector), log2: 1)
    stack.push(vp, event.returnAddress, log2: 1)
    setStackPointer(vp, stack.pointer, mask: stack.mask)
    setParagraph(vp, LV_CS, UInt16(truncatingIfNeeded: entry >> 16))
    vp.pointee.rip = entry & 0xffff
    setFlags(vp, materialisedFlags(vp) & ~(RFLAGS.interrupt | RFLAGS.trap | RFLAGS.resume | RFLAGS.alignmentCheck))
    return .delivered
}
