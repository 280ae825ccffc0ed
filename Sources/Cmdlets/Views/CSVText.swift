/// Comma-separated values as RFC 4180 has them, every field in quotation marks as PowerShell writes them.
enum CSVText {
    /// Which fields are quoted.
    enum Quotes: String {
        case always = "Always"
        case asNeeded = "AsNeeded"
        case never = "Never"
    }

    /// One record with its line end.
    static func line(_ fields: [String], delimiter: Character = ",", quotes: Quotes = .always) -> String {
        fields.map { field in
            let isQuoted =
                switch quotes {
                case .always: true
                case .asNeeded: field.contains { $0 == delimiter || $0 == "\"" || $0.isNewline }
                case .never: false
                }
            return isQuoted ? "\"" + field.replacing("\"", with: "\"\"") + "\"" : field
        }.joined(separator: String(delimiter)) + "\n"
    }
}

extension String {
    /// Every occurrence of one character as some text.
    func replacing(_ character: Character, with text: String) -> String {
        guard contains(character) else { return self }
        var result = ""
        for next in self { if next == character { result += text } else { result.append(next) } }
        return result
    }
}
