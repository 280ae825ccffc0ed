// Which comparisons have handlers fused with the Jcc behind them. Conditions are the even ones; odd ones exchange the links.

/// CMP, TEST of registers.
func branchRegistersHandler(_ operation: BinaryOperation, _ log2: Int, _ condition: Int) -> Handler? {
    switch (operation, log2, condition) {
    case (.cmp, 0, 2): { branchRegisters($0, $1, Byte.self, .cmp, 2) }
    case (.cmp, 0, 4): { branchRegisters($0, $1, Byte.self, .cmp, 4) }
    case (.cmp, 0, 6): { branchRegisters($0, $1, Byte.self, .cmp, 6) }
    case (.cmp, 0, 8): { branchRegisters($0, $1, Byte.self, .cmp, 8) }
    case (.cmp, 0, 12): { branchRegisters($0, $1, Byte.self, .cmp, 12) }
    case (.cmp, 0, 14): { branchRegisters($0, $1, Byte.self, .cmp, 14) }
    case (.cmp, 2, 2): { branchRegisters($0, $1, Double32.self, .cmp, 2) }
    case (.cmp, 2, 4): { branchRegisters($0, $1, Double32.self, .cmp, 4) }
    case (.cmp, 2, 6): { branchRegisters($0, $1, Double32.self, .cmp, 6) }
    case (.cmp, 2, 8): { branchRegisters($0, $1, Double32.self, .cmp, 8) }
    case (.cmp, 2, 12): { branchRegisters($0, $1, Double32.self, .cmp, 12) }
    case (.cmp, 2, 14): { branchRegisters($0, $1, Double32.self, .cmp, 14) }
    case (.cmp, 3, 2): { branchRegisters($0, $1, Quad.self, .cmp, 2) }
    case (.cmp, 3, 4): { branchRegisters($0, $1, Quad.self, .cmp, 4) }
    case (.cmp, 3, 6): { branchRegisters($0, $1, Quad.self, .cmp, 6) }
    case (.cmp, 3, 8): { branchRegisters($0, $1, Quad.self, .cmp, 8) }
    case (.cmp, 3, 12): { branchRegisters($0, $1, Quad.self, .cmp, 12) }
    case (.cmp, 3, 14): { branchRegisters($0, $1, Quad.self, .cmp, 14) }
    case (.test, 0, 4): { branchRegisters($0, $1, Byte.self, .test, 4) }
    case (.test, 0, 8): { branchRegisters($0, $1, Byte.self, .test, 8) }
    case (.test, 0, 14): { branchRegisters($0, $1, Byte.self, .test, 14) }
    case (.test, 2, 4): { branchRegisters($0, $1, Double32.self, .test, 4) }
    case (.test, 2, 8): { branchRegisters($0, $1, Double32.self, .test, 8) }
    case (.test, 2, 14): { branchRegisters($0, $1, Double32.self, .test, 14) }
    case (.test, 3, 4): { branchRegisters($0, $1, Quad.self, .test, 4) }
    case (.test, 3, 8): { branchRegisters($0, $1, Quad.self, .test, 8) }
    case (.test, 3, 14): { branchRegisters($0, $1, Quad.self, .test, 14) }
    default: nil
    }
}

