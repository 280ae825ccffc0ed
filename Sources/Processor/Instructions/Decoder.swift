import CHost

/// An instruction as decoded: the micro-op without handler and position, and what goes into the slot behind it.
struct DecodedInstruction {
    var uop = lv_uop()
    /// A 64-bit immediate or memory offset.
    var constant: UInt64?
}

/// How decoding ended.
enum DecodeResult {
    case instruction(DecodedInstruction)
    /// The bytes end before the instruction does.
    case needsMoreBytes
    /// More than 15 bytes: #GP(0).
    case tooLong
    /// Not an instruction in this mode: #UD.
    case undefined
}

/// Decodes one instruction of 16-bit (mode 0), 32-bit (1) or 64-bit code (2).
struct Decoder {
    private let bytes: UnsafePointer<UInt8>
    private let available: Int
    private let mode: UInt32
    private var position = 0

    /// Reads at most `available` bytes from `bytes`.
    init(bytes: UnsafePointer<UInt8>, available: Int, mode: UInt32) {
        self.bytes = bytes
        self.available = min(available, 15)
        self.mode = mode
    }

    private var outOfBytes: DecodeResult { available >= 15 ? .tooLong : .needsMoreBytes }

    private mutating func byte() -> UInt8? {
        guard position < available else { return nil }
        defer { position += 1 }
        return bytes[position]
    }

    /// A little-endian value of 1, 2, 4 or 8 bytes, sign-extended.
    private mutating func signed(_ count: Int) -> Int64? {
        guard position + count <= available else {
            position = available
            return nil
        }
        let pointer = UnsafeRawPointer(bytes + position)
        position += count
        switch count {
        case 1: return Int64(pointer.loadUnaligned(as: Int8.self))
        case 2: return Int64(pointer.loadUnaligned(as: Int16.self))
        case 4: return Int64(pointer.loadUnaligned(as: Int32.self))
        default: return pointer.loadUnaligned(as: Int64.self)
        }
    }

    mutating func decode(_ table: InstructionTable) -> DecodeResult {
        var operand66 = false
        var address67 = false
        var lock = false
        var repeatPrefix: UInt8 = 0
        var segment: Int?
        var rex: UInt8 = 0
        var opcode: UInt8
        prefixes: while true {
            guard let next = byte() else { return outOfBytes }
            opcode = next
            switch next {
            case 0x66: operand66 = true
            case 0x67: address67 = true
            case 0xf0: lock = true
            case 0xf2, 0xf3: repeatPrefix = next
            case 0x26: segment = Int(LV_ES)
            case 0x2e: segment = Int(LV_CS)
            case 0x36: segment = Int(LV_SS)
            case 0x3e: segment = Int(LV_DS)
            case 0x64: segment = Int(LV_FS)
            case 0x65: segment = Int(LV_GS)
            case 0x40...0x4f where mode == 2:
                rex = next
                continue prefixes
            default: break prefixes
            }
            rex = 0
        }
        var slot = Int(opcode)
        if opcode == 0x0f {
            guard let next = byte() else { return outOfBytes }
            opcode = next
            slot = 256 + Int(next)
        }
        let range = table.ranges[slot]
        var modRM: UInt8 = 0
        if range.needsModRM {
            guard position < available else { return outOfBytes }
            modRM = bytes[position]
        }
        var found: UnsafePointer<InstructionForm>?
        for index in Int(range.first)..<Int(range.first) + Int(range.count) {
            let form = table.forms + index
            if fits(form, modRM, operand66, repeatPrefix) {
                found = form
                break
            }
        }
        guard let found else { return .undefined }
        return read(
            found, Prefixes(operand66: operand66, address67: address67, lock: lock, repeatPrefix: repeatPrefix, segment: segment, rex: rex),
            opcode, isTwoByte: slot >= 256)
    }

    private struct Prefixes {
        var operand66: Bool, address67: Bool, lock: Bool, repeatPrefix: UInt8, segment: Int?, rex: UInt8
    }

    private func fits(_ form: UnsafePointer<InstructionForm>, _ modRM: UInt8, _ operand66: Bool, _ repeatPrefix: UInt8) -> Bool {
        switch form.pointee.prefix {
        case .any: break
        case .none: if operand66 || repeatPrefix != 0 { return false }
        case .operandSize: if !operand66 || repeatPrefix != 0 { return false }
        case .repeatNotEqual: if repeatPrefix != 0xf2 { return false }
        case .repeatEqual: if repeatPrefix != 0xf3 { return false }
        }
        if form.pointee.wholeMask != 0, modRM & form.pointee.wholeMask != form.pointee.whole { return false }
        if form.pointee.digit >= 0, Int8(modRM >> 3 & 7) != form.pointee.digit { return false }
        if form.pointee.memoryOnly, modRM >= 0xc0 { return false }
        if form.pointee.registerOnly, modRM < 0xc0, !form.pointee.ignoresMode { return false }
        return mode == 2 ? !form.pointee.invalidIn64 : !form.pointee.only64
    }

