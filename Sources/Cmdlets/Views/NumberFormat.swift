/// Values in .NET's standard formats, as far as tables of machines want them: N2, F1, P0, D3, X8, 0.00, and times as Get-Date has them.
enum NumberFormat {
    /// `format` may stand in braces, with words around: `{0:N1} GB`. What it does not know leaves the value as it is.
    static func text(_ value: Value, _ format: String) -> String {
        guard let open = format.firstRange(of: "{0"), let close = format[open.upperBound...].firstIndex(of: "}") else {
            return plain(value, format)
        }
        let inner = format[open.upperBound..<close]
        let shown = inner.hasPrefix(":") ? plain(value, String(inner.dropFirst())) : CellText.text(value)
        return format[..<open.lowerBound] + shown + format[format.index(after: close)...]
    }

    private static func plain(_ value: Value, _ format: String) -> String {
        if case .time(let time) = value { return time.formatted(format) }
        guard let number = value.numberValue, let kind = format.first else { return CellText.text(value) }
        let digits = Int(format.dropFirst())
        switch kind {
        case "N", "n": return grouped(NumberText.fixed(number, digits: min(digits ?? 2, 15)))
        case "F", "f": return NumberText.fixed(number, digits: min(digits ?? 2, 15))
        case "P", "p": return grouped(NumberText.fixed(number * 100, digits: min(digits ?? 2, 15))) + " %"
        case "D", "d": return value.integerValue.map { padded(String($0.magnitude), digits, negative: $0 < 0) } ?? CellText.text(value)
        case "X", "x":
            guard let whole = value.integerValue else { return CellText.text(value) }
            return padded(String(UInt64(bitPattern: whole), radix: 16, uppercase: kind == "X"), digits, negative: false)
        case "0", "#":
            let point = format.firstIndex(of: ".")
            return NumberText.fixed(number, digits: point.map { min(format.distance(from: $0, to: format.endIndex) - 1, 15) } ?? 0)
        default: return CellText.text(value)
        }
    }

    private static func padded(_ text: String, _ digits: Int?, negative: Bool) -> String {
        (negative ? "-" : "") + String(repeating: "0", count: max(0, min(digits ?? 0, 99) - text.count)) + text
    }

    /// Thousands apart, as 1,234.5.
    private static func grouped(_ text: String) -> String {
        let sign = text.hasPrefix("-") ? "-" : ""
        let body = text.dropFirst(sign.count)
        let whole = body.prefix { $0 != "." }
        guard whole.allSatisfy(\.isNumber) else { return text }
        var result = ""
        for (place, digit) in whole.enumerated() {
            if place > 0, (whole.count - place) % 3 == 0 { result.append(",") }
            result.append(digit)
        }
        return sign + result + body.dropFirst(whole.count)
    }
}
