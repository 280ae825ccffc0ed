import DeviceModel
import FoundationEssentials
import Processor

extension VirtualProcessor: StatefulUnit {
    package struct State: Codable, Sendable, Equatable {
        package var processor: ProcessorState
        package var runState: RunState
        package var hasPendingNMI: Bool
        package var runTimeNanoseconds: UInt64
        var registers: ProcessorRegisters
        package var assistPage: Data
    }

    package var unitName: String { "vp.\(index)" }
    package static var stateVersion: Int { 1 }

    package func saveState() -> State {
        State(
            processor: engine.state, runState: runState, hasPendingNMI: hasPendingNMI, runTimeNanoseconds: runTime,
            registers: registers, assistPage: Data(assistPage.bytes))
    }

    package func restoreState(_ state: State, version: Int) throws(StateError) {
        let processor = state.processor
        guard state.assistPage.count == OverlayPage.size, state.registers.plain.values.count == PlainMSRs.rows.count,
            processor.general.count == 16, processor.segments.count == 8, processor.debug.count == 6, processor.vector.count == 32,
            processor.x87.count == 16
        else { throw StateError(.inconsistent, unit: unitName, detail: "a register is missing") }
        engine.state = processor
        registers = state.registers
        hasPendingNMI = state.hasPendingNMI
        requestedOutcome = nil
        runState = state.runState
        if runState == .guestIdle { beginGuestIdle() } else { settleGuestIdle() }
        restoreRunTime(state.runTimeNanoseconds)
        assistPage.write(0, Array(state.assistPage))
        let register = state.registers.assistPage
        partition.place(assistPage, at: register & 1 != 0 ? register & ~0xfff : nil)
        // What was posted before the save is in the APIC's state, which every VP looks at when its next slice begins.
        _ = wake.take()
    }
}
