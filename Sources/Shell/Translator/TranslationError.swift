import Basics

/// A program that the translator refuses: the user's own line and what to write instead.
package struct TranslationError: DescribedError {
    /// From 1.
    package var line: Int
    package var message: String
    package var recommendedAction: String?
    /// More input could complete it (the REPL asks for another line).
    package var isIncomplete = false

    package var identifier: String { "SyntaxError" }
    package var category: ErrorCategory { .parserError }
}
