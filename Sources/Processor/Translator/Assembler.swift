/// Host registers by number, as the ModRM encoding has them.
enum Host {
    static let rax = 0, rcx = 1, rdx = 2, rbx = 3, rsp = 4, rbp = 5, rsi = 6, rdi = 7
    /// Scratch of generated code: an address, and what goes with it.
    static let first = 13, second = 14
    /// Holds the guest's RSP.
    static let guestStack = 15
    /// The vector register that holds the instructions that may still be run, but in the middle of traces that use it for the guest's. In
    /// memory each trace would load what the one before has stored, over a number of other stores that the processor cannot predict.
    static let budget = 15
}

/// The rm operand of a host instruction: a register or an address.
struct HostOperand {
    /// A register, or the base register; −1: none.
    var base: Int8
    /// −1: none.
    var index: Int8 = -1
    var scale: UInt8 = 0
    var displacement: Int32 = 0
    var isRegister = false

    /// A register.
    static func register(_ number: Int) -> HostOperand { HostOperand(base: Int8(truncatingIfNeeded: number), isRegister: true) }
    /// A field of the state block.
    static func state(_ offset: Int) -> HostOperand {
        HostOperand(base: Int8(Host.rsp), displacement: Int32(truncatingIfNeeded: offset))
    }
    static func at(_ base: Int, _ displacement: Int = 0) -> HostOperand {
        HostOperand(base: Int8(truncatingIfNeeded: base), displacement: Int32(truncatingIfNeeded: displacement))
    }
    static func indexed(_ base: Int, _ index: Int, _ scale: Int = 0, _ displacement: Int = 0) -> HostOperand {
        HostOperand(
            base: Int8(truncatingIfNeeded: base), index: Int8(truncatingIfNeeded: index), scale: UInt8(truncatingIfNeeded: scale),
            displacement: Int32(truncatingIfNeeded: displacement))
    }
    /// Guest memory behind a served look-up: offset in the page plus the page's host address.
    static let guest = HostOperand(base: Int8(Host.second), index: Int8(Host.first))
}

/// Writes x86-64 machine code (SDM vol. 2, chapter 2).
///
/// Safety: the caller has asked `CodeMemory.hasRoom`; a block's code is bounded by its 48 instructions.
struct Assembler {
    private let start: UnsafeMutablePointer<UInt8>
    private(set) var offset: Int

    init(_ memory: CodeMemory) {
        start = memory.writable
        offset = memory.used
    }

    // MARK: bytes

    @inline(__always) mutating func byte(_ value: Int) {
        start[offset] = UInt8(truncatingIfNeeded: value)
        offset &+= 1
    }
    @inline(__always) mutating func word(_ value: Int) {
        UnsafeMutableRawPointer(start + offset).storeBytes(of: UInt16(truncatingIfNeeded: value), as: UInt16.self)
        offset &+= 2
    }
    @inline(__always) mutating func double(_ value: Int) {
        UnsafeMutableRawPointer(start + offset).storeBytes(of: Int32(truncatingIfNeeded: value), as: Int32.self)
        offset &+= 4
    }
    @inline(__always) mutating func quad(_ value: UInt64) {
        UnsafeMutableRawPointer(start + offset).storeBytes(of: value, as: UInt64.self)
        offset &+= 8
    }

    // MARK: instructions

    /// Prefixes, REX, opcode (0x0Fxx: two bytes), ModRM. `size` is log2 of the operand's bytes; byte registers are the low ones.
    mutating func operation(_ size: Int, _ opcode: Int, _ reg: Int, _ rm: HostOperand, prefix: Int = 0) {
        if size == 1 { byte(0x66) }
        if prefix != 0 { byte(prefix) }
        var rex = size == 3 ? 0x48 : 0x40
        rex |= (reg & 8) &>> 1
        if rm.index >= 0 { rex |= Int(rm.index & 8) &>> 2 }
        if rm.base >= 0 { rex |= Int(rm.base & 8) &>> 3 }
        if rex != 0x40 || size == 0 && (reg >= 4 || rm.isRegister && rm.base >= 4) { byte(rex) }
        if opcode > 0xff { byte(opcode &>> 8) }
        byte(opcode)
        address(reg & 7, rm)
    }

    /// ModRM, SIB and displacement.
    mutating func address(_ reg: Int, _ rm: HostOperand) {
        let field = reg &<< 3
        if rm.isRegister {
            byte(0xc0 | field | Int(rm.base & 7))
            return
        }
        if rm.base < 0 {
            byte(4 | field)
            byte(Int(rm.scale) &<< 6 | (rm.index < 0 ? 4 : Int(rm.index & 7)) &<< 3 | 5)
            double(Int(rm.displacement))
            return
        }
        let base = Int(rm.base & 7)
        let mod = rm.displacement == 0 && base != 5 ? 0 : rm.displacement >= -128 && rm.displacement < 128 ? 0x40 : 0x80
        if rm.index >= 0 || base == 4 {
            byte(mod | field | 4)
            byte(Int(rm.scale) &<< 6 | (rm.index < 0 ? 4 : Int(rm.index & 7)) &<< 3 | base)
        } else {
            byte(mod | field | base)
        }
        if mod == 0x40 { byte(Int(rm.displacement)) } else if mod == 0x80 { double(Int(rm.displacement)) }
    }

