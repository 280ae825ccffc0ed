// Which moves, extensions and one-operand instructions have handlers of their own.

import CHost

/// MOV to a register from a register or an immediate; `log2` the size.
func moveRegisterHandler(_ log2: Int) -> Handler? {
    switch log2 {
    case 0: { moveRegister($0, $1, Byte.self) }
    case 1: { moveRegister($0, $1, Word.self) }
    case 2: { moveRegister($0, $1, Double32.self) }
    case 3: { moveRegister($0, $1, Quad.self) }
    default: nil
    }
}

func moveImmediateHandler(_ log2: Int) -> Handler? {
    switch log2 {
    case 0: { moveImmediate($0, $1, Byte.self) }
    case 1: { moveImmediate($0, $1, Word.self) }
    case 2: { moveImmediate($0, $1, Double32.self) }
    case 3: { moveImmediate($0, $1, Quad.self) }
    default: nil
    }
}

/// How a handler finds its memory operand.
enum AddressShape { case base, index, any }

func moveLoadHandler(_ log2: Int, _ shape: AddressShape) -> Handler? {
    switch (log2, shape) {
    case (0, .base): { moveLoad($0, $1, Byte.self, BaseForm.self) }
    case (0, .index): { moveLoad($0, $1, Byte.self, IndexForm.self) }
    case (0, .any): { moveLoad($0, $1, Byte.self, AnyForm.self) }
    case (1, _): { moveLoad($0, $1, Word.self, AnyForm.self) }
    case (2, .base): { moveLoad($0, $1, Double32.self, BaseForm.self) }
    case (2, .index): { moveLoad($0, $1, Double32.self, IndexForm.self) }
    case (2, .any): { moveLoad($0, $1, Double32.self, AnyForm.self) }
    case (3, .base): { moveLoad($0, $1, Quad.self, BaseForm.self) }
    case (3, .index): { moveLoad($0, $1, Quad.self, IndexForm.self) }
    case (3, .any): { moveLoad($0, $1, Quad.self, AnyForm.self) }
    default: nil
    }
}

func moveStoreHandler(_ log2: Int, _ shape: AddressShape) -> Handler? {
    switch (log2, shape) {
    case (0, .base): { moveStore($0, $1, Byte.self, BaseForm.self) }
    case (0, .index): { moveStore($0, $1, Byte.self, IndexForm.self) }
    case (0, .any): { moveStore($0, $1, Byte.self, AnyForm.self) }
    case (1, _): { moveStore($0, $1, Word.self, AnyForm.self) }
    case (2, .base): { moveStore($0, $1, Double32.self, BaseForm.self) }
    case (2, .index): { moveStore($0, $1, Double32.self, IndexForm.self) }
    case (2, .any): { moveStore($0, $1, Double32.self, AnyForm.self) }
    case (3, .base): { moveStore($0, $1, Quad.self, BaseForm.self) }
    case (3, .index): { moveStore($0, $1, Quad.self, IndexForm.self) }
    case (3, .any): { moveStore($0, $1, Quad.self, AnyForm.self) }
    default: nil
    }
}

func moveStoreImmediateHandler(_ log2: Int) -> Handler? {
    switch log2 {
    case 0: { moveStoreImmediate($0, $1, Byte.self) }
    case 1: { moveStoreImmediate($0, $1, Word.self) }
    case 2: { moveStoreImmediate($0, $1, Double32.self) }
    case 3: { moveStoreImmediate($0, $1, Quad.self) }
    default: nil
    }
}

/// MOVZX, MOVSX, MOVSXD: `source` and `log2` are sizes.
func extendHandler(_ source: Int, _ log2: Int, signed: Bool, memory: Bool) -> Handler? {
    switch (source, log2, signed, memory) {
    case (0, 2, true, false): { extendRegister($0, $1, Byte.self, Double32.self, signed: true) }
    case (0, 2, true, true): { extendMemory($0, $1, Byte.self, Double32.self, signed: true) }
    case (0, 2, false, false): { extendRegister($0, $1, Byte.self, Double32.self, signed: false) }
    case (0, 2, false, true): { extendMemory($0, $1, Byte.self, Double32.self, signed: false) }
    case (0, 3, true, false): { extendRegister($0, $1, Byte.self, Quad.self, signed: true) }
    case (0, 3, true, true): { extendMemory($0, $1, Byte.self, Quad.self, signed: true) }
    case (0, 3, false, false): { extendRegister($0, $1, Byte.self, Quad.self, signed: false) }
    case (0, 3, false, true): { extendMemory($0, $1, Byte.self, Quad.self, signed: false) }
    case (1, 2, true, false): { extendRegister($0, $1, Word.self, Double32.self, signed: true) }
    case (1, 2, true, true): { extendMemory($0, $1, Word.self, Double32.self, signed: true) }
    case (1, 2, false, false): { extendRegister($0, $1, Word.self, Double32.self, signed: false) }
    case (1, 2, false, true): { extendMemory($0, $1, Word.self, Double32.self, signed: false) }
    case (1, 3, true, false): { extendRegister($0, $1, Word.self, Quad.self, signed: true) }
    case (1, 3, true, true): { extendMemory($0, $1, Word.self, Quad.self, signed: true) }
    case (1, 3, false, false): { extendRegister($0, $1, Word.self, Quad.self, signed: false) }
    case (1, 3, false, true): { extendMemory($0, $1, Word.self, Quad.self, signed: false) }
    case (2, 3, true, false): { extendRegister($0, $1, Double32.self, Quad.self, signed: true) }
    case (2, 3, true, true): { extendMemory($0, $1, Double32.self, Quad.self, signed: true) }
    default: nil
    }
}

