// Which combinations of arithmetic operation, operand form and size have handlers of their own. Only the decoder asks.

/// `b` ← `b` op `a`.
func registerRegisterHandler(_ operation: BinaryOperation, _ log2: Int) -> Handler? {
    switch (operation, log2) {
    case (.add, 0): { registerRegister($0, $1, Byte.self, .add) }
    case (.add, 2): { registerRegister($0, $1, Double32.self, .add) }
    case (.add, 3): { registerRegister($0, $1, Quad.self, .add) }
    case (.or, 0): { registerRegister($0, $1, Byte.self, .or) }
    case (.or, 2): { registerRegister($0, $1, Double32.self, .or) }
    case (.or, 3): { registerRegister($0, $1, Quad.self, .or) }
    case (.adc, 0): { registerRegister($0, $1, Byte.self, .adc) }
    case (.adc, 2): { registerRegister($0, $1, Double32.self, .adc) }
    case (.adc, 3): { registerRegister($0, $1, Quad.self, .adc) }
    case (.sbb, 0): { registerRegister($0, $1, Byte.self, .sbb) }
    case (.sbb, 2): { registerRegister($0, $1, Double32.self, .sbb) }
    case (.sbb, 3): { registerRegister($0, $1, Quad.self, .sbb) }
    case (.and, 0): { registerRegister($0, $1, Byte.self, .and) }
    case (.and, 2): { registerRegister($0, $1, Double32.self, .and) }
    case (.and, 3): { registerRegister($0, $1, Quad.self, .and) }
    case (.sub, 0): { registerRegister($0, $1, Byte.self, .sub) }
    case (.sub, 2): { registerRegister($0, $1, Double32.self, .sub) }
    case (.sub, 3): { registerRegister($0, $1, Quad.self, .sub) }
    case (.xor, 0): { registerRegister($0, $1, Byte.self, .xor) }
    case (.xor, 2): { registerRegister($0, $1, Double32.self, .xor) }
    case (.xor, 3): { registerRegister($0, $1, Quad.self, .xor) }
    case (.cmp, 0): { registerRegister($0, $1, Byte.self, .cmp) }
    case (.cmp, 2): { registerRegister($0, $1, Double32.self, .cmp) }
    case (.cmp, 3): { registerRegister($0, $1, Quad.self, .cmp) }
    case (.test, 0): { registerRegister($0, $1, Byte.self, .test) }
    case (.test, 2): { registerRegister($0, $1, Double32.self, .test) }
    case (.test, 3): { registerRegister($0, $1, Quad.self, .test) }
    default: nil
    }
}

/// `b` ← `b` op immediate.
func registerImmediateHandler(_ operation: BinaryOperation, _ log2: Int) -> Handler? {
    switch (operation, log2) {
    case (.add, 0): { registerImmediate($0, $1, Byte.self, .add) }
    case (.add, 2): { registerImmediate($0, $1, Double32.self, .add) }
    case (.add, 3): { registerImmediate($0, $1, Quad.self, .add) }
    case (.or, 0): { registerImmediate($0, $1, Byte.self, .or) }
    case (.or, 2): { registerImmediate($0, $1, Double32.self, .or) }
    case (.or, 3): { registerImmediate($0, $1, Quad.self, .or) }
    case (.adc, 0): { registerImmediate($0, $1, Byte.self, .adc) }
    case (.adc, 2): { registerImmediate($0, $1, Double32.self, .adc) }
    case (.adc, 3): { registerImmediate($0, $1, Quad.self, .adc) }
    case (.sbb, 0): { registerImmediate($0, $1, Byte.self, .sbb) }
    case (.sbb, 2): { registerImmediate($0, $1, Double32.self, .sbb) }
    case (.sbb, 3): { registerImmediate($0, $1, Quad.self, .sbb) }
    case (.and, 0): { registerImmediate($0, $1, Byte.self, .and) }
    case (.and, 2): { registerImmediate($0, $1, Double32.self, .and) }
    case (.and, 3): { registerImmediate($0, $1, Quad.self, .and) }
    case (.sub, 0): { registerImmediate($0, $1, Byte.self, .sub) }
    case (.sub, 2): { registerImmediate($0, $1, Double32.self, .sub) }
    case (.sub, 3): { registerImmediate($0, $1, Quad.self, .sub) }
    case (.xor, 0): { registerImmediate($0, $1, Byte.self, .xor) }
    case (.xor, 2): { registerImmediate($0, $1, Double32.self, .xor) }
    case (.xor, 3): { registerImmediate($0, $1, Quad.self, .xor) }
    case (.cmp, 0): { registerImmediate($0, $1, Byte.self, .cmp) }
    case (.cmp, 2): { registerImmediate($0, $1, Double32.self, .cmp) }
    case (.cmp, 3): { registerImmediate($0, $1, Quad.self, .cmp) }
    case (.test, 0): { registerImmediate($0, $1, Byte.self, .test) }
    case (.test, 2): { registerImmediate($0, $1, Double32.self, .test) }
    case (.test, 3): { registerImmediate($0, $1, Quad.self, .test) }
    default: nil
    }
}

