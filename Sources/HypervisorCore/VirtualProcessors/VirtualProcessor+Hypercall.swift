import Processor

/// The way from the hypercall page's OUT to the hypervisor's dispatch (TLFS chapter 3).
extension VirtualProcessor {
    /// True when the instruction being executed lies in the hypercall page.
    var isAtHypercallPage: Bool {
        guard let page = partition.hypercallPageAddress else { return false }
        var address = engine.instructionPointer
        if !engine.isIn64BitMode { address = (address &+ engine.state.segments[1].base) & 0xffff_ffff }
        guard let physical = engine.translate(virtual: address), physical & ~0xfff == page else { return false }
        return machine.gpaSpace.overlay(at: page) === machine.hypercallPage
    }

    /// Takes the parameters from the registers of the caller's convention, calls, and leaves the result there.
    func hypercall() -> InterceptResult<Void> {
        guard engine.isInProtectedMode, engine.currentPrivilegeLevel == 0 else { return .undefinedInstruction }
        let isWide = engine.isIn64BitMode
        let control = HypercallControl(rawValue: isWide ? engine.generalRegister(1) : pair(2, 0))
        let first = isWide ? engine.generalRegister(2) : pair(3, 1)
        let second = isWide ? engine.generalRegister(8) : pair(7, 6)
        if control.isFast, Hypervisor.needsVectorRegisters(control, for: partition) { return .undefinedInstruction }
        let reply = partition.hypervisor.call(
            as: partition, processor: self, control: control,
            parameters: control.isFast ? .registers(first, second) : .memory(input: first, output: second))
        let result = reply.rawValue
        if isWide {
            engine.setGeneralRegister(0, result)
        } else {
            engine.setGeneralRegister(0, result & 0xffff_ffff)
            engine.setGeneralRegister(2, result >> 32)
        }
        reevaluate()
        return .done
    }

    private func pair(_ high: Int, _ low: Int) -> UInt64 {
        engine.generalRegister(high) << 32 | engine.generalRegister(low) & 0xffff_ffff
    }
}
