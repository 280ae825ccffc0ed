import Cmdlets

/// The line that shows how far long work is: a bar, the rate, the time that is left. A value: it gives the texts to write.
package struct ProgressBar {
    package init() {}

    private struct Work {
        var activity: String
        var start: Double
        var fraction: Double?
        var total: Int64?
    }
    /// What goes on, in the order in which it began.
    private var works: [Work] = []
    /// Columns that the line on the screen takes.
    private var length = 0
    private var lastDrawn = -1.0
    private var now = 0.0
    private static let widestBar = 24
    private static let narrowestBar = 8
    /// Columns that the name of what is being done gets at least.
    private static let shortestActivity = 16
    /// Seconds between two drawings.
    private static let interval = 0.1
    /// Seconds before a rate means something.
    private static let settling = 1.0

    /// Takes news at `time` (seconds); what to write, if it is time for that.
    package mutating func shown(_ progress: Progress, at time: Double, width: Int) -> String? {
        now = time
        if let place = works.firstIndex(where: { $0.activity == progress.activity }) {
            works[place].fraction = progress.fraction
            works[place].total = progress.total ?? works[place].total
        } else {
            works.append(Work(activity: progress.activity, start: time, fraction: progress.fraction, total: progress.total))
        }
        guard time - lastDrawn >= Self.interval else { return nil }
        lastDrawn = time
        return drawn(width)
    }

    package mutating func end(_ activity: String) {
        works.removeAll { $0.activity == activity }
        lastDrawn = -1
    }

    /// Takes the line off the screen.
    package mutating func erased() -> String {
        guard length > 0 else { return "" }
        defer { length = 0 }
        return "\r" + String(repeating: " ", count: length) + "\r"
    }

    /// The line again, after something else was written.
    mutating func redrawn(width: Int) -> String? { works.isEmpty || lastDrawn < 0 ? nil : drawn(width) }

    private mutating func drawn(_ width: Int) -> String {
        guard let work = works.first else { return "" }
        // The parts behind the activity, and how much each is worth where the line is short.
        var parts: [(text: String, worth: Int)] = []
        let elapsed = max(0, now - work.start)
        if let fraction = work.fraction.map({ min(1, max(0, $0)) }) {
            let bar = width < 80 ? Self.narrowestBar : Self.widestBar
            let filled = Int((fraction * Double(bar)).rounded())
            parts.append((" [" + String(repeating: "#", count: filled) + String(repeating: ".", count: bar - filled) + "]", 3))
            parts.append((" \(Int(fraction * 100)) %", 5))
            if elapsed >= Self.settling, fraction > 0 {
                if let total = work.total { parts.append(("  \(Self.size(Double(total) * fraction / elapsed))/s", 2)) }
                parts.append(("  \(Self.clock(elapsed * (1 - fraction) / fraction)) left", 4))
            }
        } else {
            parts.append(("  \(Self.clock(elapsed))", 5))
        }
        if works.count > 1 { parts.append(("  (and \(works.count - 1) more)", 1)) }
        // A full line would wrap, and could not be taken back.
        func room() -> Int { width - 1 - parts.reduce(0) { $0 + $1.text.count } }
        while room() < min(work.activity.count, Self.shortestActivity), parts.count > 1,
            let least = parts.indices.min(by: { parts[$0].worth < parts[$1].worth })
        {
            parts.remove(at: least)
        }
        let left = max(0, room())
        var line = work.activity.count <= left ? work.activity : work.activity.prefix(max(0, left - 1)) + "…"
        line += parts.map(\.text).joined()
        if line.count >= width { line = String(line.prefix(max(1, width - 1))) }
        let rest = max(0, length - line.count)
        length = line.count
        return "\r" + line + String(repeating: " ", count: rest) + String(repeating: "\u{8}", count: rest)
    }

    /// `812 KB`, `3.4 MB`, `120 MB`: units of 1024.
    private static func size(_ bytes: Double) -> String {
        var (value, unit) = (bytes / 1024, 0)
        let units = ["KB", "MB", "GB", "TB"]
        while value >= 1000, unit < units.count - 1 { (value, unit) = (value / 1024, unit + 1) }
        return "\(NumberText.fixed(value, digits: value < 10 && unit > 0 ? 1 : 0)) \(units[unit])"
    }

    /// `0:42`, `1:02:03`.
    private static func clock(_ seconds: Double) -> String {
        let all = Int(min(seconds, 359_999).rounded(.up))
        let (hours, minutes, rest) = (all / 3600, all / 60 % 60, all % 60)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return hours > 0 ? "\(hours):\(two(minutes)):\(two(rest))" : "\(minutes):\(two(rest))"
    }
}
