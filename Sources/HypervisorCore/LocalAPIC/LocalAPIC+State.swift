import DeviceModel

extension LocalAPIC: StatefulUnit {
    /// All registers by name, plain.
    package struct State: Codable, Sendable, Equatable {
        package var base: UInt64
        package var taskPriority: UInt64
        package var spurious: UInt64
        package var logicalDestination: UInt64
        package var destinationFormat: UInt64
        package var command: UInt64
        package var localVectors: [UInt64]
        package var divide: UInt64
        package var errors: UInt64
        package var pendingErrors: UInt64
        package var requests: UInt64
        package var requested: [UInt64]
        package var triggerMode: [UInt64]
        package var inService: [UInt64]
        package var timerInitialCount: UInt32
        /// Partition time in nanoseconds.
        package var timerStart: UInt64
        package var timerDue: UInt64?
    }

    package static var stateVersion: Int { 1 }

    package func saveState() -> State {
        let count = timer.withLock { $0 }
        return State(
            base: words[Word.base], taskPriority: words[Word.taskPriority], spurious: words[Word.spurious],
            logicalDestination: words[Word.logicalDestination], destinationFormat: words[Word.destinationFormat],
            command: words[Word.command], localVectors: row(Word.localVectors, 6), divide: words[Word.divide],
            errors: words[Word.errors], pendingErrors: words[Word.pendingErrors], requests: words[Word.requests],
            requested: row(Word.requested, 4), triggerMode: row(Word.triggerMode, 4), inService: row(Word.inService, 4),
            timerInitialCount: count.initialCount, timerStart: count.start, timerDue: count.due)
    }

    package func restoreState(_ state: State, version: Int) throws(StateError) {
        guard state.localVectors.count == 6, state.requested.count == 4, state.triggerMode.count == 4, state.inService.count == 4,
            state.base & ~(Base.bootstrap | Base.x2APIC | Base.enabled) == Self.baseAddress
        else { throw StateError(.inconsistent, unit: unitName, detail: "a register is missing or out of range") }
        words[Word.base] = state.base
        words[Word.taskPriority] = state.taskPriority & 0xff
        words[Word.spurious] = state.spurious & 0x3ff
        words[Word.logicalDestination] = state.logicalDestination
        words[Word.destinationFormat] = state.destinationFormat
        words[Word.command] = state.command
        words[Word.divide] = state.divide & 0xb
        words[Word.errors] = state.errors
        words[Word.pendingErrors] = state.pendingErrors
        words[Word.requests] = state.requests
        for (index, vector) in LocalVector.allCases.enumerated() {
            words[Word.localVectors + index] = state.localVectors[index] & vector.writable
        }
        for index in 0..<4 {
            words[Word.requested + index] = state.requested[index]
            words[Word.triggerMode + index] = state.triggerMode[index]
            words[Word.inService + index] = state.inService[index]
        }
        timer.withLock { count in
            count.initialCount = state.timerInitialCount
            count.start = state.timerStart
            count.due = state.timerDue
            count.generation &+= 1
        }
        rearm()
    }

    private func row(_ first: Int, _ count: Int) -> [UInt64] { (first..<first + count).map { words[$0] } }
}
