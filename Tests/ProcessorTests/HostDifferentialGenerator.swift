import CHostExecutor

/// Makes random instructions from table rows together with the state they run from.
struct CaseGenerator {
    private var random: CaseRandom
    private(set) var state = lv_executor_state()
    private var registers: [UInt64] = []
    private let is32: Bool

    /// `is32`: for 32-bit instead of 64-bit code.
    init(seed: UInt64, is32: Bool = false) {
        random = CaseRandom(seed: seed)
        self.is32 = is32
    }

    /// A case of its own: the state, the bytes and the rows they came from.
    struct Case {
        var state: lv_executor_state
        var bytes: [UInt8]
        var rows: [EncodingRow]
    }

    /// One random instruction of `rows`, or a sequence of `length` that addresses memory without registers.
    mutating func make(_ row: EncodingRow, then others: [EncodingRow] = []) -> Case {
        registers = (0..<16).map { _ in random.integer() & (is32 ? 0xffff_ffff : ~0) }
        registers[4] =
            UInt64(LV_EXECUTOR_DATA) + 0x800 + UInt64(random.below(0x80)) * 16 + (random.chance(15) ? UInt64(random.below(16)) : 0)
        var bytes = encode(row, at: UInt64(LV_EXECUTOR_ENTRY), freeRegisters: true)
        for other in others {
            let next = encode(other, at: UInt64(LV_EXECUTOR_ENTRY) + UInt64(bytes.count), freeRegisters: false)
            if bytes.count + next.count < Int(LV_EXECUTOR_CODE_BYTES) { bytes += next }
        }
        fillState()
        return Case(state: state, bytes: bytes, rows: [row] + others)
    }

    // MARK: state

    private mutating func fillState() {
        var state = lv_executor_state()
        withUnsafeMutableBytes(of: &state.gpr) { buffer in
            for i in 0..<16 {
                buffer.storeBytes(of: is32 ? registers[i] & 0xffff_ffff : registers[i], toByteOffset: i * 8, as: UInt64.self)
            }
        }
        state.rip = UInt64(LV_EXECUTOR_ENTRY)
        state.rflags = random.next() & 0x8d5 | 0x202 | (random.chance(20) ? 0x400 : 0)
        let fcw: UInt16
        let mxcsr: UInt32
        switch random.below(6) {
        case 0...3: fcw = 0x37f
        case 4: fcw = UInt16(truncatingIfNeeded: random.next()) & 0xf00 | 0x7f
        default: fcw = UInt16(truncatingIfNeeded: random.next()) & 0x1f3f | 0x40
        }
        switch random.below(6) {
        case 0...2: mxcsr = 0x1f80
        case 3, 4: mxcsr = UInt32(truncatingIfNeeded: random.next()) & 0xe07f | 0x1f80
        default: mxcsr = UInt32(truncatingIfNeeded: random.next()) & 0xffff
        }
        var fsw = UInt16(random.below(8)) << 11 | UInt16(truncatingIfNeeded: random.next()) & 0x4700
        if random.chance(30) { fsw |= UInt16(truncatingIfNeeded: random.next()) & 0x7f }
        // Pending exceptions stop everything, so they are rare.
        if fsw & ~fcw & 0x3f != 0 { if random.chance(15) { fsw |= 0x8080 } else { fsw &= ~0x3f | fcw } }
        let tags: UInt8 = random.chance(70) ? 0xff : UInt8(truncatingIfNeeded: random.next())
        let full: UInt8 = random.chance(40) ? 0x0f : 0xff
        let top = Int(fsw >> 11 & 7)
        // The abridged tags go by physical register: with 0x0f four registers from TOP on are in use.
        var used: UInt8 = 0
        for i in 0..<8 where full >> UInt8(i) & 1 != 0 { used |= 1 << UInt8((top + i) & 7) }
        let values = (0..<8).map { _ in random.extended() }
        let vectors = (0..<16).map { _ in random.vector() }
        withUnsafeMutableBytes(of: &state.fx) { fx in
            fx.storeBytes(of: fcw, toByteOffset: 0, as: UInt16.self)
            fx.storeBytes(of: fsw, toByteOffset: 2, as: UInt16.self)
            fx[4] = tags & used
            fx.storeBytes(of: mxcsr, toByteOffset: 24, as: UInt32.self)
            for i in 0..<8 {
                fx.storeBytes(of: values[i].1, toByteOffset: 32 + 16 * i, as: UInt64.self)
                fx.storeBytes(of: values[i].0, toByteOffset: 40 + 16 * i, as: UInt16.self)
            }
            for i in 0..<16 {
                fx.storeBytes(of: vectors[i].0, toByteOffset: 160 + 16 * i, as: UInt64.self)
                fx.storeBytes(of: vectors[i].1, toByteOffset: 168 + 16 * i, as: UInt64.self)
            }
        }
        self.state = state
    }

