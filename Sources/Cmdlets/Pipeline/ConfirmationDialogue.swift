import Basics

/// Whether a call asks before it acts, and the asking: one question for each target, with answers that hold for the rest.
final class ConfirmationDialogue {
    private let cmdlet: Cmdlet
    private let terminal: any Terminal
    private let isWhatIf: Bool
    private let isExplicit: Bool
    private let isAnswered: Bool
    private let asksByDefault: Bool
    private var standing: Bool?

    init(cmdlet: Cmdlet, common: CommonArguments, preferences: Preferences, isForced: Bool, terminal: any Terminal) {
        (self.cmdlet, self.terminal) = (cmdlet, terminal)
        isWhatIf = common.whatIf ?? preferences.whatIf
        isExplicit = common.confirm == true
        isAnswered = common.confirm == false || (common.confirm == nil && (isForced || preferences.confirm == .none))
        switch cmdlet.confirms {
        case .always: asksByDefault = true
        case .never, .byBody:
            asksByDefault = cmdlet.supportsShouldProcess && !isForced && [.low, .medium].contains(preferences.confirm)
        }
    }

    /// Every target is asked about.
    var asks: Bool { isExplicit || (!isAnswered && asksByDefault) }

    /// Throws `ConfirmationRequired` when the call would ask and nobody can be asked.
    func checkPossible() throws {
        guard asks, !isWhatIf, !terminal.isInteractive else { return }
        throw required()
    }

    /// The framework's question before it acts on a target.
    func mayActOn(_ target: String) throws -> Bool {
        guard asks else { return true }
        let consequence: String
        if case .always(let text) = cmdlet.confirms { consequence = text } else { consequence = "is the target of \(cmdlet.name)." }
        return try put("\(cmdlet.name): \(target) \(consequence)")
    }

    /// A body's question.
    func ask(_ question: String) throws -> Bool {
        if isAnswered { return true }
        guard terminal.isInteractive else { throw required() }
        return try put(question)
    }

    private func put(_ question: String) throws -> Bool {
        if let standing { return standing }
        let choices: [(key: Character, meaning: String)] = [
            ("Y", "Yes"), ("A", "Yes to all"), ("N", "No"), ("L", "No to all"),
        ]
        switch terminal.ask(question, choices: choices) {
        case "Y": return true
        case "A":
            standing = true
            return true
        case "L":
            standing = false
            return false
        case .none: throw required()
        default: return false
        }
    }

    private func required() -> ErrorRecord {
        let answer = cmdlet.parameter("Force") == nil ? "-Confirm:$false" : "-Force or -Confirm:$false"
        return ErrorRecord(
            "\(cmdlet.name) asks before it acts, and there is no terminal to ask at.", "ConfirmationRequired", .operationStopped,
            action: "Write \(answer) to answer yes.", cmdlet: cmdlet.name)
    }
}