func loadAddressHandler(_ log2: Int, _ shape: AddressShape) -> Handler? {
    switch (log2, shape) {
    case (2, .base): { loadAddress($0, $1, Double32.self, BaseForm.self) }
    case (2, _): { loadAddress($0, $1, Double32.self, IndexForm.self) }
    case (3, .base): { loadAddress($0, $1, Quad.self, BaseForm.self) }
    case (3, _): { loadAddress($0, $1, Quad.self, IndexForm.self) }
    default: nil
    }
}

/// CMOVcc between registers.
func conditionalMoveHandler(_ log2: Int, _ condition: Int) -> Handler? {
    switch (log2, condition) {
    case (2, 0): { conditionalMove($0, $1, Double32.self, 0) }
    case (2, 1): { conditionalMove($0, $1, Double32.self, 1) }
    case (2, 2): { conditionalMove($0, $1, Double32.self, 2) }
    case (2, 3): { conditionalMove($0, $1, Double32.self, 3) }
    case (2, 4): { conditionalMove($0, $1, Double32.self, 4) }
    case (2, 5): { conditionalMove($0, $1, Double32.self, 5) }
    case (2, 6): { conditionalMove($0, $1, Double32.self, 6) }
    case (2, 7): { conditionalMove($0, $1, Double32.self, 7) }
    case (2, 8): { conditionalMove($0, $1, Double32.self, 8) }
    case (2, 9): { conditionalMove($0, $1, Double32.self, 9) }
    case (2, 10): { conditionalMove($0, $1, Double32.self, 10) }
    case (2, 11): { conditionalMove($0, $1, Double32.self, 11) }
    case (2, 12): { conditionalMove($0, $1, Double32.self, 12) }
    case (2, 13): { conditionalMove($0, $1, Double32.self, 13) }
    case (2, 14): { conditionalMove($0, $1, Double32.self, 14) }
    case (2, 15): { conditionalMove($0, $1, Double32.self, 15) }
    case (3, 0): { conditionalMove($0, $1, Quad.self, 0) }
    case (3, 1): { conditionalMove($0, $1, Quad.self, 1) }
    case (3, 2): { conditionalMove($0, $1, Quad.self, 2) }
    case (3, 3): { conditionalMove($0, $1, Quad.self, 3) }
    case (3, 4): { conditionalMove($0, $1, Quad.self, 4) }
    case (3, 5): { conditionalMove($0, $1, Quad.self, 5) }
    case (3, 6): { conditionalMove($0, $1, Quad.self, 6) }
    case (3, 7): { conditionalMove($0, $1, Quad.self, 7) }
    case (3, 8): { conditionalMove($0, $1, Quad.self, 8) }
    case (3, 9): { conditionalMove($0, $1, Quad.self, 9) }
    case (3, 10): { conditionalMove($0, $1, Quad.self, 10) }
    case (3, 11): { conditionalMove($0, $1, Quad.self, 11) }
    case (3, 12): { conditionalMove($0, $1, Quad.self, 12) }
    case (3, 13): { conditionalMove($0, $1, Quad.self, 13) }
    case (3, 14): { conditionalMove($0, $1, Quad.self, 14) }
    case (3, 15): { conditionalMove($0, $1, Quad.self, 15) }
    default: nil
    }
}

/// SETcc of a register.
func setConditionHandler(_ condition: Int) -> Handler? {
    switch condition {
    case 0: { setCondition($0, $1, 0) }
    case 1: { setCondition($0, $1, 1) }
    case 2: { setCondition($0, $1, 2) }
    case 3: { setCondition($0, $1, 3) }
    case 4: { setCondition($0, $1, 4) }
    case 5: { setCondition($0, $1, 5) }
    case 6: { setCondition($0, $1, 6) }
    case 7: { setCondition($0, $1, 7) }
    case 8: { setCondition($0, $1, 8) }
    case 9: { setCondition($0, $1, 9) }
    case 10: { setCondition($0, $1, 10) }
    case 11: { setCondition($0, $1, 11) }
    case 12: { setCondition($0, $1, 12) }
    case 13: { setCondition($0, $1, 13) }
    case 14: { setCondition($0, $1, 14) }
    case 15: { setCondition($0, $1, 15) }
    default: nil
    }
}

