import CEdit
import Glibc

/// Bracketed paste: what a terminal pastes between its marks is text, whatever keys it spells.
extension LineEditor {
    /// Pasted text that is longer is set aside, and a few words stand for it in the line.
    private static let longest = 8192
    /// A paste that is longer than any program is dropped.
    private static let limit = 64 << 20
    private static let endMark: [UInt8] = Array("\u{1b}[201~".utf8)

    func paste() -> UInt8 {
        var bytes: [UInt8] = []
        var isTooLong = false
        while true {
            guard let next = readByte(), let byte = next else { return UInt8(CC_EOF) }
            bytes.append(byte)
            if byte == 0x7e, bytes.suffix(Self.endMark.count).elementsEqual(Self.endMark) { break }
            if bytes.count > Self.limit {
                isTooLong = true
                bytes.removeFirst(bytes.count - Self.endMark.count)
            }
        }
        bytes.removeLast(Self.endMark.count)
        if isTooLong {
            _ = notices.post("The pasted text is longer than \(Self.limit >> 20) MB and was dropped; run it as a file.\n")
            return UInt8(CC_NORM)
        }
        var text = ""
        // Terminals paste the Enter key for a line's end.
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            switch scalar {
            case "\r": text.unicodeScalars.append("\n")
            case "\n" where text.unicodeScalars.last == "\n" && bytes.contains(0x0d): break
            case "\n", "\t": text.unicodeScalars.append(scalar)
            case _ where scalar.value < 0x20 || scalar.value == 0x7f: break
            default: text.unicodeScalars.append(scalar)
            }
        }
        // Enter is the user's to press.
        while text.hasSuffix("\n") { text.removeLast() }
        guard !text.isEmpty else { return UInt8(CC_NORM) }
        guard text.utf8.count > Self.longest else { return insert(text) }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).count
        let words = "[pasted text \(setAside.count + 1): \(lines) lines]"
        setAside[words] = text
        return insert(words)
    }

    /// The text with what was set aside in its place.
    func expanded(_ text: String) -> String {
        var result = text
        for (words, pasted) in setAside {
            var pieces: [Substring] = []
            var rest = result[...]
            while let place = rest.firstRange(of: words) {
                pieces.append(rest[..<place.lowerBound])
                rest = rest[place.upperBound...]
            }
            pieces.append(rest)
            result = pieces.joined(separator: pasted)
        }
        return result
    }
}
