import Basics

/// The errors of giving arguments to parameters. They name the cmdlet, the parameter, what was given and the nearest spelling, and
/// always stop the call.
public enum BindingError {
    /// A parameter that is written but has no value (language.md, "Function form").
    static func noValue(_ cmdlet: Cmdlet, _ parameter: Parameter?, variable: String?, nearest: String?) -> ErrorRecord {
        let place = parameter.map { "\(cmdlet.name) -\($0.name)" } ?? cmdlet.name
        var message = "\(place): "
        if let variable {
            message += "“\(variable)” has no value (nil)."
            if let nearest { message += " Did you mean “\(nearest)”?" }
        } else {
            message += "the argument has no value (nil)."
        }
        return ErrorRecord(
            message, "ParameterArgumentNil", .invalidArgument, target: parameter?.name,
            action: "Leave the parameter out to not give it; a nil argument is never taken as “not given”.", cmdlet: cmdlet.name)
    }

    static func empty(_ cmdlet: Cmdlet, _ parameter: Parameter) -> ErrorRecord {
        ErrorRecord(
            "\(cmdlet.name) -\(parameter.name): an empty string is no \(parameter.type.displayName == "String" ? "value" : parameter.type.displayName).",
            "ParameterArgumentEmpty", .invalidArgument, target: parameter.name, action: "Leave the parameter out to not give it.",
            cmdlet: cmdlet.name)
    }

    /// `Get-VM{}` written so: an empty table where nothing says what is meant.
    public static func emptyTable(_ cmdlet: String) -> ErrorRecord {
        ErrorRecord(
            "\(cmdlet){} has no arguments in its table.", "EmptyArguments", .invalidArgument,
            action: "For a call without arguments write \(cmdlet) or \(cmdlet)().", cmdlet: cmdlet)
    }

    static func unknown(_ cmdlet: Cmdlet, _ name: String) -> ErrorRecord {
        let names = cmdlet.allParameters.flatMap { [$0.name] + $0.aliases }
        if Comparison(word: name) != nil {
            return ErrorRecord(
                "\(cmdlet.name) has no parameter “\(name)”; -\(name) compares in a block { … } only.", "NamedParameterNotFound",
                .invalidArgument, target: name, action: "Outside of blocks Lua compares, and the command stands in parentheses: (…) == x.",
                cmdlet: cmdlet.name)
        }
        return ErrorRecord(
            "\(cmdlet.name) has no parameter “\(name)”.\(Spelling.hint(name, among: names, prefix: "-"))", "NamedParameterNotFound",
            .invalidArgument, target: name, action: "Get-Help \(cmdlet.name) lists its parameters.", cmdlet: cmdlet.name)
    }

    static func ambiguous(_ cmdlet: Cmdlet, _ name: String, _ matches: [Parameter]) -> ErrorRecord {
        ErrorRecord(
            "\(cmdlet.name) -\(name) could be \(Spelling.list(matches.map { "-" + $0.name }, "or")).", "AmbiguousParameter",
            .invalidArgument,
            target: name, action: "Write more of the name.", cmdlet: cmdlet.name)
    }

    static func twice(_ cmdlet: Cmdlet, _ parameter: Parameter) -> ErrorRecord {
        ErrorRecord(
            "\(cmdlet.name) -\(parameter.name) is given twice.", "ParameterAlreadyBound", .invalidArgument, target: parameter.name,
            action: parameter.takesMany ? "Give a list: a, b in the command form, {a, b} in the function form." : nil, cmdlet: cmdlet.name)
    }

    static func extra(_ cmdlet: Cmdlet, _ value: Value, positions: [Parameter]) -> ErrorRecord {
        let places = positions.map { "-" + $0.name }
        let accepted =
            places.isEmpty ? "it takes no arguments without a name" : "without a name it takes \(Spelling.list(places, "and"))"
        let listed = positions.first { $0.takesMany && $0.position == 0 }
        return ErrorRecord(
            "\(cmdlet.name): there is no place for \(value.shown); \(accepted).", "PositionalParameterNotFound", .invalidArgument,
            action: listed.map { "Several values for -\($0.name) are a list: a, b in the command form, {a, b} in the function form." }
                ?? "Get-Help \(cmdlet.name) shows its syntax.",
            cmdlet: cmdlet.name)
    }

    static func conflict(_ cmdlet: Cmdlet, _ parameters: [Parameter]) -> ErrorRecord {
        let names = Spelling.list(parameters.map { "-" + $0.name }, "and")
        let summaries = parameters.map { "-\($0.name): \($0.summary.trimmingFullStop)" }
        return ErrorRecord(
            "\(cmdlet.name): \(names) do not go together, as each is for another way to call it (\(summaries.joined(separator: "; "))).",
            "AmbiguousParameterSet", .invalidArgument,
            action: "Get-Help \(cmdlet.name) shows which parameters make one call.", cmdlet: cmdlet.name)
    }

    static func missing(_ cmdlet: Cmdlet, _ parameters: [Parameter]) -> ErrorRecord {
        let described = parameters.map { "-\($0.name) (\($0.summary.trimmingFullStop))" }
        return ErrorRecord(
            "\(cmdlet.name) needs \(Spelling.list(described, "and")).", "MissingMandatoryParameter", .invalidArgument,
            target: parameters.first?.name, action: "Get-Help \(cmdlet.name) shows its syntax.", cmdlet: cmdlet.name)
    }

    static func unattached(_ cmdlet: Cmdlet, _ parameter: Parameter) -> ErrorRecord {
        ErrorRecord(
            "\(cmdlet.name) -\(parameter.name) needs a value: \(parameter.summary.trimmingFullStop).", "MissingArgument", .invalidArgument,
            target: parameter.name, cmdlet: cmdlet.name)
    }

    static func input(_ cmdlet: Cmdlet, _ value: Value) -> ErrorRecord {
        let takers = cmdlet.parameters.filter { !$0.pipeline.isEmpty }
        let accepted =
            takers.isEmpty
            ? "it takes no input from a pipeline"
            : "from a pipeline it takes \(Spelling.list(takers.map { "-\($0.name) (\($0.type.displayName))" }, "or"))"
        return ErrorRecord(
            "\(cmdlet.name) cannot take \(value.shown) (\(value.typeName)) from the pipeline: \(accepted).", "InputObjectNotBound",
            .invalidArgument, target: value.text, cmdlet: cmdlet.name)
    }
}

extension String {
    /// A sentence without its full stop, for use inside another.
    var trimmingFullStop: String { hasSuffix(".") ? String(dropLast()) : self }
}
