import Basics

/// Reads JSON (RFC 8259) into values: objects as records in their own order, whole numbers as integers. Every text is hostile: depth is
/// bounded, and an error names the line.
struct JSONReader {
    private let bytes: [UInt8]
    private var place = 0
    /// Deeper nesting is an error; -Depth of ConvertFrom-Json.
    private let deepest: Int

    private init(_ text: String, depth: Int) { (bytes, deepest) = (Array(text.utf8), depth) }

    /// The one value that `text` holds.
    static func read(_ text: String, depth: Int = 1024) throws -> Value {
        var reader = JSONReader(text, depth: min(depth, 1024))
        reader.skipSpace()
        let value = try reader.value(0)
        reader.skipSpace()
        guard reader.place == reader.bytes.count else { throw reader.failure("one value only; here another begins") }
        return value
    }

    private var here: UInt8 { place < bytes.count ? bytes[place] : 0 }

    private mutating func skipSpace() { while [32, 9, 10, 13].contains(here), place < bytes.count { place += 1 } }

    private func failure(_ wanted: String) -> ErrorRecord {
        let before = bytes[..<min(place, bytes.count)]
        let line = before.count { $0 == 10 } + 1
        let column = before.reversed().prefix { $0 != 10 }.count + 1
        let found =
            place >= bytes.count
            ? "the end of the text" : "“\(String(decoding: bytes[place..<min(place + 12, bytes.count)], as: UTF8.self))”"
        return ErrorRecord(
            "The JSON text is broken at line \(line), column \(column): expected is \(wanted), found was \(found).", "JsonInvalid",
            .parserError, cmdlet: "ConvertFrom-Json")
    }

    private mutating func value(_ depth: Int) throws -> Value {
        guard depth < deepest else {
            throw ErrorRecord(
                "The JSON text is nested more than \(deepest) levels deep.", "JsonTooDeep", .invalidData, action: "-Depth allows more.",
                cmdlet: "ConvertFrom-Json")
        }
        switch here {
        case 123: return try object(depth)
        case 91: return try array(depth)
        case 34: return .string(try string())
        case 116: return try word("true", .boolean(true))
        case 102: return try word("false", .boolean(false))
        case 110: return try word("null", .null)
        case 45, 48...57: return try number()
        default: throw failure("a value")
        }
    }

    private mutating func word(_ word: String, _ value: Value) throws -> Value {
        guard bytes[place...].starts(with: word.utf8) else { throw failure("`\(word)`") }
        place += word.utf8.count
        return value
    }

    private mutating func object(_ depth: Int) throws -> Value {
        place += 1
        var record = FieldCollector()
        skipSpace()
        while here != 125 {
            guard here == 34 else { throw failure("a name in double quotes") }
            let name = try string()
            skipSpace()
            guard here == 58 else { throw failure("`:` after a name") }
            place += 1
            skipSpace()
            record.add(name, try value(depth + 1))
            skipSpace()
            if here == 44 {
                place += 1
                skipSpace()
                guard here == 34 else { throw failure("a name in double quotes") }
            } else if here != 125 {
                throw failure("`,` or `}`")
            }
        }
        place += 1
        return .record(record.record)
    }

    private mutating func array(_ depth: Int) throws -> Value {
        place += 1
        var values: [Value] = []
        skipSpace()
        while here != 93 {
            values.append(try value(depth + 1))
            skipSpace()
            if here == 44 {
                place += 1
                skipSpace()
                guard here != 93 else { throw failure("a value") }
            } else if here != 93 {
                throw failure("`,` or `]`")
            }
        }
        place += 1
        return .list(values)
    }

    private mutating func number() throws -> Value {
        let start = place
        var isWhole = true
        if here == 45 { place += 1 }
        let first = here
        guard (48...57).contains(first) else { throw failure("a digit") }
        while (48...57).contains(here) { place += 1 }
        if first == 48, place - start - (bytes[start] == 45 ? 1 : 0) > 1 {
            place = start
            throw failure("a number without leading zeros")
        }
        if here == 46 {
            isWhole = false
            place += 1
            guard (48...57).contains(here) else { throw failure("a digit") }
            while (48...57).contains(here) { place += 1 }
        }
        if here | 32 == 101 {
            isWhole = false
            place += 1
            if here == 43 || here == 45 { place += 1 }
            guard (48...57).contains(here) else { throw failure("a digit") }
            while (48...57).contains(here) { place += 1 }
        }
        let text = String(decoding: bytes[start..<place], as: UTF8.self)
        if isWhole, let integer = Int64(text) { return .integer(integer) }
        return .number(Double(text) ?? 0)
    }

    private mutating func string() throws -> String {
        place += 1
        var text: [UInt8] = []
        while true {
            guard place < bytes.count else { throw failure("`\"` at the end of a string") }
            let byte = here
            switch byte {
            case 34:
                place += 1
                return String(decoding: text, as: UTF8.self)
            case 0..<32: throw failure("an escape such as \\n in place of a control character")
            case 92:
                place += 1
                try escape(&text)
            default:
                text.append(byte)
                place += 1
            }
        }
    }

    private mutating func escape(_ text: inout [UInt8]) throws {
        let byte = here
        place += 1
        switch byte {
        case 34, 92, 47: text.append(byte)
        case 98: text.append(8)
        case 102: text.append(12)
        case 110: text.append(10)
        case 114: text.append(13)
        case 116: text.append(9)
        case 117:
            var scalar = try fourDigits()
            if (0xd800..<0xdc00).contains(scalar), here == 92, place + 1 < bytes.count, bytes[place + 1] == 117 {
                let before = place
                place += 2
                let low = try fourDigits()
                if (0xdc00..<0xe000).contains(low) {
                    scalar = 0x10000 + (scalar - 0xd800) << 10 + (low - 0xdc00)
                } else {
                    place = before
                }
            }
            // Half a pair stands for no character.
            text += Array(String(Character(Unicode.Scalar(scalar) ?? "\u{fffd}")).utf8)
        default:
            place -= 1
            throw failure("one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u")
        }
    }

    private mutating func fourDigits() throws -> UInt32 {
        guard place + 4 <= bytes.count, bytes[place..<place + 4].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let value = UInt32(String(decoding: bytes[place..<place + 4], as: UTF8.self), radix: 16)
        else { throw failure("four hexadecimal digits") }
        place += 4
        return value
    }
}

/// Fields by name in linear time, however many there are; the last of two that differ in letter case only counts.
struct FieldCollector {
    private var fields: [(name: String, value: Value)] = []
    private var places: [String: Int] = [:]

    mutating func add(_ name: String, _ value: Value) {
        if let place = places[name.lowercased()] {
            fields[place].value = value
        } else {
            places[name.lowercased()] = fields.count
            fields.append((name, value))
        }
    }

    var record: Record { Record(fields) }
}
