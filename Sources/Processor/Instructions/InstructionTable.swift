/// All rows, ordered for the decoder: those of one opcode lie together, whole-ModRM rows first, then the more special prefixes.
///
/// Safety: the two buffers live for the program's life and are only read after `init`; ranges come from `init`.
struct InstructionTable: @unchecked Sendable {
    /// The table of this program: integer, floating-point and system rows.
    static let shared = InstructionTable(texts: [integerTable, floatingPointTable, systemTable])

    /// Rows of opcode `map << 8 | byte` (map 0: one byte, 1: 0F) are `forms[ranges[n].first ..< ranges[n].first + count]`.
    struct Range {
        var first: UInt16 = 0
        var count: UInt8 = 0
        var needsModRM = false
    }
    let forms: UnsafePointer<InstructionForm>
    let ranges: UnsafePointer<Range>
    let count: Int
    /// Lines that could not be read. Empty; a test looks.
    let errors: [InstructionTableError]

    init(texts: [String]) {
        var parser = InstructionTableParser()
        for text in texts { parser.parse(text) }
        errors = parser.errors
        var ordered: [InstructionForm] = []
        let index = UnsafeMutablePointer<Range>.allocate(capacity: 512)
        index.initialize(repeating: Range(), count: 512)
        for opcode in 0..<512 {
            let rows = parser.rows[opcode].sorted { Self.rank($0) < Self.rank($1) }
            index[opcode] = Range(
                first: UInt16(ordered.count), count: UInt8(rows.count), needsModRM: rows.contains { $0.needsModRM })
            ordered += rows
        }
        let buffer = UnsafeMutablePointer<InstructionForm>.allocate(capacity: max(1, ordered.count))
        buffer.initialize(from: ordered, count: ordered.count)
        forms = UnsafePointer(buffer)
        ranges = UnsafePointer(index)
        count = ordered.count
    }

    /// Lower is tried first; equal ranks keep the order of the text.
    private static func rank(_ form: InstructionForm) -> Int {
        var rank = Int(form.line)
        if form.wholeMask != 0xff { rank += 1 << 24 }
        if form.wholeMask == 0 { rank += 1 << 24 }
        switch form.prefix {
        case .repeatEqual, .repeatNotEqual: break
        case .operandSize: rank += 1 << 20
        case .none: rank += 2 << 20
        case .any: rank += 3 << 20
        }
        return rank
    }
}

/// Reads the lines of the table.
struct InstructionTableParser {
    /// By `map << 8 | opcode`.
    var rows: [[InstructionForm]] = Array(repeating: [], count: 512)
    var errors: [InstructionTableError] = []
    private var line: Int32 = 0
    private let names: [String: Operation]

    init() {
        var names: [String: Operation] = [:]
        for operation in Operation.allCases { names[String(describing: operation).lowercased()] = operation }
        names["in"] = .inPort
        names["out"] = .outPort
        names["int"] = .intN
        self.names = names
    }

    mutating func parse(_ text: String) {
        for raw in Self.parts(of: text[...], "\n") {
            line += 1
            let content = Substring(raw.utf8.prefix { $0 != UInt8(ascii: "#") })
            if content.utf8.allSatisfy({ $0 == UInt8(ascii: " ") }) { continue }
            if let reason = parseLine(content) { errors.append(InstructionTableError(line: String(raw), reason: reason)) }
        }
    }

    /// By bytes, which is many times as fast as by characters; the table is ASCII.
    private static func parts(of text: Substring, _ separator: Unicode.Scalar, most: Int = .max) -> [Substring] {
        text.utf8.split(separator: UInt8(ascii: separator), maxSplits: most).map { Substring($0) }
    }