/// Jcc, even conditions.
func jumpIfHandler(_ condition: Int) -> Handler? {
    switch condition {
    case 0: { jumpIf($0, $1, 0) }
    case 2: { jumpIf($0, $1, 2) }
    case 4: { jumpIf($0, $1, 4) }
    case 6: { jumpIf($0, $1, 6) }
    case 8: { jumpIf($0, $1, 8) }
    case 10: { jumpIf($0, $1, 10) }
    case 12: { jumpIf($0, $1, 12) }
    case 14: { jumpIf($0, $1, 14) }
    default: nil
    }
}

/// INC, DEC, NEG, NOT; the first two also in memory.
func oneOperandHandler(_ operation: Operation, _ log2: Int, memory: Bool) -> Handler? {
    switch (operation, log2, memory) {
    case (.inc, 0, false): { increment($0, $1, Byte.self, by: 1) }
    case (.dec, 0, false): { increment($0, $1, Byte.self, by: ~0) }
    case (.inc, 0, true): { incrementMemory($0, $1, Byte.self, by: 1) }
    case (.dec, 0, true): { incrementMemory($0, $1, Byte.self, by: ~0) }
    case (.inc, 2, false): { increment($0, $1, Double32.self, by: 1) }
    case (.dec, 2, false): { increment($0, $1, Double32.self, by: ~0) }
    case (.neg, 2, false): { negate($0, $1, Double32.self) }
    case (.not, 2, false): { complement($0, $1, Double32.self) }
    case (.inc, 2, true): { incrementMemory($0, $1, Double32.self, by: 1) }
    case (.dec, 2, true): { incrementMemory($0, $1, Double32.self, by: ~0) }
    case (.inc, 3, false): { increment($0, $1, Quad.self, by: 1) }
    case (.dec, 3, false): { increment($0, $1, Quad.self, by: ~0) }
    case (.neg, 3, false): { negate($0, $1, Quad.self) }
    case (.not, 3, false): { complement($0, $1, Quad.self) }
    case (.inc, 3, true): { incrementMemory($0, $1, Quad.self, by: 1) }
    case (.dec, 3, true): { incrementMemory($0, $1, Quad.self, by: ~0) }
    default: nil
    }
}

/// Shifts and rotates of a register.
func shiftHandler(_ operation: Operation, _ log2: Int, byCL: Bool) -> Handler? {
    switch (operation, log2, byCL) {
    case (.shl, 2, false): { shiftRegister($0, $1, Double32.self, .shl, byCL: false) }
    case (.shl, 2, true): { shiftRegister($0, $1, Double32.self, .shl, byCL: true) }
    case (.shl, 3, false): { shiftRegister($0, $1, Quad.self, .shl, byCL: false) }
    case (.shl, 3, true): { shiftRegister($0, $1, Quad.self, .shl, byCL: true) }
    case (.shr, 2, false): { shiftRegister($0, $1, Double32.self, .shr, byCL: false) }
    case (.shr, 2, true): { shiftRegister($0, $1, Double32.self, .shr, byCL: true) }
    case (.shr, 3, false): { shiftRegister($0, $1, Quad.self, .shr, byCL: false) }
    case (.shr, 3, true): { shiftRegister($0, $1, Quad.self, .shr, byCL: true) }
    case (.sar, 2, false): { shiftRegister($0, $1, Double32.self, .sar, byCL: false) }
    case (.sar, 2, true): { shiftRegister($0, $1, Double32.self, .sar, byCL: true) }
    case (.sar, 3, false): { shiftRegister($0, $1, Quad.self, .sar, byCL: false) }
    case (.sar, 3, true): { shiftRegister($0, $1, Quad.self, .sar, byCL: true) }
    case (.rol, 2, false): { shiftRegister($0, $1, Double32.self, .rol, byCL: false) }
    case (.rol, 2, true): { shiftRegister($0, $1, Double32.self, .rol, byCL: true) }
    case (.rol, 3, false): { shiftRegister($0, $1, Quad.self, .rol, byCL: false) }
    case (.rol, 3, true): { shiftRegister($0, $1, Quad.self, .rol, byCL: true) }
    case (.ror, 2, false): { shiftRegister($0, $1, Double32.self, .ror, byCL: false) }
    case (.ror, 2, true): { shiftRegister($0, $1, Double32.self, .ror, byCL: true) }
    case (.ror, 3, false): { shiftRegister($0, $1, Quad.self, .ror, byCL: false) }
    case (.ror, 3, true): { shiftRegister($0, $1, Quad.self, .ror, byCL: true) }
    default: nil
    }
}

/// IMUL into `a`.
func multiplyHandler(_ operation: Operation, _ log2: Int, memory: Bool) -> Handler? {
    switch (operation, log2, memory) {
    case (.imul, 2, false): { multiplyRegister($0, $1, Double32.self, immediateForm: false) }
    case (.imul, 2, true): { multiplyMemory($0, $1, Double32.self) }
    case (.imulImmediate, 2, false): { multiplyRegister($0, $1, Double32.self, immediateForm: true) }
    case (.imul, 3, false): { multiplyRegister($0, $1, Quad.self, immediateForm: false) }
    case (.imul, 3, true): { multiplyMemory($0, $1, Quad.self) }
    case (.imulImmediate, 3, false): { multiplyRegister($0, $1, Quad.self, immediateForm: true) }
    default: nil
    }
}
