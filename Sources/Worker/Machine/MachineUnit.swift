import Basics
import DeviceModel

/// What belongs to the machine as a whole and must survive a save: its clocks, counts and history. Restored before all other units,
/// because timers are armed against its clock.
final class MachineUnit: StatefulUnit {
    struct State: Codable, Sendable {
        /// Partition time in nanoseconds; in Exact mode it also follows from `position`.
        var partitionTime: UInt64 = 0
        /// Partition time of the last start or reset.
        var startedAt: UInt64 = 0
        var position = SchedulerPosition()
        /// Partition times of recent triple faults.
        var tripleFaults: [UInt64] = []
        /// What the guest finds in its generation counter; absent: it has none.
        var generationId: GUID?
    }

    let unitName = "machine"
    static let stateVersion = 1
    private let save: () -> State
    private let restore: (State) -> Void

    init(save: @escaping () -> State, restore: @escaping (State) -> Void) { (self.save, self.restore) = (save, restore) }

    func saveState() throws(StateError) -> State { save() }

    func restoreState(_ state: State, version: Int) throws(StateError) {
        guard state.startedAt <= state.partitionTime, state.partitionTime < 1 << 62, state.position.idleTime < 1 << 62,
            state.tripleFaults.count < 16
        else { throw StateError(.inconsistent, unit: unitName, detail: "its times are out of order") }
        restore(state)
    }
}