    private mutating func read(
        _ form: UnsafePointer<InstructionForm>, _ prefixes: Prefixes, _ opcode: UInt8, isTwoByte: Bool
    ) -> DecodeResult {
        var result = DecodedInstruction()
        let rex = prefixes.rex
        var flags = 0
        let sizePrefix = prefixes.operand66 && form.pointee.prefix != .operandSize
        let operandSize = operandSize(form, sizePrefix, wide: rex & 8 != 0)
        switch form.pointee.size {
        case .byte: flags |= 0
        case .word: flags |= 1
        case .double: flags |= 2
        case .quad: flags |= 3
        case .y: flags |= rex & 8 != 0 ? 3 : 2
        case .z: flags |= min(operandSize, 2)
        case .v, .other: flags |= operandSize
        }
        let addressSize = mode == 2 ? (prefixes.address67 ? 2 : 3) : (mode == 1) != prefixes.address67 ? 2 : 1
        if addressSize == 2 { flags |= LV_UOP_ADDRESS32 } else if addressSize == 1 { flags |= LV_UOP_ADDRESS16 }
        if prefixes.lock { flags |= LV_UOP_LOCK }
        if prefixes.repeatPrefix == 0xf3 { flags |= LV_UOP_REP }
        if prefixes.repeatPrefix == 0xf2 { flags |= LV_UOP_REPNE }
        if rex != 0 { flags |= LV_UOP_REX }
        if rex & 8 != 0 { flags |= LV_UOP_REX_W }
        if prefixes.operand66 { flags |= LV_UOP_OPERAND66 }
        if form.pointee.toRegister { flags |= LV_UOP_TO_REGISTER }

        result.uop.base = UInt8(LV_NO_REGISTER)
        result.uop.index = UInt8(LV_NO_REGISTER)
        result.uop.segment = UInt8(LV_DS)
        if form.pointee.needsModRM {
            guard let modRM = byte() else { return outOfBytes }
            result.uop.a = modRM >> 3 & 7 | (rex & 4) << 1
            // The escape opcodes have no immediate; what FNSTENV shows as FOP stands there (SDM vol. 1, 8.1.9).
            if !isTwoByte, opcode & 0xf8 == 0xd8 { result.uop.immediate = Int32(opcode & 7) << 8 | Int32(modRM) }
            if modRM >= 0xc0 || form.pointee.ignoresMode {
                result.uop.b = modRM & 7 | (rex & 1) << 3
            } else {
                flags |= LV_UOP_MEMORY
                let complete = addressSize == 1 ? readAddress16(modRM, &result.uop) : readAddress(modRM, rex, &result.uop)
                if !complete { return outOfBytes }
            }
        } else if form.pointee.opcodeRegister {
            result.uop.b = opcode & 7 | (rex & 1) << 3
        }
        if let segment = prefixes.segment, mode != 2 || segment >= Int(LV_FS) { result.uop.segment = UInt8(segment) }
        if prefixes.lock, !form.pointee.lockable || flags & LV_UOP_MEMORY == 0 { return .undefined }

        if let constant = form.pointee.constant { result.uop.immediate = constant }
        if form.pointee.immediate != .other {
            flags |= LV_UOP_IMMEDIATE
            if form.pointee.immediate == .v, operandSize == 3 {
                guard let value = signed(8) else { return outOfBytes }
                result.constant = UInt64(bitPattern: value)
            } else {
                guard let value = signed(immediateBytes(form.pointee.immediate, operandSize)) else { return outOfBytes }
                result.uop.immediate = Int32(truncatingIfNeeded: value)
            }
            if form.pointee.secondImmediate != .other {
                guard let value = byte() else { return outOfBytes }
                result.uop.immediate = result.uop.immediate & 0xffff | Int32(value) << 16
            }
        }
        if form.pointee.relative != .other {
            guard let value = signed(immediateBytes(form.pointee.relative, operandSize)) else { return outOfBytes }
            result.uop.displacement = Int32(truncatingIfNeeded: value)
        }
        if form.pointee.hasOffset {
            guard let value = signed(1 << addressSize) else { return outOfBytes }
            let mask: UInt64 = addressSize == 3 ? ~0 : addressSize == 2 ? 0xffff_ffff : 0xffff
            result.constant = UInt64(bitPattern: value) & mask
        }
        if form.pointee.hasFarPointer {
            guard let offset = signed(operandSize == 1 ? 2 : 4), let selector = signed(2) else { return outOfBytes }
            result.uop.immediate = Int32(truncatingIfNeeded: operandSize == 1 ? offset & 0xffff : offset)
            result.uop.displacement = Int32(truncatingIfNeeded: selector & 0xffff)
        }
        result.uop.operation = form.pointee.operation.rawValue
        if opcode == 0x90, !isTwoByte, result.uop.b == 0, form.pointee.operation == .xchg {
            // RAX with itself is NOP and leaves the upper half alone; F3 makes it PAUSE. With REX.B it is an exchange as any.
            result.uop.operation = (prefixes.repeatPrefix == 0xf3 ? Operation.pause : .nop).rawValue
        }
        result.uop.flags = UInt16(flags)
        result.uop.length = UInt8(position)
        return .instruction(result)
    }