/// `a` ← `a` op memory.
func registerMemoryHandler(_ operation: BinaryOperation, _ log2: Int) -> Handler? {
    switch (operation, log2) {
    case (.add, 0): { registerMemory($0, $1, Byte.self, .add) }
    case (.add, 2): { registerMemory($0, $1, Double32.self, .add) }
    case (.add, 3): { registerMemory($0, $1, Quad.self, .add) }
    case (.or, 0): { registerMemory($0, $1, Byte.self, .or) }
    case (.or, 2): { registerMemory($0, $1, Double32.self, .or) }
    case (.or, 3): { registerMemory($0, $1, Quad.self, .or) }
    case (.adc, 0): { registerMemory($0, $1, Byte.self, .adc) }
    case (.adc, 2): { registerMemory($0, $1, Double32.self, .adc) }
    case (.adc, 3): { registerMemory($0, $1, Quad.self, .adc) }
    case (.sbb, 0): { registerMemory($0, $1, Byte.self, .sbb) }
    case (.sbb, 2): { registerMemory($0, $1, Double32.self, .sbb) }
    case (.sbb, 3): { registerMemory($0, $1, Quad.self, .sbb) }
    case (.and, 0): { registerMemory($0, $1, Byte.self, .and) }
    case (.and, 2): { registerMemory($0, $1, Double32.self, .and) }
    case (.and, 3): { registerMemory($0, $1, Quad.self, .and) }
    case (.sub, 0): { registerMemory($0, $1, Byte.self, .sub) }
    case (.sub, 2): { registerMemory($0, $1, Double32.self, .sub) }
    case (.sub, 3): { registerMemory($0, $1, Quad.self, .sub) }
    case (.xor, 0): { registerMemory($0, $1, Byte.self, .xor) }
    case (.xor, 2): { registerMemory($0, $1, Double32.self, .xor) }
    case (.xor, 3): { registerMemory($0, $1, Quad.self, .xor) }
    case (.cmp, 0): { registerMemory($0, $1, Byte.self, .cmp) }
    case (.cmp, 2): { registerMemory($0, $1, Double32.self, .cmp) }
    case (.cmp, 3): { registerMemory($0, $1, Quad.self, .cmp) }
    default: nil
    }
}

/// memory ← memory op `a`.
func memoryRegisterHandler(_ operation: BinaryOperation, _ log2: Int) -> Handler? {
    switch (operation, log2) {
    case (.add, 0): { memoryRegister($0, $1, Byte.self, .add) }
    case (.add, 2): { memoryRegister($0, $1, Double32.self, .add) }
    case (.add, 3): { memoryRegister($0, $1, Quad.self, .add) }
    case (.or, 0): { memoryRegister($0, $1, Byte.self, .or) }
    case (.or, 2): { memoryRegister($0, $1, Double32.self, .or) }
    case (.or, 3): { memoryRegister($0, $1, Quad.self, .or) }
    case (.adc, 0): { memoryRegister($0, $1, Byte.self, .adc) }
    case (.adc, 2): { memoryRegister($0, $1, Double32.self, .adc) }
    case (.adc, 3): { memoryRegister($0, $1, Quad.self, .adc) }
    case (.sbb, 0): { memoryRegister($0, $1, Byte.self, .sbb) }
    case (.sbb, 2): { memoryRegister($0, $1, Double32.self, .sbb) }
    case (.sbb, 3): { memoryRegister($0, $1, Quad.self, .sbb) }
    case (.and, 0): { memoryRegister($0, $1, Byte.self, .and) }
    case (.and, 2): { memoryRegister($0, $1, Double32.self, .and) }
    case (.and, 3): { memoryRegister($0, $1, Quad.self, .and) }
    case (.sub, 0): { memoryRegister($0, $1, Byte.self, .sub) }
    case (.sub, 2): { memoryRegister($0, $1, Double32.self, .sub) }
    case (.sub, 3): { memoryRegister($0, $1, Quad.self, .sub) }
    case (.xor, 0): { memoryRegister($0, $1, Byte.self, .xor) }
    case (.xor, 2): { memoryRegister($0, $1, Double32.self, .xor) }
    case (.xor, 3): { memoryRegister($0, $1, Quad.self, .xor) }
    case (.cmp, 0): { memoryRegister($0, $1, Byte.self, .cmp) }
    case (.cmp, 2): { memoryRegister($0, $1, Double32.self, .cmp) }
    case (.cmp, 3): { memoryRegister($0, $1, Quad.self, .cmp) }
    case (.test, 0): { memoryRegister($0, $1, Byte.self, .test) }
    case (.test, 2): { memoryRegister($0, $1, Double32.self, .test) }
    case (.test, 3): { memoryRegister($0, $1, Quad.self, .test) }
    default: nil
    }
}