    @inline(__always) mutating func load(_ register: Int, _ rm: HostOperand, size: Int = 3) {
        operation(size, size == 0 ? 0x8a : 0x8b, register, rm)
    }
    /// Of the whole byte, word … of the register.
    @inline(__always) mutating func store(_ rm: HostOperand, _ register: Int, size: Int = 3) {
        operation(size, size == 0 ? 0x88 : 0x89, register, rm)
    }
    mutating func loadAddress(_ register: Int, _ rm: HostOperand, size: Int = 3) { operation(size, 0x8d, register, rm) }

    /// An immediate of the operand's size, at most 32 bits, sign-extended.
    mutating func storeImmediate(_ rm: HostOperand, _ value: Int, size: Int) {
        operation(size, size == 0 ? 0xc6 : 0xc7, 0, rm)
        immediate(value, size)
    }

    mutating func immediate(_ value: Int, _ size: Int) {
        switch size {
        case 0: byte(value)
        case 1: word(value)
        default: double(value)
        }
    }

    /// The shortest move of a constant.
    mutating func constant(_ register: Int, _ value: UInt64) {
        if value <= 0xffff_ffff {
            if register >= 8 { byte(0x41) }
            byte(0xb8 | register & 7)
            double(Int(truncatingIfNeeded: value))
        } else if let small = Int32(exactly: Int64(bitPattern: value)) {
            storeImmediate(.register(register), Int(small), size: 3)
        } else {
            byte(0x48 | (register &>> 3))
            byte(0xb8 | register & 7)
            quad(value)
        }
    }

    /// ADD OR ADC SBB AND SUB XOR CMP (0–7) of an operand and an immediate.
    mutating func arithmeticImmediate(_ digit: Int, _ rm: HostOperand, _ value: Int, size: Int, prefix: Int = 0) {
        if size == 0 {
            operation(0, 0x80, digit, rm, prefix: prefix)
            byte(value)
        } else if value >= -128, value < 128 {
            operation(size, 0x83, digit, rm, prefix: prefix)
            byte(value)
        } else {
            operation(size, 0x81, digit, rm, prefix: prefix)
            immediate(value, size)
        }
    }

    /// The same with a register: `rm` op= `register`.
    @inline(__always) mutating func arithmetic(_ digit: Int, _ rm: HostOperand, _ register: Int, size: Int, prefix: Int = 0) {
        operation(size, digit &<< 3 | (size == 0 ? 0 : 1), register, rm, prefix: prefix)
    }
    /// `register` op= `rm`.
    @inline(__always) mutating func arithmetic(_ digit: Int, into register: Int, _ rm: HostOperand, size: Int) {
        operation(size, digit &<< 3 | (size == 0 ? 2 : 3), register, rm)
    }

    /// PADDQ, PSUBQ.
    enum BudgetChange: Int {
        case add = 0x0fd4
        case subtract = 0x0ffb
    }
    /// PADDQ or PSUBQ of the budget.
    mutating func budget(_ change: BudgetChange, _ number: Int) {
        operation(2, change.rawValue, Host.budget, .state(StateLayout.count(number)), prefix: 0x66)
    }
    /// MOVQ between the budget and the state block.
    mutating func loadBudget() { operation(2, 0x0f7e, Host.budget, .state(StateLayout.budget), prefix: 0xf3) }
    mutating func storeBudget() { operation(2, 0x0fd6, Host.budget, .state(StateLayout.budget), prefix: 0x66) }

    // MARK: flow

    /// A jump or call over 32 bits to an address of the executable view; returns the offset of its distance.
    @discardableResult mutating func jump(_ opcode: Int = 0xe9) -> Int {
        if opcode > 0xff { byte(opcode &>> 8) }
        byte(opcode)
        double(0)
        return offset - 4
    }
    static let call = 0xe8
    static func jumpIf(_ condition: Int) -> Int { 0x0f80 | condition }

    /// Makes the jump whose distance is at `place` lead to `target` (offsets).
    mutating func bind(_ place: Int, to target: Int) {
        UnsafeMutableRawPointer(start + place).storeBytes(of: Int32(truncatingIfNeeded: target - place - 4), as: Int32.self)
    }
    mutating func bindHere(_ place: Int) { bind(place, to: offset) }
    mutating func jump(to target: Int, _ opcode: Int = 0xe9) { bind(jump(opcode), to: target) }

    /// A short conditional jump; the offset of its distance.
    mutating func shortJump(_ condition: Int) -> Int {
        byte(0x70 | condition)
        byte(0)
        return offset - 1
    }
    mutating func bindShort(_ place: Int) { start[place] = UInt8(truncatingIfNeeded: offset - place - 1) }

    /// The writable place of an offset.
    func place(_ offset: Int) -> UnsafeMutablePointer<UInt8> { start + offset }
}
