import CEdit
import Glibc

/// Tab: the word goes on as far as the candidates agree; what is left to choose is listed with a line about each.
extension LineEditor {
    func complete() -> UInt8 {
        let before = text.before
        let line = before.split(separator: "\n", omittingEmptySubsequences: false).last ?? ""
        // At the start of a further line the key indents.
        if before.contains("\n"), line.allSatisfy({ $0 == " " }) { return insert("  ") }
        let (start, candidates) = completion(before)
        guard let first = candidates.first else { return UInt8(CC_ERROR) }
        let typed = String(decoding: Array(before.utf8)[min(start, before.utf8.count)...], as: UTF8.self)
        let common = Self.commonPrefix(candidates.map(\.text))
        if candidates.count == 1 || common.count > typed.count {
            delete(typed.unicodeScalars.count)
            return insert(candidates.count == 1 ? first.text + (first.isWhole ? " " : "") : common)
        }
        moveBelow()
        write("\n" + list(candidates))
        lv_edit_redraw(editor)
        return UInt8(CC_NORM)
    }

    /// Lists that are longer stand in columns, without descriptions.
    private static let described = 30
    private static let listed = 300

    private func list(_ candidates: [Candidate]) -> String {
        var size = winsize()
        let hasSize = ioctl(1, UInt(TIOCGWINSZ), &size) == 0
        let width = hasSize && size.ws_col > 0 ? Int(size.ws_col) : 80
        let longest = candidates.map(\.label.count).max() ?? 1
        let summaries = candidates.count <= Self.described ? candidates.map { $0.summary() } : []
        var text = ""
        if summaries.contains(where: { $0 != nil }) {
            for (candidate, summary) in zip(candidates, summaries) {
                let line = candidate.label + String(repeating: " ", count: longest - candidate.label.count + 2) + (summary ?? "")
                text += Self.cut(line, to: width - 1) + "\n"
            }
            return text
        }
        let column = longest + 2
        let perLine = max(1, width / column)
        for (place, candidate) in candidates.prefix(Self.listed).enumerated() {
            let isLast = place % perLine == perLine - 1
            text += candidate.label + (isLast ? "\n" : String(repeating: " ", count: column - candidate.label.count))
        }
        if !text.hasSuffix("\n") { text += "\n" }
        if candidates.count > Self.listed { text += "… \(candidates.count - Self.listed) more\n" }
        return text
    }

    private static func cut(_ line: String, to width: Int) -> String {
        guard line.count > width else { return line }
        return line.prefix(max(0, width - 1)) + "…"
    }

    /// What all begin with, in any letter case; the first one's spelling.
    static func commonPrefix(_ texts: [String]) -> String {
        guard let first = texts.first else { return "" }
        var length = first.count
        for other in texts.dropFirst() {
            let same = zip(first.lowercased(), other.lowercased()).prefix { $0 == $1 }.count
            length = min(length, same)
        }
        return String(first.prefix(length))
    }
}
