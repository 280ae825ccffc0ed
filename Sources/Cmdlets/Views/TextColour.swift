/// Colours of the terminal's own palette (ECMA-48, SGR), so that they suit its background.
public enum TextColour: Int, Sendable {
    case dim = 2
    case red = 31
    case green = 32
    case yellow = 33
    case blue = 34

    /// The text in this colour.
    public func wrap(_ text: String) -> String { text.isEmpty ? text : "\u{1b}[\(rawValue)m\(text)\u{1b}[0m" }

    /// What a state means for the person who looks: runs, changes, needs help, is off.
    static func of(state: String) -> TextColour? {
        if state.hasSuffix("Critical") || ["Failed", "Error"].contains(state) { return .red }
        switch state {
        case "Running", "Completed": return .green
        case "Off", "Saved", "Stopped", "Closed": return .dim
        case "Paused", "FastSaved", "Starting", "Stopping", "Saving", "Pausing", "Resuming", "Reset", "Merging": return .yellow
        default: return nil
        }
    }
}