    // MARK: encoding

    /// Where a memory operand lies: mostly aligned in the sandbox, sometimes across its borders.
    private mutating func target(_ row: EncodingRow) -> UInt64 {
        let base = UInt64(LV_EXECUTOR_DATA)
        if ["fxrstor", "ldmxcsr", "frstor", "fldenv"].contains(row.name), random.chance(60) {
            return base + SandboxData.image + (row.name == "ldmxcsr" ? 24 : row.name == "fxrstor" ? 0 : 0x200)
        }
        switch random.below(100) {
        case 0..<60: return base + UInt64(random.below(0x1e0)) * 16
        case 60..<82: return base + UInt64(random.below(0x1e00))
        case 82..<90: return base + 0x1000 - UInt64(random.below(20))
        case 90..<94: return base + 0x2000 - UInt64(random.below(20))
        case 94..<96: return base + 0x2000 + UInt64(random.below(0x1000))
        case 96: return base + 0x3000 + UInt64(random.below(0x1000))
        case 97: return base - UInt64(random.below(24))
        case 98 where !is32:
            return random.pick([0x7fff_ffff_f000, 0x8000_0000_0000, 0xffff_8000_0000_0000, 0x4000_0000_0000_0000])
                &+ UInt64(random.below(64))
        default: return base + 0x3000 - UInt64(random.below(20))
        }
    }

