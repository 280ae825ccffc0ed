/// Comma-separated values as RFC 4180 has them, every field in quotation marks as PowerShell writes them.
enum CSVText {
    /// One record with its line end.
    static func line(_ fields: [String], delimiter: Character = ",") -> String {
        fields.map { "\"" + $0.replacing("\"", with: "\"\"") + "\"" }.joined(separator: String(delimiter)) + "\n"
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
