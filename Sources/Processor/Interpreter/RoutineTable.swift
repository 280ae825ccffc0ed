import CHost

/// The routine of every operation, by raw value. An operation nobody has bound raises #UD; `unboundOperations` names those.
///
/// Safety: allocated once for the program's life, read-only after that.
nonisolated(unsafe) let routineTable: UnsafeMutablePointer<Routine> = {
    let count = Int((Operation.allCases.map(\.rawValue).max() ?? 0) + 1)
    let undefined: Routine = { vp, _ in raiseUndefined(vp) }
    let table = UnsafeMutablePointer<Routine>.allocate(capacity: count)
    table.initialize(repeating: undefined, count: count)
    for operation in Operation.allCases {
        if let routine = routine(for: operation) { table[Int(operation.rawValue)] = routine }
    }
    return table
}()

/// The routine bound to an operation.
package func routine(for operation: Operation) -> Routine? {
    integerRoutine(operation) ?? floatingPointRoutine(operation) ?? systemRoutine(operation)
}

/// Operations without a routine: none; a test looks.
package var unboundOperations: [Operation] { Operation.allCases.filter { routine(for: $0) == nil } }

func integerRoutine(_ operation: Operation) -> Routine? {
    binaryRoutine(operation) ?? unaryRoutine(operation) ?? multiplyRoutine(operation) ?? shiftRoutine(operation)
        ?? bitRoutine(operation) ?? moveRoutine(operation) ?? stackRoutine(operation) ?? controlRoutine(operation)
        ?? stringRoutine(operation) ?? flagRoutine(operation)
}
