/// Sizes as users write them: `512MB`, `1.5GB`, `2048`.
public enum SizeText {
    private static let units: [(suffix: String, shift: Int64)] = [("kb", 10), ("mb", 20), ("gb", 30), ("tb", 40), ("pb", 50)]

    /// The number of bytes; nil when the text is not a size or not a whole number of bytes.
    public static func parse(_ text: String) -> Int64? {
        let lower = text.lowercased()
        guard let unit = units.first(where: { lower.hasSuffix($0.suffix) }) else { return Int64(lower) }
        let digits = lower.dropLast(2)
        if let whole = Int64(digits) {
            let (bytes, overflow) = whole.multipliedReportingOverflow(by: 1 << unit.shift)
            return overflow ? nil : bytes
        }
        guard digits.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == "." || $0 == "-") }), let value = Double(digits) else { return nil }
        return Int64(exactly: value * Double(Int64(1) << unit.shift))
    }

    /// The size in the largest unit in which it is whole, as a message shows it: `512MB`.
    public static func shown(_ bytes: Int64) -> String {
        for unit in units.reversed() where bytes != 0 && bytes % (1 << unit.shift) == 0 {
            return "\(bytes >> unit.shift)\(unit.suffix.uppercased())"
        }
        return "\(bytes)"
    }
    /// About how much it is, for plans: `12 MiB`, `340 KiB`.
    public static func about(_ bytes: UInt64) -> String { bytes >= 1 << 20 ? "\(bytes >> 20) MiB" : "\((bytes + 1023) >> 10) KiB" }
}
