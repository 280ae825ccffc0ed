import DeviceModel
import Processor

extension Partition: StatefulUnit {
    /// The shared registers, and what the VPs are, for checking.
    package struct State: Codable, Sendable, Equatable {
        var registers: PartitionRegisters
        var processorCount: Int
        var processorModel: ProcessorModel
    }

    package var unitName: String { "partition" }
    package static var stateVersion: Int { 1 }

    package func saveState() throws(StateError) -> State {
        guard let machine else { throw StateError(.inconsistent, unit: unitName, detail: "the root partition has no state") }
        return State(
            registers: guarded.withLock { $0.registers }, processorCount: processors.count,
            processorModel: machine.configuration.processorModel)
    }

    package func restoreState(_ state: State, version: Int) throws(StateError) {
        guard let machine else { throw StateError(.inconsistent, unit: unitName, detail: "the root partition has no state") }
        guard state.processorCount == processors.count else {
            throw StateError(
                .inconsistent, unit: unitName,
                detail: "it was saved with \(state.processorCount) processors, the VM has \(processors.count)")
        }
        guard state.processorModel == machine.configuration.processorModel else {
            throw StateError(.inconsistent, unit: unitName, detail: "it was saved on processor model “\(state.processorModel.name)”")
        }
        guard state.registers.crashParameters.count == 5 else {
            throw StateError(.inconsistent, unit: unitName, detail: "there are five crash parameters")
        }
        guarded.withLock { $0.registers = state.registers }
        placeSharedOverlays()
    }

    /// Every unit of the partition, in the order in which they are saved and restored.
    package var units: [any StatefulUnit] {
        guard !isRoot else { return [] }
        return [self] + processors.flatMap { [$0, $0.apic, $0.synic, $0.timers] as [any StatefulUnit] }
    }
}