    private mutating func encode(_ row: EncodingRow, at address: UInt64, freeRegisters: Bool) -> [UInt8] {
        var prefixes: [UInt8] = []
        var rex: UInt8 = !is32 && random.chance(60) ? 0x40 | UInt8(random.below(16)) : 0
        let isMemory = row.needsModRM && row.whole == nil && (row.memoryOnly || !row.registerOnly && random.chance(50))
        if row.prefix == nil, !row.isPlain, row.relative == nil, random.chance(20) { prefixes.append(0x66) }
        let addressPrefix =
            (isMemory || row.isStringOperation || row.name == "maskmovdqu" || row.name == "maskmovq") && !is32 && random.chance(8)
        if addressPrefix { prefixes.append(0x67) }
        let gs = isMemory && !is32 && random.chance(8)
        if gs { prefixes.append(0x65) } else if random.chance(3) { prefixes.append(random.pick([0x2e, 0x36, 0x3e, 0x26])) }
        if row.isLockable, isMemory, random.chance(20) { prefixes.append(0xf0) }
        if row.isStringOperation { prepareString(&prefixes) }
        if row.name == "xlat" { registers[3] = UInt64(LV_EXECUTOR_DATA) + UInt64(random.below(0x1f00)) }
        if row.name == "maskmovdqu" || row.name == "maskmovq" { registers[7] = target(row) }
        if ["bt", "bts", "btr", "btc"].contains(row.name), freeRegisters {
            for i in 0..<16 where i != 4 && random.chance(80) { registers[i] = UInt64(bitPattern: Int64(random.below(600) - 300)) }
        }
        if let prefix = row.prefix { prefixes.append(prefix) }

        var opcode = row.opcode
        if row.spread > 1 { opcode[opcode.count - 1] += UInt8(random.below(row.spread)) }
        var tail: [UInt8] = []
        var ripDisplacement: Int?
        var destination: UInt64 = 0
        if let whole = row.whole {
            tail.append(whole + UInt8(random.below(row.wholeSpread)))
        } else if row.needsModRM {
            let reg = row.digit ?? UInt8(random.below(8))
            if isMemory {
                destination = target(row) &- (gs ? UInt64(LV_EXECUTOR_GS_BASE) : 0)
                if random.chance(8), row.name == "bt" { destination &= ~7 }
                (tail, ripDisplacement) = memoryOperand(reg, &rex, destination, freeRegisters: freeRegisters, wide: !addressPrefix)
            } else {
                tail.append(0xc0 | reg << 3 | UInt8(random.below(8)))
            }
        }
        let is16 = prefixes.contains(0x66) && row.prefix != 0x66
        let isWide = rex & 8 != 0
        for letter in row.immediates { tail += immediate(letter, is16: is16, isWide: isWide) }
        if let relative = row.relative {
            let distance = Int32(random.below(90) - 30)
            tail +=
                relative != "b" && is32 && prefixes.contains(0x66)
                ? bytes(UInt64(bitPattern: Int64(distance)), 2)
                : relative == "b" ? [UInt8(truncatingIfNeeded: distance)] : bytes(UInt64(bitPattern: Int64(distance)), 4)
        }
        if row.hasOffset { tail += bytes(target(row), addressPrefix || is32 ? 4 : 8) }
        var result = prefixes
        if rex != 0 { result.append(rex) }
        result += opcode
        let tailStart = result.count
        result += tail
        if let ripDisplacement {
            let end = address + UInt64(result.count)
            let distance = bytes(destination &- end, 4)
            result.replaceSubrange(tailStart + ripDisplacement..<tailStart + ripDisplacement + 4, with: distance)
        }
        return result
    }

    private mutating func prepareString(_ prefixes: inout [UInt8]) {
        if random.chance(50) {
            prefixes.append(random.pick([0xf2, 0xf3]))
            registers[1] = UInt64(random.below(24))
        }
        registers[6] = UInt64(LV_EXECUTOR_DATA) + 0x100 + UInt64(random.below(0x1d00))
        registers[7] =
            random.chance(50) ? registers[6] &+ UInt64(random.below(32)) : UInt64(LV_EXECUTOR_DATA) + 0x100 + UInt64(random.below(0x1d00))
        if random.chance(5) {
            registers[random.pick([6, 7])] = UInt64(LV_EXECUTOR_DATA) + random.pick([0x2000, 0, 0x3000]) - UInt64(random.below(10))
        }
    }

