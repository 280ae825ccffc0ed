/// What a Format- cmdlet makes: text that is shown as it is.
public final class FormattedText: PortableValue {
    /// Whole lines, each with its line end.
    public let text: String
    public init(_ text: String) { self.text = text }
    public var displayText: String { text }
}
