/// The routine of an x87, MMX, SSE or SSE2 operation; nil for every other operation.
func floatingPointRoutine(_ operation: Operation) -> Routine? {
    vectorMoveRoutine(operation) ?? sseArithmeticRoutine(operation) ?? sseConversionRoutine(operation) ?? packedIntegerRoutine(operation)
        ?? x87MoveRoutine(operation) ?? x87ArithmeticRoutine(operation) ?? x87CompareRoutine(operation) ?? x87ControlRoutine(operation)
        ?? fxsaveRoutine(operation)
}
