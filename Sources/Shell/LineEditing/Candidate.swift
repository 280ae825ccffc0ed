/// A text that Tab offers.
package struct Candidate {
    /// What replaces the word.
    package var text: String
    /// How it is listed, where that is not all of it.
    package var label: String
    /// One line about it, made only when it is listed.
    package var summary: () -> String?
    /// Nothing follows it directly, so that a blank may.
    var isWhole: Bool

    init(_ text: String, label: String? = nil, isWhole: Bool = true, summary: @escaping @autoclosure () -> String? = nil) {
        (self.text, self.label, self.isWhole, self.summary) = (text, label ?? text, isWhole, summary)
    }

    /// The same behind a text that stands before it.
    func behind(_ prefix: String) -> Candidate {
        var result = self
        result.text = prefix + text
        return result
    }
}
