import Boot
import Processor

extension BootState {
    /// Puts the loader's registers over a processor's power-up state.
    func apply(to state: inout ProcessorState) {
        func segment(_ value: Segment) -> ProcessorState.Segment {
            ProcessorState.Segment(selector: value.selector, attributes: value.attributes, limit: value.limit, base: value.base)
        }
        state.general = general
        state.rip = instructionPointer
        state.rflags = flags
        (state.cr0, state.cr3, state.cr4, state.efer) = (cr0, cr3, cr4, efer)
        // ES CS SS DS FS GS
        for number in 0..<6 { state.segments[number] = segment(number == 1 ? code : data) }
        state.gdtr = ProcessorState.Table(base: descriptorTableBase, limit: descriptorTableLimit)
        state.halted = false
        state.interruptShadow = false
    }
}
