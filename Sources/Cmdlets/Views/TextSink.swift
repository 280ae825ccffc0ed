/// Where shown text goes.
protocol TextSink: AnyObject {
    /// Columns to cut tables to; nil: nothing is cut.
    var width: Int? { get }
    var usesColours: Bool { get }
    func write(_ text: String)
}

/// Standard output.
final class TerminalSink: TextSink {
    private let terminal: any Terminal
    init(_ terminal: any Terminal) { self.terminal = terminal }
    var width: Int? { terminal.width }
    var usesColours: Bool { terminal.usesColours }
    func write(_ text: String) { terminal.writeOutput(text) }
}

/// A string.
final class TextCollector: TextSink {
    let width: Int?
    let usesColours = false
    private(set) var text = ""
    init(width: Int?) { self.width = width }
    func write(_ text: String) { self.text += text }
}
