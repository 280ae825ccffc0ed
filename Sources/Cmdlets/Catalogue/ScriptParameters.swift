import Basics

/// The parameters of a script, as `param{ … }` at its head declares them: bound from the words of the command line, explained by
/// `lunavisor help script.lua`.
public struct ScriptParameters {
    /// As messages and help name the script.
    let name: String
    private let cmdlet: Cmdlet

    /// The declaration of a script; `comment`: the comment at its head, for help.
    public init(_ value: Value, name: String, comment: String = "") throws {
        let declaration = Declaration("param{…}")
        self.name = name
        let parameters = try declaration.parameters(value)
        cmdlet = Cmdlet(
            "Invoke", "Script", synopsis: comment.isEmpty ? "A script." : comment, sets: [.init("Default", shape: .nothing)],
            parameters: parameters, shouldProcess: true, userDefined: true, body: .perCall { _ in })
        try CatalogueRules.check(cmdlet)
    }

    /// What the command line said.
    public struct Bound {
        /// Each parameter with its value; nil for one that was not given and has no default.
        public var values: [(name: String, value: Value)]
        public var isVerbose: Bool?
        public var isWhatIf: Bool?
        public var errorAction: ErrorAction?
        public var isConfirming: Bool?
    }

    /// Binds words as they came from the system's shell: `-Name value`, `-Name:value`, `-Switch`, positional values; `a,b` is a list
    /// where the parameter takes one.
    public func bind(_ words: [String], _ context: any ExecutionContext) throws -> Bound {
        do { return try bound(words, context) } catch var record as ErrorRecord {
            func renamed(_ text: String) -> String {
                text.split(separator: cmdlet.name, omittingEmptySubsequences: false).joined(separator: name)
            }
            record.message = renamed(record.message)
            record.recommendedAction = "`lunavisor help \(name)` explains its parameters."
            throw record
        }
    }

    private func bound(_ words: [String], _ context: any ExecutionContext) throws -> Bound {
        let binder = Binder(cmdlet, context)
        var arguments: [RawArgument] = []
        var parameter: Parameter?
        for word in words {
            let letters = word.dropFirst()
            guard word.hasPrefix("-"), let first = letters.first, first.isLetter else {
                arguments.append(RawArgument(name: nil, content(word, parameter)))
                parameter = nil
                continue
            }
            let colon = letters.firstIndex(of: ":")
            let name = String(letters[..<(colon ?? letters.endIndex)])
            let found = try binder.parameter(written: name)
            parameter = found.isSwitch ? nil : found
            if let colon {
                arguments.append(RawArgument(name: name, content(String(letters[letters.index(after: colon)...]), found)))
                parameter = nil
            } else {
                arguments.append(.flag(name))
            }
        }
        let prepared = try binder.prepare(arguments, hasInput: false)
        let given = binder.finish(prepared, hasInput: false)
        return Bound(
            values: cmdlet.parameters.map { parameter in
                (parameter.name, given[parameter.name] ?? (parameter.isSwitch ? .boolean(false) : .null))
            },
            isVerbose: prepared.common.isVerbose, isWhatIf: prepared.common.whatIf, errorAction: prepared.common.errorAction,
            isConfirming: prepared.common.confirm)
    }

    private func content(_ word: String, _ parameter: Parameter?) -> RawArgument.Content {
        switch word.lowercased() {
        case "$true": return .value(.boolean(true))
        case "$false": return .value(.boolean(false))
        default: break
        }
        if parameter?.takesMany ?? false, word.contains(",") {
            return .value(.list(word.split(separator: ",", omittingEmptySubsequences: false).map { .string(String($0)) }))
        }
        return .word(word)
    }

    /// The script's help page.
    public var help: String {
        let syntax = HelpText.syntax(cmdlet, cmdlet.parameterSets[0])
        var text = "NAME\n    \(name)\n\nSYNOPSIS\n\(HelpText.wrapped(cmdlet.synopsis, indent: 4))\n\nSYNTAX\n"
        text += HelpText.wrapped("lunavisor \(name)\(syntax.dropFirst(cmdlet.name.count))", indent: 4, hanging: 8) + "\n"
        if !cmdlet.parameters.isEmpty { text += "\nPARAMETERS\n" + HelpText.parameters(cmdlet.parameters) }
        return text
    }
}
