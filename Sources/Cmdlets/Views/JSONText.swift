import Basics

/// Values as JSON: properties in their declared order, durations and times as text, ids and enumerations as they print.
public enum JSONText {
    /// `depth`: how many levels of objects within objects are opened; below it an object is its name.
    public static func encode(_ value: Value, pretty: Bool = false, depth: Int = 2) throws -> String {
        var text = ""
        try write(value, &text, pretty: pretty, indent: 0, depth: depth)
        return text
    }

    private static func write(_ value: Value, _ text: inout String, pretty: Bool, indent: Int, depth: Int) throws {
        switch value {
        case .null: text += "null"
        case .boolean(let flag): text += flag ? "true" : "false"
        case .integer(let number): text += String(number)
        case .number(let number): text += number.isFinite ? NumberText.shortest(number) : "null"
        case .list(let values):
            guard indent < 100 else { throw tooDeep }
            guard !values.isEmpty else {
                text += "[]"
                return
            }
            text += "["
            for (position, value) in values.enumerated() {
                if position > 0 { text += "," }
                newLine(&text, pretty, indent + 1)
                try write(value, &text, pretty: pretty, indent: indent + 1, depth: depth)
            }
            newLine(&text, pretty, indent)
            text += "]"
        case .object(let object):
            guard depth > 0 else { return string(object.displayName, &text) }
            try fields(try object.snapshot(), &text, pretty, indent, depth - 1)
        case .record(let record):
            guard depth >= 0 else { return string(value.text, &text) }
            try fields(record, &text, pretty, indent, depth - 1)
        case .string, .duration, .time, .block, .opaque: string(value.text, &text)
        }
    }

    private static func fields(_ record: Record, _ text: inout String, _ pretty: Bool, _ indent: Int, _ depth: Int) throws {
        guard indent < 100 else { throw tooDeep }
        guard !record.fields.isEmpty else {
            text += "{}"
            return
        }
        text += "{"
        for (position, field) in record.fields.enumerated() {
            if position > 0 { text += "," }
            newLine(&text, pretty, indent + 1)
            string(field.name, &text)
            text += pretty ? ": " : ":"
            try write(field.value, &text, pretty: pretty, indent: indent + 1, depth: depth)
        }
        newLine(&text, pretty, indent)
        text += "}"
    }

    private static let tooDeep = ErrorRecord("The value is nested too deeply for JSON.", "JsonTooDeep", .invalidData)

    private static func newLine(_ text: inout String, _ pretty: Bool, _ indent: Int) {
        if pretty { text += "\n" + String(repeating: "  ", count: indent) }
    }

    private static func string(_ value: String, _ text: inout String) {
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            default:
                if scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value) {
                    let digits = String(scalar.value, radix: 16)
                    text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                } else {
                    text.unicodeScalars.append(scalar)
                }
            }
        }
        text += "\""
    }
}
