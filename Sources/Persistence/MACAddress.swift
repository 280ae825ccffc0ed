import Basics

/// MAC addresses as configurations hold them: twelve upper-case hexadecimal digits.
public enum MACAddress {
    /// The real module's prefix for drawn addresses (Microsoft's OUI).
    public static let dynamicPrefix = "00155D"

    /// Reads `00155D010203`, `00-15-5d-01-02-03` or `00:15:5D:01:02:03`; nil: it is none of them.
    public static func normalised(_ text: String) -> String? {
        let digits = text.filter { $0 != "-" && $0 != ":" && $0 != "." }
        guard digits.count == 12, digits.allSatisfy({ $0.isASCII && $0.isHexDigit }) else { return nil }
        return digits.uppercased()
    }

    /// Three bytes after the prefix from `generator`, none of `taken`.
    public static func draw(except taken: Set<String>, using generator: inout some RandomNumberGenerator) -> String {
        while true {
            let number = UInt32(truncatingIfNeeded: generator.next()) & 0xff_ffff
            let text = dynamicPrefix + String(number | 0x100_0000, radix: 16, uppercase: true).dropFirst()
            if !taken.contains(text) { return text }
        }
    }

    /// An address of `range` that is none of `taken`; nil: all of them are.
    public static func draw(
        within range: ClosedRange<UInt64>, except taken: Set<String>, using generator: inout some RandomNumberGenerator
    ) -> String? {
        func text(_ number: UInt64) -> String {
            String(String(number | 1 << 48, radix: 16, uppercase: true).dropFirst())
        }
        let start = UInt64.random(in: range, using: &generator)
        // More addresses than are taken suffice.
        for step in 0...UInt64(taken.count) {
            let number = range.lowerBound + (start - range.lowerBound + step) % (range.upperBound - range.lowerBound + 1)
            if !taken.contains(text(number)) { return text(number) }
        }
        return nil
    }

    /// The address as a number; nil when it is none.
    public static func number(_ text: String) -> UInt64? { normalised(text).flatMap { UInt64($0, radix: 16) } }

    static func check(_ text: String, adapter: String, machine: String) throws {
        guard normalised(text) == text, let first = UInt8(text.prefix(2), radix: 16) else {
            throw PersistenceError(
                "MacAddressInvalid", .invalidArgument,
                "“\(text.prefix(40))” is not a MAC address for “\(adapter)”.", action: "Give twelve hexadecimal digits like 00155D010203.",
                target: machine)
        }
        guard first & 1 == 0, text != "000000000000" else {
            throw PersistenceError(
                "MacAddressInvalid", .invalidArgument,
                "\(text) cannot be the MAC address of “\(adapter)”: it is \(first & 1 == 0 ? "empty" : "a group address").",
                action: "The first byte must be even, as in 00155D010203.", target: machine)
        }
    }
}
