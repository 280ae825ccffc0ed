/// A length of time in units of 100 ns, shown like .NET's TimeSpan.
public struct TimeSpan: Sendable, Hashable, Comparable, CustomStringConvertible {
    public var ticks: Int64
    public init(ticks: Int64) { self.ticks = ticks }
    /// Saturates at what 64 bits of ticks hold; not a number counts as zero.
    public init(seconds: Double) {
        let ticks = (seconds * 10_000_000).rounded()
        self.ticks = ticks.isNaN ? 0 : ticks >= 9.2e18 ? .max : ticks <= -9.2e18 ? .min : Int64(ticks)
    }
    public static func < (left: TimeSpan, right: TimeSpan) -> Bool { left.ticks < right.ticks }

    static let ticksPerSecond: UInt64 = 10_000_000

    public var totalSeconds: Double { Double(ticks) / 10_000_000 }
    public var totalMilliseconds: Double { Double(ticks) / 10_000 }
    public var totalMinutes: Double { totalSeconds / 60 }
    public var totalHours: Double { totalSeconds / 3600 }
    public var totalDays: Double { totalSeconds / 86400 }

    /// The parts, all with the sign of the whole.
    public var days: Int64 { ticks / 864_000_000_000 }
    public var hours: Int64 { ticks / 36_000_000_000 % 24 }
    public var minutes: Int64 { ticks / 600_000_000 % 60 }
    public var seconds: Int64 { ticks / 10_000_000 % 60 }
    public var milliseconds: Int64 { ticks / 10_000 % 1000 }

    /// `[-][d.]hh:mm:ss[.fffffff]`, .NET's constant format "c".
    public var description: String {
        let magnitude = ticks.magnitude
        let second = magnitude / Self.ticksPerSecond
        func two(_ value: UInt64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        var text = ticks < 0 ? "-" : ""
        if second >= 86400 { text += "\(second / 86400)." }
        text += "\(two(second / 3600 % 24)):\(two(second / 60 % 60)):\(two(second % 60))"
        let fraction = magnitude % Self.ticksPerSecond
        if fraction > 0 {
            let digits = String(fraction)
            text += "." + String(repeating: "0", count: 7 - digits.count) + digits
        }
        return text
    }

    /// Reads `[-][d.]hh:mm[:ss[.fffffff]]`; nil when it is not that.
    public init?(parsing text: some StringProtocol) {
        var rest = Substring(text)
        let isNegative = rest.hasPrefix("-")
        if isNegative { rest = rest.dropFirst() }
        var fields = rest.split(separator: ":", omittingEmptySubsequences: false)
        guard fields.count == 2 || fields.count == 3 else { return nil }
        var days: Int64 = 0
        if let point = fields[0].firstIndex(of: ".") {
            guard let value = Int64(fields[0][..<point]), (0...10_000_000).contains(value) else { return nil }
            days = value
            fields[0] = fields[0][fields[0].index(after: point)...]
        }
        var fraction: Int64 = 0
        if fields.count == 3, let point = fields[2].firstIndex(of: ".") {
            let digits = fields[2][fields[2].index(after: point)...]
            guard (1...7).contains(digits.count), digits.allSatisfy({ $0.isASCII && $0.isNumber }), let value = Int64(digits) else {
                return nil
            }
            fraction = value
            for _ in digits.count..<7 { fraction *= 10 }
            fields[2] = fields[2][..<point]
        }
        guard let hours = Int64(fields[0]), let minutes = Int64(fields[1]), (0..<24).contains(hours), (0..<60).contains(minutes) else {
            return nil
        }
        var seconds: Int64 = 0
        if fields.count == 3 {
            guard let value = Int64(fields[2]), (0..<60).contains(value) else { return nil }
            seconds = value
        }
        let total = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 10_000_000 + fraction
        ticks = isNegative ? -total : total
    }

    /// The property of .NET's TimeSpan by that name, in any letter case.
    public func property(_ name: String) -> Value? {
        switch name.lowercased() {
        case "ticks": .integer(ticks)
        case "days": .integer(days)
        case "hours": .integer(hours)
        case "minutes": .integer(minutes)
        case "seconds": .integer(seconds)
        case "milliseconds": .integer(milliseconds)
        case "totaldays": .number(totalDays)
        case "totalhours": .number(totalHours)
        case "totalminutes": .number(totalMinutes)
        case "totalseconds": .number(totalSeconds)
        case "totalmilliseconds": .number(totalMilliseconds)
        default: nil
        }
    }

    /// The names `property` knows.
    public static let propertyNames = [
        "Ticks", "Days", "Hours", "Minutes", "Seconds", "Milliseconds", "TotalDays", "TotalHours", "TotalMinutes", "TotalSeconds",
        "TotalMilliseconds",
    ]
}