    /// Log2 of the effective operand size (APM vol. 3, 1.2.2).
    private func operandSize(_ form: UnsafePointer<InstructionForm>, _ prefix: Bool, wide: Bool) -> Int {
        if mode == 2 {
            if form.pointee.force64 || wide { return 3 }
            return prefix ? 1 : form.pointee.default64 ? 3 : 2
        }
        return (mode == 1) != prefix ? 2 : 1
    }

    private func immediateBytes(_ size: InstructionForm.Size, _ operandSize: Int) -> Int {
        switch size {
        case .byte: 1
        case .word: 2
        case .quad: 8
        case .v, .z: operandSize == 1 ? 2 : 4
        default: 4
        }
    }

    /// ModRM, SIB and displacement of 32- and 64-bit addressing; false: out of bytes.
    private mutating func readAddress(_ modRM: UInt8, _ rex: UInt8, _ uop: inout lv_uop) -> Bool {
        let mod = modRM >> 6
        var base = modRM & 7
        if base == 4 {
            guard let sib = byte() else { return false }
            base = sib & 7
            let index = sib >> 3 & 7 | (rex & 2) << 2
            if index != 4 { uop.index = index }
            uop.shift = index != 4 ? sib >> 6 : 0
            if base == 5, mod == 0 {
                guard let value = signed(4) else { return false }
                uop.displacement = Int32(truncatingIfNeeded: value)
                return true
            }
        } else if base == 5, mod == 0 {
            guard let value = signed(4) else { return false }
            uop.displacement = Int32(truncatingIfNeeded: value)
            if mode == 2 { uop.base = UInt8(LV_RIP) }
            return true
        }
        uop.base = base | (rex & 1) << 3
        if uop.base == 4 || uop.base == 5 { uop.segment = UInt8(LV_SS) }
        return readDisplacement(mod, wide: 4, &uop)
    }

    /// ModRM and displacement of 16-bit addressing (SDM vol. 2, table 2-1); false: out of bytes.
    private mutating func readAddress16(_ modRM: UInt8, _ uop: inout lv_uop) -> Bool {
        let mod = modRM >> 6
        let none = UInt8(LV_NO_REGISTER)
        let bx: UInt8 = 3
        let bp: UInt8 = 5
        let si: UInt8 = 6
        let di: UInt8 = 7
        switch modRM & 7 {
        case 0: (uop.base, uop.index) = (bx, si)
        case 1: (uop.base, uop.index) = (bx, di)
        case 2: (uop.base, uop.index) = (bp, si)
        case 3: (uop.base, uop.index) = (bp, di)
        case 4: (uop.base, uop.index) = (si, none)
        case 5: (uop.base, uop.index) = (di, none)
        case 6:
            if mod == 0 {
                guard let value = signed(2) else { return false }
                uop.displacement = Int32(truncatingIfNeeded: value)
                return true
            }
            (uop.base, uop.index) = (bp, none)
        default: (uop.base, uop.index) = (bx, none)
        }
        if uop.base == bp { uop.segment = UInt8(LV_SS) }
        return readDisplacement(mod, wide: 2, &uop)
    }

    private mutating func readDisplacement(_ mod: UInt8, wide: Int, _ uop: inout lv_uop) -> Bool {
        if mod == 0 { return true }
        guard let value = signed(mod == 1 ? 1 : wide) else { return false }
        uop.displacement = Int32(truncatingIfNeeded: value)
        return true
    }
}