/// CMP, TEST of a register and an immediate.
func branchImmediateHandler(_ operation: BinaryOperation, _ log2: Int, _ condition: Int) -> Handler? {
    switch (operation, log2, condition) {
    case (.cmp, 0, 2): { branchImmediate($0, $1, Byte.self, .cmp, 2) }
    case (.cmp, 0, 4): { branchImmediate($0, $1, Byte.self, .cmp, 4) }
    case (.cmp, 0, 6): { branchImmediate($0, $1, Byte.self, .cmp, 6) }
    case (.cmp, 0, 8): { branchImmediate($0, $1, Byte.self, .cmp, 8) }
    case (.cmp, 0, 12): { branchImmediate($0, $1, Byte.self, .cmp, 12) }
    case (.cmp, 0, 14): { branchImmediate($0, $1, Byte.self, .cmp, 14) }
    case (.cmp, 2, 2): { branchImmediate($0, $1, Double32.self, .cmp, 2) }
    case (.cmp, 2, 4): { branchImmediate($0, $1, Double32.self, .cmp, 4) }
    case (.cmp, 2, 6): { branchImmediate($0, $1, Double32.self, .cmp, 6) }
    case (.cmp, 2, 8): { branchImmediate($0, $1, Double32.self, .cmp, 8) }
    case (.cmp, 2, 12): { branchImmediate($0, $1, Double32.self, .cmp, 12) }
    case (.cmp, 2, 14): { branchImmediate($0, $1, Double32.self, .cmp, 14) }
    case (.cmp, 3, 2): { branchImmediate($0, $1, Quad.self, .cmp, 2) }
    case (.cmp, 3, 4): { branchImmediate($0, $1, Quad.self, .cmp, 4) }
    case (.cmp, 3, 6): { branchImmediate($0, $1, Quad.self, .cmp, 6) }
    case (.cmp, 3, 8): { branchImmediate($0, $1, Quad.self, .cmp, 8) }
    case (.cmp, 3, 12): { branchImmediate($0, $1, Quad.self, .cmp, 12) }
    case (.cmp, 3, 14): { branchImmediate($0, $1, Quad.self, .cmp, 14) }
    case (.test, 0, 4): { branchImmediate($0, $1, Byte.self, .test, 4) }
    case (.test, 0, 8): { branchImmediate($0, $1, Byte.self, .test, 8) }
    case (.test, 0, 14): { branchImmediate($0, $1, Byte.self, .test, 14) }
    case (.test, 2, 4): { branchImmediate($0, $1, Double32.self, .test, 4) }
    case (.test, 2, 8): { branchImmediate($0, $1, Double32.self, .test, 8) }
    case (.test, 2, 14): { branchImmediate($0, $1, Double32.self, .test, 14) }
    case (.test, 3, 4): { branchImmediate($0, $1, Quad.self, .test, 4) }
    case (.test, 3, 8): { branchImmediate($0, $1, Quad.self, .test, 8) }
    case (.test, 3, 14): { branchImmediate($0, $1, Quad.self, .test, 14) }
    default: nil
    }
}

