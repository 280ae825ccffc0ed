/// How far in the lines of a chunk stand while it is typed.
package enum LineIndentation {
    private static let openers: Set<String> = ["then", "do", "repeat", "else"]
    private static let closers: Set<String> = ["end", "else", "elseif", "until", "}", ")", "})"]
    private static let step = 2

    /// For the text before the cursor: the spaces with which the next line begins, the characters of the current line, and how many of
    /// its leading spaces are too many, as it begins with a word that closes.
    package static func of(_ text: String) -> (next: Int, length: Int, outdent: Int) {
        let line = text.split(separator: "\n", omittingEmptySubsequences: false).last ?? ""
        let words = line.split { $0 == " " || $0 == "\t" }
        var own = line.prefix { $0 == " " }.count
        var outdent = 0
        if let first = words.first, text.contains("\n"), closers.contains(String(first)), own >= step {
            outdent = step
            own -= step
        }
        let isOpened =
            words.last.map { last in
                openers.contains(String(last)) || last.hasSuffix("{") || last.hasSuffix("(")
                    || last.hasSuffix(")") && opensFunction(line)
            } ?? false
        return (own + (isOpened ? step : 0), line.unicodeScalars.count, outdent)
    }

    /// `… function(…)` and `function name(…)` at the line's end.
    private static func opensFunction(_ line: Substring) -> Bool {
        guard let open = line.lastIndex(of: "(") else { return false }
        let before = line[..<open].split { !($0.isLetter || $0.isNumber || "_.:".contains($0)) }
        return before.suffix(2).contains("function") && line[open...].dropFirst().dropLast().allSatisfy { $0 != ")" }
    }
}
