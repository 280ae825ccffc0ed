/// One make or break of a key, in scan code set 1.
package struct Keystroke: Codable, Hashable, Sendable {
    /// Set 1, without prefix and break bit.
    package var code: UInt16
    package var isBreak: Bool
    /// With the prefix E0, as the arrow keys.
    package var e0: Bool
    /// With the prefix E1, as Pause.
    package var e1: Bool

    package init(code: UInt16, isBreak: Bool = false, e0: Bool = false, e1: Bool = false) {
        (self.code, self.isBreak, self.e0, self.e1) = (code, isBreak, e0, e1)
    }

    package var released: Keystroke { Keystroke(code: code, isBreak: true, e0: e0, e1: e1) }

    /// Reads the bytes that a keyboard sends in set 1: an optional prefix, then the code with the break bit. nil: they end in a prefix.
    package static func parse(scanCodes bytes: [UInt8]) -> [Keystroke]? {
        var keys: [Keystroke] = []
        var (e0, e1) = (false, false)
        for byte in bytes {
            switch byte {
            case 0xe0: e0 = true
            case 0xe1: e1 = true
            default:
                keys.append(Keystroke(code: UInt16(byte & 0x7f), isBreak: byte & 0x80 != 0, e0: e0, e1: e1))
                (e0, e1) = (false, false)
            }
        }
        return e0 || e1 ? nil : keys
    }

    /// The keys pressed in order and released in reverse.
    package static func chord(_ keys: [Keystroke]) -> [Keystroke] {
        keys.map { Keystroke(code: $0.code, e0: $0.e0, e1: $0.e1) } + keys.reversed().map(\.released)
    }
}

/// Lamps as the guest set them last (KEYBOARD_INDICATOR_PARAMETERS).
package struct KeyboardIndicators: Codable, Hashable, Sendable {
    package var scrollLock = false
    package var numLock = false
    package var capsLock = false

    package init() {}

    init(flags: UInt16) { (scrollLock, numLock, capsLock) = (flags & 1 != 0, flags & 2 != 0, flags & 4 != 0) }
}