/// CMP, TEST of memory and an immediate.
func branchMemoryImmediateHandler(_ operation: BinaryOperation, _ log2: Int, _ condition: Int) -> Handler? {
    switch (operation, log2, condition) {
    case (.cmp, 0, 2): { branchMemoryImmediate($0, $1, Byte.self, .cmp, 2) }
    case (.cmp, 0, 4): { branchMemoryImmediate($0, $1, Byte.self, .cmp, 4) }
    case (.cmp, 0, 6): { branchMemoryImmediate($0, $1, Byte.self, .cmp, 6) }
    case (.cmp, 0, 8): { branchMemoryImmediate($0, $1, Byte.self, .cmp, 8) }
    case (.cmp, 0, 12): { branchMemoryImmediate($0, $1, Byte.self, .cmp, 12) }
    case (.cmp, 0, 14): { branchMemoryImmediate($0, $1, Byte.self, .cmp, 14) }
    case (.cmp, 2, 2): { branchMemoryImmediate($0, $1, Double32.self, .cmp, 2) }
    case (.cmp, 2, 4): { branchMemoryImmediate($0, $1, Double32.self, .cmp, 4) }
    case (.cmp, 2, 6): { branchMemoryImmediate($0, $1, Double32.self, .cmp, 6) }
    case (.cmp, 2, 8): { branchMemoryImmediate($0, $1, Double32.self, .cmp, 8) }
    case (.cmp, 2, 12): { branchMemoryImmediate($0, $1, Double32.self, .cmp, 12) }
    case (.cmp, 2, 14): { branchMemoryImmediate($0, $1, Double32.self, .cmp, 14) }
    case (.cmp, 3, 2): { branchMemoryImmediate($0, $1, Quad.self, .cmp, 2) }
    case (.cmp, 3, 4): { branchMemoryImmediate($0, $1, Quad.self, .cmp, 4) }
    case (.cmp, 3, 6): { branchMemoryImmediate($0, $1, Quad.self, .cmp, 6) }
    case (.cmp, 3, 8): { branchMemoryImmediate($0, $1, Quad.self, .cmp, 8) }
    case (.cmp, 3, 12): { branchMemoryImmediate($0, $1, Quad.self, .cmp, 12) }
    case (.cmp, 3, 14): { branchMemoryImmediate($0, $1, Quad.self, .cmp, 14) }
    case (.test, 0, 4): { branchMemoryImmediate($0, $1, Byte.self, .test, 4) }
    case (.test, 0, 8): { branchMemoryImmediate($0, $1, Byte.self, .test, 8) }
    case (.test, 0, 14): { branchMemoryImmediate($0, $1, Byte.self, .test, 14) }
    case (.test, 2, 4): { branchMemoryImmediate($0, $1, Double32.self, .test, 4) }
    case (.test, 2, 8): { branchMemoryImmediate($0, $1, Double32.self, .test, 8) }
    case (.test, 2, 14): { branchMemoryImmediate($0, $1, Double32.self, .test, 14) }
    case (.test, 3, 4): { branchMemoryImmediate($0, $1, Quad.self, .test, 4) }
    case (.test, 3, 8): { branchMemoryImmediate($0, $1, Quad.self, .test, 8) }
    case (.test, 3, 14): { branchMemoryImmediate($0, $1, Quad.self, .test, 14) }
    default: nil
    }
}

/// CMP of memory and a register.
func branchMemoryRegisterHandler(_ operation: BinaryOperation, _ log2: Int, _ condition: Int) -> Handler? {
    switch (operation, log2, condition) {
    case (.cmp, 0, 2): { branchMemoryRegister($0, $1, Byte.self, .cmp, 2) }
    case (.cmp, 0, 4): { branchMemoryRegister($0, $1, Byte.self, .cmp, 4) }
    case (.cmp, 0, 6): { branchMemoryRegister($0, $1, Byte.self, .cmp, 6) }
    case (.cmp, 0, 8): { branchMemoryRegister($0, $1, Byte.self, .cmp, 8) }
    case (.cmp, 0, 12): { branchMemoryRegister($0, $1, Byte.self, .cmp, 12) }
    case (.cmp, 0, 14): { branchMemoryRegister($0, $1, Byte.self, .cmp, 14) }
    case (.cmp, 2, 2): { branchMemoryRegister($0, $1, Double32.self, .cmp, 2) }
    case (.cmp, 2, 4): { branchMemoryRegister($0, $1, Double32.self, .cmp, 4) }
    case (.cmp, 2, 6): { branchMemoryRegister($0, $1, Double32.self, .cmp, 6) }
    case (.cmp, 2, 8): { branchMemoryRegister($0, $1, Double32.self, .cmp, 8) }
    case (.cmp, 2, 12): { branchMemoryRegister($0, $1, Double32.self, .cmp, 12) }
    case (.cmp, 2, 14): { branchMemoryRegister($0, $1, Double32.self, .cmp, 14) }
    case (.cmp, 3, 2): { branchMemoryRegister($0, $1, Quad.self, .cmp, 2) }
    case (.cmp, 3, 4): { branchMemoryRegister($0, $1, Quad.self, .cmp, 4) }
    case (.cmp, 3, 6): { branchMemoryRegister($0, $1, Quad.self, .cmp, 6) }
    case (.cmp, 3, 8): { branchMemoryRegister($0, $1, Quad.self, .cmp, 8) }
    case (.cmp, 3, 12): { branchMemoryRegister($0, $1, Quad.self, .cmp, 12) }
    case (.cmp, 3, 14): { branchMemoryRegister($0, $1, Quad.self, .cmp, 14) }
    default: nil
    }
}