    /// nil: the line is in `rows`; else what is wrong.
    private mutating func parseLine(_ content: Substring) -> String? {
        let halves = Self.parts(of: content, ";", most: 1)
        guard let head = halves.first else { return "empty" }
        var words = Self.parts(of: head, " ")[...]
        var form = InstructionForm()
        form.line = line
        switch words.first {
        case "NP": form.prefix = .none
        case "66" where words.count > 2: form.prefix = .operandSize
        case "F2": form.prefix = .repeatNotEqual
        case "F3": form.prefix = .repeatEqual
        default: break
        }
        if form.prefix != .any { words.removeFirst() }
        var map = 0
        var opcode: Int?
        var spread = 1
        var isCondition = false
        encoding: while let word = words.first {
            if word == "m" || word == "r" {
                if word == "m" { form.memoryOnly = true } else { form.registerOnly = true }
                form.needsModRM = true
            } else if word.first == "/" {
                form.needsModRM = true
                if !parseDigit(word.dropFirst(), &form) { return "bad digit" }
            } else {
                let parts = Self.parts(of: word, "/", most: 1)
                let plus = Self.parts(of: parts[0], "+", most: 1)
                guard plus[0].utf8.count == 2, let byte = Int(plus[0], radix: 16), opcode == nil || form.wholeMask == 0, form.digit < 0
                else {
                    break encoding
                }
                if opcode == nil, map == 0, byte == 0x0f {
                    map = 1
                } else if opcode == nil {
                    opcode = byte
                } else {
                    form.needsModRM = true
                    form.whole = UInt8(byte)
                    form.wholeMask = 0xff
                }
                if plus.count > 1 {
                    switch plus[1] {
                    case "r":
                        spread = 8
                        form.opcodeRegister = true
                    case "i": form.wholeMask = 0xf8
                    case "cc":
                        spread = 16
                        isCondition = true
                    default: return "bad suffix"
                    }
                }
                if parts.count > 1 {
                    form.needsModRM = true
                    if !parseDigit(parts[1], &form) { return "bad digit" }
                }
            }
            words.removeFirst()
        }
        guard let opcode, let name = words.popFirst() else { return "no opcode or mnemonic" }
        let operands = words.flatMap { Self.parts(of: $0, ",") }.map { String($0) }
        guard let operation = resolve(name.lowercased(), operands.first) else { return "no such operation" }
        form.operation = operation
        var sized = false
        form.toRegister = operands.first.map { Self.begins($0, with: "GVP") && $0.dropFirst().first?.isLowercase == true } ?? false
        for operand in operands { if let reason = read(operand, &form, &sized) { return reason } }
        if halves.count > 1 {
            for attribute in Self.parts(of: halves[1], " ") {
                switch attribute {
                case "i64": form.invalidIn64 = true
                case "o64": form.only64 = true
                case "d64": form.default64 = true
                case "f64": form.force64 = true
                case "lock": form.lockable = true
                default:
                    guard attribute.hasPrefix("imm="), let value = Int32(attribute.dropFirst(4)) else { return "bad attribute" }
                    form.constant = value
                }
            }
        }
        for offset in 0..<spread {
            if isCondition { form.constant = Int32(offset) }
            rows[map << 8 | opcode + offset].append(form)
        }
        return nil
    }

    private func parseDigit(_ text: Substring, _ form: inout InstructionForm) -> Bool {
        var text = text
        if text == "r" { return true }
        if text.last == "m" {
            form.memoryOnly = true
            text.removeLast()
        } else if text.last == "r" {
            form.registerOnly = true
            text.removeLast()
        }
        guard let digit = Int8(text), (0...7).contains(digit) else { return false }
        form.digit = digit
        return true
    }

    private static func begins(_ operand: String, with letters: String) -> Bool { operand.first.map { letters.contains($0) } ?? false }

    private func resolve(_ name: String, _ first: String?) -> Operation? {
        if let operation = names[name] { return operation }
        let isStore = first.map { Self.begins($0, with: "EWQM") } ?? false
        return names[name + (isStore ? "store" : "load")]
    }

    private func read(_ operand: String, _ form: inout InstructionForm, _ sized: inout Bool) -> String? {
        guard let letter = operand.first else { return "empty operand" }
        let rest = operand.dropFirst()
        let isForm =
            letter.isUppercase
            && (rest.isEmpty ? letter == "M" : rest.first?.isLowercase == true || letter == "M" && rest.first?.isNumber == true)
        guard isForm else {
            if !sized, let size = ["AL": InstructionForm.Size.byte, "AX": .word, "eAX": .v, "EAX": .v, "rAX": .v, "RAX": .v][operand] {
                form.size = size
                sized = true
            }
            return nil
        }
        let size = Self.size(rest)
        switch letter {
        case "I":
            if form.immediate == .other { form.immediate = size } else { form.secondImmediate = size }
            return nil
        case "J":
            form.relative = size
            return nil
        case "A":
            form.hasFarPointer = true
            return nil
        case "O": form.hasOffset = true
        case "E", "W", "Q": form.needsModRM = true
        case "M":
            form.needsModRM = true
            form.memoryOnly = true
        case "R", "N", "U":
            form.needsModRM = true
            form.registerOnly = true
        case "G", "V", "P", "S": form.needsModRM = true
        case "C", "D":
            form.needsModRM = true
            form.ignoresMode = true
        case "X", "Y", "Z": break
        default: return "unknown operand \(operand)"
        }
        if !sized, "EGMROXYZ".contains(letter), size != .other {
            form.size = size
            sized = true
        }
        return nil
    }

    private static func size(_ letters: Substring) -> InstructionForm.Size {
        switch letters {
        case "b": .byte
        case "w": .word
        case "d": .double
        case "q": .quad
        case "v", "p": .v
        case "y": .y
        case "z": .z
        default: .other
        }
    }
}

/// Reads the instruction table now, on any thread, some milliseconds' work that the first instruction waits for otherwise.
package func prepareInstructionTable() { _ = InstructionTable.shared }

/// Lines of the instruction table that cannot be read, in words. Empty; a test looks.
package var instructionTableErrors: [String] { InstructionTable.shared.errors.map(\.description) }
