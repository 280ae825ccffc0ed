/// Which keys of a US keyboard type a character.
enum USKeyboardLayout {
    private static let shift = Keystroke(code: 0x2a)
    /// Rows of the keyboard from their first scan code on: plain and with Shift.
    private static let rows: [(first: UInt16, plain: String, shifted: String)] = [
        (0x02, "1234567890-=", "!@#$%^&*()_+"),
        (0x10, "qwertyuiop[]", "QWERTYUIOP{}"),
        (0x1e, "asdfghjkl;'`", "ASDFGHJKL:\"~"),
        (0x2b, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
    ]
    private static let others: [Character: UInt16] = [
        " ": 0x39, "\n": 0x1c, "\r": 0x1c, "\r\n": 0x1c, "\t": 0x0f, "\u{8}": 0x0e, "\u{1b}": 0x01,
    ]

    private static let keys: [Character: [Keystroke]] = {
        var keys: [Character: [Keystroke]] = others.mapValues { [Keystroke(code: $0)] }
        for row in rows {
            for (offset, character) in row.plain.enumerated() { keys[character] = [Keystroke(code: row.first + UInt16(offset))] }
            for (offset, character) in row.shifted.enumerated() { keys[character] = [shift, Keystroke(code: row.first + UInt16(offset))] }
        }
        return keys
    }()

    /// Makes and breaks that type `text`; nil when a character is on no key.
    static func keystrokes(_ text: String) -> [Keystroke]? {
        var all: [Keystroke] = []
        for character in text {
            guard let chord = keys[character] else { return nil }
            all += Keystroke.chord(chord)
        }
        return all
    }
}
