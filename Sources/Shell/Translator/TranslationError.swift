import Basics

/// A program that the translator refuses: the user's own line and what to write instead.
struct TranslationError: DescribedError {
    /// From 1.
    var line: Int
    var message: String
    var recommendedAction: String?
    /// More input could complete it (the REPL asks for another line).
    var isIncomplete = false

    var identifier: String { "SyntaxError" }
    var category: ErrorCategory { .parserError }
}