/// CMP of a register and memory.
func branchRegisterMemoryHandler(_ operation: BinaryOperation, _ log2: Int, _ condition: Int) -> Handler? {
    switch (operation, log2, condition) {
    case (.cmp, 0, 2): { branchRegisterMemory($0, $1, Byte.self, .cmp, 2) }
    case (.cmp, 0, 4): { branchRegisterMemory($0, $1, Byte.self, .cmp, 4) }
    case (.cmp, 0, 6): { branchRegisterMemory($0, $1, Byte.self, .cmp, 6) }
    case (.cmp, 0, 8): { branchRegisterMemory($0, $1, Byte.self, .cmp, 8) }
    case (.cmp, 0, 12): { branchRegisterMemory($0, $1, Byte.self, .cmp, 12) }
    case (.cmp, 0, 14): { branchRegisterMemory($0, $1, Byte.self, .cmp, 14) }
    case (.cmp, 2, 2): { branchRegisterMemory($0, $1, Double32.self, .cmp, 2) }
    case (.cmp, 2, 4): { branchRegisterMemory($0, $1, Double32.self, .cmp, 4) }
    case (.cmp, 2, 6): { branchRegisterMemory($0, $1, Double32.self, .cmp, 6) }
    case (.cmp, 2, 8): { branchRegisterMemory($0, $1, Double32.self, .cmp, 8) }
    case (.cmp, 2, 12): { branchRegisterMemory($0, $1, Double32.self, .cmp, 12) }
    case (.cmp, 2, 14): { branchRegisterMemory($0, $1, Double32.self, .cmp, 14) }
    case (.cmp, 3, 2): { branchRegisterMemory($0, $1, Quad.self, .cmp, 2) }
    case (.cmp, 3, 4): { branchRegisterMemory($0, $1, Quad.self, .cmp, 4) }
    case (.cmp, 3, 6): { branchRegisterMemory($0, $1, Quad.self, .cmp, 6) }
    case (.cmp, 3, 8): { branchRegisterMemory($0, $1, Quad.self, .cmp, 8) }
    case (.cmp, 3, 12): { branchRegisterMemory($0, $1, Quad.self, .cmp, 12) }
    case (.cmp, 3, 14): { branchRegisterMemory($0, $1, Quad.self, .cmp, 14) }
    default: nil
    }
}

/// ADD, SUB, AND of a register and an immediate, INC and DEC of a register, before JZ or JNZ.
func branchIfZeroHandler(_ operation: Operation, _ log2: Int) -> Handler? {
    switch (operation, log2) {
    case (.add, 2): { updateAndBranchIfZero($0, $1, Double32.self, .add) }
    case (.add, 3): { updateAndBranchIfZero($0, $1, Quad.self, .add) }
    case (.sub, 2): { updateAndBranchIfZero($0, $1, Double32.self, .sub) }
    case (.sub, 3): { updateAndBranchIfZero($0, $1, Quad.self, .sub) }
    case (.and, 2): { updateAndBranchIfZero($0, $1, Double32.self, .and) }
    case (.and, 3): { updateAndBranchIfZero($0, $1, Quad.self, .and) }
    case (.inc, 2): { incrementAndBranchIfZero($0, $1, Double32.self, by: 1) }
    case (.dec, 2): { incrementAndBranchIfZero($0, $1, Double32.self, by: ~0) }
    case (.inc, 3): { incrementAndBranchIfZero($0, $1, Quad.self, by: 1) }
    case (.dec, 3): { incrementAndBranchIfZero($0, $1, Quad.self, by: ~0) }
    default: nil
    }
}
