import Processor

/// One line of the instruction table as the generator of host tests reads it.
struct EncodingRow {
    /// The operation's name in lower case.
    let name: String
    let text: String
    /// The mandatory prefix byte; `isPlain`: none allowed; neither: any prefix fits.
    private(set) var prefix: UInt8?
    private(set) var isPlain = false
    /// Opcode bytes, the last one without its `+r` or `+cc` part.
    private(set) var opcode: [UInt8] = []
    /// How many values the low bits of the opcode take (`+r`: 8, `+cc`: 16).
    private(set) var spread = 1
    /// A whole ModRM byte, and how many values its low bits take (`+i`: 8).
    private(set) var whole: UInt8?
    private(set) var wholeSpread = 1
    private(set) var digit: UInt8?
    private(set) var needsModRM = false
    private(set) var memoryOnly = false
    private(set) var registerOnly = false
    private(set) var isLockable = false
    private(set) var isInvalidIn64 = false
    private(set) var isOnly64 = false
    private(set) var immediates: [Character] = []
    private(set) var relative: Character?
    private(set) var hasOffset = false
    /// The memory operand's letters, for example `Ev` or `Wx`.
    private(set) var operands: [String] = []

    /// nil: an empty line or a comment.
    init?(line: Substring) {
        let content = line.prefix { $0 != "#" }
        let halves = content.split(separator: ";", maxSplits: 1)
        guard let head = halves.first else { return nil }
        var words = head.split(separator: " ")[...]
        guard words.count >= 2 else { return nil }
        text = String(content).trimmingPrefix { $0 == " " }.description
        switch words.first {
        case "NP": isPlain = true
        case "66" where words.count > 2: prefix = 0x66
        case "F2": prefix = 0xf2
        case "F3": prefix = 0xf3
        default: break
        }
        if isPlain || prefix != nil { words.removeFirst() }
        while let word = words.first {
            if word == "m" {
                memoryOnly = true
            } else if word == "r" {
                registerOnly = true
            } else if word.first == "/" {
                if let value = word.dropFirst().first?.wholeNumberValue { digit = UInt8(value) }
                if word.last == "m" { memoryOnly = true }
                if word.last == "r", word.count > 2 { registerOnly = true }
                needsModRM = true
            } else {
                let parts = word.split(separator: "+", maxSplits: 1)
                guard parts[0].count == 2, let byte = UInt8(parts[0], radix: 16), whole == nil, digit == nil else { break }
                let isComplete = opcode.count == (opcode.first == 0x0f ? 2 : 1)
                if isComplete { whole = byte } else { opcode.append(byte) }
                if parts.count > 1 {
                    switch parts[1] {
                    case "r": spread = 8
                    case "cc": spread = 16
                    default: wholeSpread = 8
                    }
                }
            }
            words.removeFirst()
        }
        guard let name = words.popFirst(), !opcode.isEmpty else { return nil }
        self.name = name.lowercased()
        operands = words.joined().split(separator: ",").map(String.init)
        for operand in operands { read(operand) }
        if halves.count > 1 {
            isLockable = halves[1].split(separator: " ").contains("lock")
            isOnly64 = halves[1].split(separator: " ").contains("o64")
            isInvalidIn64 = halves[1].split(separator: " ").contains("i64")
        }
        if memoryOnly || registerOnly { needsModRM = true }
        if whole != nil { needsModRM = true }
    }

    private mutating func read(_ operand: String) {
        guard let letter = operand.first, let size = operand.dropFirst().first ?? (letter == "M" ? "x" : nil),
            size.isLowercase || letter == "M"
        else { return }
        switch letter {
        case "I": immediates.append(size)
        case "J": relative = size
        case "O": hasOffset = true
        case "M":
            memoryOnly = true
            needsModRM = true
        case "R", "N", "U":
            registerOnly = true
            needsModRM = true
        case "E", "W", "Q", "G", "V", "P", "S": needsModRM = true
        default: break
        }
    }

    var isStringOperation: Bool { ["movs", "cmps", "stos", "lods", "scas"].contains(name) }
    var isX87: Bool { opcode[0] & 0xf8 == 0xd8 || opcode[0] == 0x9b }
}

/// The rows that user-mode code of the host can run.
enum EncodingRows {
    /// Not there: traps of the tester's own (INT3), and what the two sides may do differently by right (UD2 has its own tests).
    private static let excluded: Set<String> = ["undefined"]

    private static func rows(_ text: String) -> [EncodingRow] {
        text.split(separator: "\n").compactMap { EncodingRow(line: $0) }.filter { !excluded.contains($0.name) }
    }
    static let integer = rows(InstructionTableText.integer)
    static let floatingPoint = rows(InstructionTableText.floatingPoint)
}