    /// ModRM, SIB and displacement for `address`; a base register is set so that the sum fits. The second result: where a RIP distance lies.
    private mutating func memoryOperand(
        _ reg: UInt8, _ rex: inout UInt8, _ address: UInt64, freeRegisters: Bool, wide: Bool
    ) -> ([UInt8], Int?) {
        let reach = Int64(bitPattern: address)
        let nearby = reach >= 0 && reach < 0x7000_0000
        let form = freeRegisters ? random.below(10) : random.below(2)
        if is32, form < 2 || !freeRegisters { return ([reg << 3 | 5] + bytes(address, 4), nil) }
        if form == 0, nearby { return ([reg << 3 | 5, 0, 0, 0, 0], 1) }
        if form == 1 || !freeRegisters, nearby {
            rex &= ~2
            return ([reg << 3 | 4, 0x25] + bytes(address, 4), nil)
        }
        let hasIndex = form >= 6
        var base = UInt8(random.below(is32 ? 8 : 16))
        var index = UInt8(random.below(is32 ? 8 : 16))
        if index == 4 { index = is32 ? 1 : 9 }
        if base == index { base = (base + 1) & (is32 ? 7 : 15) }
        let low = base & 7
        var mod = UInt8(random.below(3))
        if low == 5, mod == 0 { mod = 1 }
        rex = rex & ~3
        if base > 7 { rex |= 0x41 }
        var displacement: Int64 = 0
        if mod == 1 { displacement = Int64(Int8(truncatingIfNeeded: random.next())) }
        if mod == 2 { displacement = Int64(Int32(truncatingIfNeeded: random.next())) }
        var result: [UInt8] = []
        var offset = UInt64(bitPattern: displacement)
        if hasIndex {
            if index > 7 { rex |= 0x42 }
            let scale = UInt8(random.below(4))
            if random.chance(50) { registers[Int(index)] = UInt64(random.below(0x100)) }
            offset &+= registers[Int(index)] << UInt64(scale)
            result = [mod << 6 | reg << 3 | 4, scale << 6 | (index & 7) << 3 | low]
        } else if low == 4 {
            result = [mod << 6 | reg << 3 | 4, 0x20 | low]
        } else {
            result = [mod << 6 | reg << 3 | low]
        }
        registers[Int(base)] = address &- offset
        if !wide, random.chance(50) { registers[Int(base)] ^= random.next() << 32 }
        if mod == 1 { result.append(UInt8(truncatingIfNeeded: displacement)) }
        if mod == 2 { result += bytes(UInt64(bitPattern: displacement), 4) }
        return (result, nil)
    }

    private mutating func immediate(_ letter: Character, is16: Bool, isWide: Bool) -> [UInt8] {
        let value = random.integer()
        switch letter {
        case "b": return [UInt8(truncatingIfNeeded: value)]
        case "w": return bytes(value, 2)
        case "v": return bytes(value, isWide ? 8 : is16 ? 2 : 4)
        default: return bytes(value, is16 && !isWide ? 2 : 4)
        }
    }

    private func bytes(_ value: UInt64, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) } }
}

/// What lies in the sandbox before each case.
enum SandboxData {
    /// Offset of a valid FXSAVE image, and 0x200 behind it of an FNSAVE image.
    static let image: UInt64 = 0x400

    static func make(seed: UInt64) -> [UInt8] {
        var random = CaseRandom(seed: seed ^ 0x5a5a)
        var data: [UInt8] = []
        func append(_ value: UInt64, _ count: Int) { for i in 0..<count { data.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * i))) } }
        while data.count < Int(LV_EXECUTOR_DATA_SIZE) {
            switch random.below(6) {
            case 0:
                let value = random.extended()
                append(value.1, 8)
                append(UInt64(value.0), 8)
            case 1:
                append(random.integer(), 8)
                append(random.integer(), 8)
            case 2:
                // A packed decimal.
                for _ in 0..<9 { append(UInt64(random.below(10) << 4 | random.below(10)), 1) }
                append(random.chance(50) ? 0x80 : 0, 1)
                append(random.next(), 6)
            default:
                let value = random.vector()
                append(value.0, 8)
                append(value.1, 8)
            }
        }
        func put(_ offset: UInt64, _ value: UInt64, _ count: Int) {
            for i in 0..<count { data[Int(offset) + i] = UInt8(truncatingIfNeeded: value >> UInt64(8 * i)) }
        }
        let fcw = random.next() & 0x1f3f | 0x40
        put(image, fcw, 2)
        put(image + 2, random.next() & 0x7f7f & (~0x3f | fcw), 2)
        put(image + 4, random.next(), 2)
        put(image + 24, random.next() & 0xffff, 4)
        put(image + 0x200, random.next() & 0x1f3f | 0x40, 4)
        put(image + 0x204, random.next() & 0x7f7f, 4)
        put(image + 0x208, random.next(), 4)
        return data
    }
}