/// memory ← memory op immediate.
func memoryImmediateHandler(_ operation: BinaryOperation, _ log2: Int) -> Handler? {
    switch (operation, log2) {
    case (.add, 0): { memoryImmediate($0, $1, Byte.self, .add) }
    case (.add, 1): { memoryImmediate($0, $1, Word.self, .add) }
    case (.add, 2): { memoryImmediate($0, $1, Double32.self, .add) }
    case (.add, 3): { memoryImmediate($0, $1, Quad.self, .add) }
    case (.or, 0): { memoryImmediate($0, $1, Byte.self, .or) }
    case (.or, 1): { memoryImmediate($0, $1, Word.self, .or) }
    case (.or, 2): { memoryImmediate($0, $1, Double32.self, .or) }
    case (.or, 3): { memoryImmediate($0, $1, Quad.self, .or) }
    case (.adc, 0): { memoryImmediate($0, $1, Byte.self, .adc) }
    case (.adc, 1): { memoryImmediate($0, $1, Word.self, .adc) }
    case (.adc, 2): { memoryImmediate($0, $1, Double32.self, .adc) }
    case (.adc, 3): { memoryImmediate($0, $1, Quad.self, .adc) }
    case (.sbb, 0): { memoryImmediate($0, $1, Byte.self, .sbb) }
    case (.sbb, 1): { memoryImmediate($0, $1, Word.self, .sbb) }
    case (.sbb, 2): { memoryImmediate($0, $1, Double32.self, .sbb) }
    case (.sbb, 3): { memoryImmediate($0, $1, Quad.self, .sbb) }
    case (.and, 0): { memoryImmediate($0, $1, Byte.self, .and) }
    case (.and, 1): { memoryImmediate($0, $1, Word.self, .and) }
    case (.and, 2): { memoryImmediate($0, $1, Double32.self, .and) }
    case (.and, 3): { memoryImmediate($0, $1, Quad.self, .and) }
    case (.sub, 0): { memoryImmediate($0, $1, Byte.self, .sub) }
    case (.sub, 1): { memoryImmediate($0, $1, Word.self, .sub) }
    case (.sub, 2): { memoryImmediate($0, $1, Double32.self, .sub) }
    case (.sub, 3): { memoryImmediate($0, $1, Quad.self, .sub) }
    case (.xor, 0): { memoryImmediate($0, $1, Byte.self, .xor) }
    case (.xor, 1): { memoryImmediate($0, $1, Word.self, .xor) }
    case (.xor, 2): { memoryImmediate($0, $1, Double32.self, .xor) }
    case (.xor, 3): { memoryImmediate($0, $1, Quad.self, .xor) }
    case (.cmp, 0): { memoryImmediate($0, $1, Byte.self, .cmp) }
    case (.cmp, 1): { memoryImmediate($0, $1, Word.self, .cmp) }
    case (.cmp, 2): { memoryImmediate($0, $1, Double32.self, .cmp) }
    case (.cmp, 3): { memoryImmediate($0, $1, Quad.self, .cmp) }
    case (.test, 0): { memoryImmediate($0, $1, Byte.self, .test) }
    case (.test, 1): { memoryImmediate($0, $1, Word.self, .test) }
    case (.test, 2): { memoryImmediate($0, $1, Double32.self, .test) }
    case (.test, 3): { memoryImmediate($0, $1, Quad.self, .test) }
    default: nil
    }
}
