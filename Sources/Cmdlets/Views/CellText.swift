/// The text of one value in a table's cell or a list's line.
public enum CellText {
    public static func text(_ value: Value) -> String {
        switch value {
        case .boolean(let flag): flag ? "True" : "False"
        case .list(let values): "{" + values.map { text($0) }.joined(separator: ", ") + "}"
        case .record(let record): "@{" + record.fields.map { "\($0.name)=\(text($0.value))" }.joined(separator: "; ") + "}"
        default: escapingControls(value.text, keepingLines: false)
        }
    }

    /// Control characters as `\x1b` and the like, so that text from a guest cannot drive the terminal; with `keepingLines` line
    /// ends and tabs stay.
    public static func escapingControls(_ text: String, keepingLines: Bool = true) -> String {
        func isControl(_ scalar: Unicode.Scalar) -> Bool {
            switch scalar.value {
            case 0x0a, 0x09: !keepingLines
            // C0, DEL and C1; the marks that turn the direction of writing.
            case 0..<0x20, 0x7f..<0xa0, 0x202a...0x202e, 0x2066...0x2069: true
            default: false
            }
        }
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        var result = String.UnicodeScalarView()
        let scalars = Array(text.unicodeScalars)
        for (position, scalar) in scalars.enumerated() {
            guard isControl(scalar) else {
                result.append(scalar)
                continue
            }
            if scalar == "\r", keepingLines, position + 1 < scalars.count, scalars[position + 1] == "\n" { continue }
            let escape: String =
                switch scalar {
                case "\n": "\\n"
                case "\r": "\\r"
                case "\t": "\\t"
                default:
                    scalar.value < 0x100
                        ? "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
                        : "\\u{" + String(scalar.value, radix: 16) + "}"
                }
            result.append(contentsOf: escape.unicodeScalars)
        }
        return String(result)
    }

    /// Columns a text takes on a terminal: wide East Asian characters and emoji two, combining marks none.
    static func width(_ text: String) -> Int {
        var columns = 0
        for character in text {
            guard let first = character.unicodeScalars.first else { continue }
            switch first.value {
            case 0x300...0x36f, 0x200b...0x200f: break
            case 0x1100...0x115f, 0x2e80...0xa4cf, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f, 0xff00...0xff60, 0xffe0...0xffe6,
                0x1f300...0x1f64f, 0x1f900...0x1f9ff, 0x20000...0x3fffd:
                columns += 2
            default: columns += 1
            }
        }
        return columns
    }

    /// Cut to that many columns, the last of them an ellipsis.
    static func cut(_ text: String, to columns: Int) -> String {
        guard width(text) > columns else { return text }
        var result = ""
        var used = 0
        for character in text {
            let next = width(String(character))
            guard used + next <= columns - 1 else { break }
            result.append(character)
            used += next
        }
        return result + (columns > 0 ? "…" : "")
    }
}
