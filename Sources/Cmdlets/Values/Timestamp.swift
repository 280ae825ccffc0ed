import Basics
import Glibc

/// An instant: nanoseconds since the Unix epoch, shown as ISO 8601 with the local offset.
public struct Timestamp: Sendable, Hashable, Comparable, CustomStringConvertible {
    public var unixNanoseconds: Int64
    public init(unixNanoseconds: Int64) { self.unixNanoseconds = unixNanoseconds }
    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.unixNanoseconds < right.unixNanoseconds }

    /// This host's clock.
    public static func now() -> Timestamp { Timestamp(unixNanoseconds: HostTime.wall()) }

    /// The parts in local time.
    public struct Components: Sendable {
        public var year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0
        public var nanosecond = 0
        /// 0 is Sunday.
        public var weekday = 4
        public var dayOfYear = 1
        /// Seconds east of UTC.
        public var offset = 0
    }

    public var components: Components {
        var seconds = time_t(unixNanoseconds / 1_000_000_000)
        var nanosecond = unixNanoseconds % 1_000_000_000
        if nanosecond < 0 {
            nanosecond += 1_000_000_000
            seconds -= 1
        }
        var parts = tm()
        localtime_r(&seconds, &parts)
        return Components(
            year: Int(parts.tm_year) + 1900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday), hour: Int(parts.tm_hour),
            minute: Int(parts.tm_min), second: Int(parts.tm_sec), nanosecond: Int(nanosecond), weekday: Int(parts.tm_wday),
            dayOfYear: Int(parts.tm_yday) + 1, offset: Int(parts.tm_gmtoff))
    }

    /// `2026-11-22T16:20:00+01:00`, with milliseconds when there are any.
    public var description: String {
        let parts = components
        let milliseconds = parts.nanosecond / 1_000_000
        return formatted("yyyy-MM-ddTHH:mm:ss" + (milliseconds > 0 ? ".fff" : "") + "zzz")
    }

    /// Moved by a length of time; saturates.
    public func advanced(by span: TimeSpan) -> Timestamp {
        let (nanoseconds, overflow) = span.ticks.multipliedReportingOverflow(by: 100)
        let (sum, overflow2) = unixNanoseconds.addingReportingOverflow(nanoseconds)
        return Timestamp(unixNanoseconds: overflow || overflow2 ? (span.ticks < 0 ? .min : .max) : sum)
    }

    /// The length of time since `other`.
    public func since(_ other: Timestamp) -> TimeSpan {
        let (difference, overflow) = unixNanoseconds.subtractingReportingOverflow(other.unixNanoseconds)
        return TimeSpan(ticks: (overflow ? (self < other ? .min : .max) : difference) / 100)
    }

    static let weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
    static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
    ]

    /// .NET's custom date and time format: runs of y M d H h m s f t z K, quoted text, backslash; `o` and `s` as standard formats.
    public func formatted(_ format: String) -> String {
        switch format {
        case "o", "O": return formatted("yyyy-MM-ddTHH:mm:ss.fffffffzzz")
        case "s": return formatted("yyyy-MM-ddTHH:mm:ss")
        case "d": return formatted("yyyy-MM-dd")
        case "t": return formatted("HH:mm")
        case "T": return formatted("HH:mm:ss")
        case "", "g", "G": return formatted("yyyy-MM-dd HH:mm:ss")
        default: break
        }
        let parts = components
        func padded(_ value: Int, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let offset = (parts.offset < 0 ? "-" : "+", abs(parts.offset) / 3600, abs(parts.offset) / 60 % 60)
        let characters = Array(format)
        var result = ""
        var position = 0
        while position < characters.count {
            let character = characters[position]
            if character == "\\", position + 1 < characters.count {
                result.append(characters[position + 1])
                position += 2
                continue
            }
            if character == "'" || character == "\"" {
                position += 1
                while position < characters.count, characters[position] != character {
                    result.append(characters[position])
                    position += 1
                }
                position += 1
                continue
            }
            var run = 1
            while position + run < characters.count, characters[position + run] == character { run += 1 }
            switch character {
            case "y": result += run <= 2 ? padded(parts.year % 100, run) : padded(parts.year, run)
            case "M":
                let name = Self.months[max(0, min(11, parts.month - 1))]
                result += run >= 4 ? name : run == 3 ? String(name.prefix(3)) : padded(parts.month, run)
            case "d":
                let name = Self.weekdays[max(0, min(6, parts.weekday))]
                result += run >= 4 ? name : run == 3 ? String(name.prefix(3)) : padded(parts.day, run)
            case "H": result += padded(parts.hour, min(run, 2))
            case "h": result += padded((parts.hour + 11) % 12 + 1, min(run, 2))
            case "m": result += padded(parts.minute, min(run, 2))
            case "s": result += padded(parts.second, min(run, 2))
            case "f", "F": result += padded(parts.nanosecond, 9).prefix(min(run, 9))
            case "t": result += String((parts.hour < 12 ? "AM" : "PM").prefix(run))
            case "z":
                result += offset.0 + padded(offset.1, min(run, 2)) + (run >= 3 ? ":" + padded(offset.2, 2) : "")
            case "K": result += offset.0 + padded(offset.1, 2) + ":" + padded(offset.2, 2)
            default: result += String(repeating: character, count: run)
            }
            position += run
        }
        return result
    }

    /// Local time of those parts; out-of-range parts carry over, as mktime does.
    public init(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0, nanosecond: Int = 0) {
        var parts = tm()
        parts.tm_year = Int32(clamping: year - 1900)
        (parts.tm_mon, parts.tm_mday) = (Int32(clamping: month - 1), Int32(clamping: day))
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (Int32(clamping: hour), Int32(clamping: minute), Int32(clamping: second))
        parts.tm_isdst = -1
        self.init(unixNanoseconds: Int64(mktime(&parts)) * 1_000_000_000 + Int64(nanosecond))
    }

    /// Reads ISO 8601: a date, then optionally `T` or a space and a time, then optionally `Z` or an offset (else local time).
    public init?(parsing text: some StringProtocol) {
        let bytes = Array(text.utf8)
        var position = 0
        func digits(_ count: Int) -> Int? {
            guard position + count <= bytes.count else { return nil }
            var value = 0
            for byte in bytes[position..<position + count] {
                guard (0x30...0x39).contains(byte) else { return nil }
                value = value * 10 + Int(byte - 0x30)
            }
            position += count
            return value
        }
        func take(_ accepted: String) -> Bool {
            guard position < bytes.count, accepted.utf8.contains(bytes[position]) else { return false }
            position += 1
            return true
        }
        guard let year = digits(4), take("-"), let month = digits(2), take("-"), let day = digits(2) else { return nil }
        guard (1...12).contains(month), (1...31).contains(day), (1678...2261).contains(year) else { return nil }
        var (hour, minute, second, nanosecond) = (0, 0, 0, 0)
        if take("Tt ") {
            guard let first = digits(2), take(":"), let next = digits(2), first < 24, next < 60 else { return nil }
            (hour, minute) = (first, next)
            if take(":") {
                guard let value = digits(2), value < 61 else { return nil }
                second = value
                if take(".,") {
                    var scale = 100_000_000
                    while let digit = digits(1) {
                        nanosecond += digit * scale
                        scale /= 10
                    }
                }
            }
        }
        var offset: Int?
        if take("Zz") {
            offset = 0
        } else if position < bytes.count {
            let isWest = bytes[position] == UInt8(ascii: "-")
            guard take("+-"), let hours = digits(2) else { return nil }
            _ = take(":")
            let minutes = digits(2) ?? 0
            offset = (hours * 3600 + minutes * 60) * (isWest ? -1 : 1)
        }
        guard position == bytes.count else { return nil }
        guard let offset else {
            self.init(year: year, month: month, day: day, hour: hour, minute: minute, second: second, nanosecond: nanosecond)
            return
        }
        var parts = tm()
        parts.tm_year = Int32(year - 1900)
        (parts.tm_mon, parts.tm_mday) = (Int32(month - 1), Int32(day))
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (Int32(hour), Int32(minute), Int32(second))
        self.init(unixNanoseconds: (Int64(timegm(&parts)) - Int64(offset)) * 1_000_000_000 + Int64(nanosecond))
    }

    /// The property of .NET's DateTime by that name, in any letter case.
    public func property(_ name: String) -> Value? {
        let parts = components
        switch name.lowercased() {
        case "year": return .integer(Int64(parts.year))
        case "month": return .integer(Int64(parts.month))
        case "day": return .integer(Int64(parts.day))
        case "hour": return .integer(Int64(parts.hour))
        case "minute": return .integer(Int64(parts.minute))
        case "second": return .integer(Int64(parts.second))
        case "millisecond": return .integer(Int64(parts.nanosecond / 1_000_000))
        case "dayofweek": return .string(Self.weekdays[max(0, min(6, parts.weekday))])
        case "dayofyear": return .integer(Int64(parts.dayOfYear))
        case "date": return .time(Timestamp(year: parts.year, month: parts.month, day: parts.day))
        case "timeofday": return .duration(since(Timestamp(year: parts.year, month: parts.month, day: parts.day)))
        default: return nil
        }
    }

    /// The names `property` knows.
    public static let propertyNames = [
        "Year", "Month", "Day", "Hour", "Minute", "Second", "Millisecond", "DayOfWeek", "DayOfYear", "Date", "TimeOfDay",
    ]
}
