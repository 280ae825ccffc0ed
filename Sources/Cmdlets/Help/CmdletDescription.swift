/// A cmdlet's declaration as an object for scripts: what Get-Command gives.
enum CmdletDescription {
    static func record(_ cmdlet: Cmdlet) -> Record {
        Record(
            typeName: "CmdletInfo",
            [
                ("Name", .string(cmdlet.name)), ("Verb", .string(cmdlet.verb)), ("Noun", .string(cmdlet.noun)),
                ("Aliases", .list(cmdlet.aliases.map { .string($0) })), ("Synopsis", .string(cmdlet.synopsis)),
                ("Parameters", .list(cmdlet.allParameters.map { .record(record($0)) })),
                ("ParameterSets", .list(cmdlet.parameterSets.map { .string($0.name) })),
                ("OutputType", cmdlet.output.map { .string($0) } ?? .null), ("Source", .string(source(cmdlet))),
                ("CommandType", .string("Cmdlet")),
                (
                    "Examples",
                    .list(
                        cmdlet.examples.map {
                            .record(Record(typeName: "Example", [("Code", .string($0.code)), ("Explanation", .string($0.explanation))]))
                        })
                ),
            ])
    }

    /// `Script`, `Lunavisor`, `Hyper-V` or `PowerShell`: whose word it is.
    static func source(_ cmdlet: Cmdlet) -> String {
        if cmdlet.isUserDefined { return "Script" }
        if cmdlet.isOurs { return "Lunavisor" }
        return cmdlet.noun.hasPrefix("VM") ? "Hyper-V" : "PowerShell"
    }

    private static func record(_ parameter: Parameter) -> Record {
        Record(
            typeName: "ParameterInfo",
            [
                ("Name", .string(parameter.name)), ("Aliases", .list(parameter.aliases.map { .string($0) })),
                ("Type", .string(parameter.typeName)), ("Mandatory", .boolean(parameter.isMandatory)),
                ("Position", parameter.position.map { .integer(Int64($0)) } ?? .null),
                ("Pipeline", .string(pipeline(parameter))), ("Values", .list(values(parameter).map { .string($0) })),
                ("Effect", .string(effect(parameter))), ("Summary", .string(parameter.summary)),
            ])
    }

    static func pipeline(_ parameter: Parameter) -> String {
        var ways: [String] = []
        if parameter.pipeline.contains(.byValue) { ways.append("ByValue") }
        if parameter.pipeline.contains(.byPropertyName) { ways.append("ByPropertyName") }
        return ways.joined(separator: ", ")
    }

    private static func values(_ parameter: Parameter) -> [String] {
        if case .enumeration(_, let words) = parameter.type { words } else { [] }
    }

    private static func effect(_ parameter: Parameter) -> String {
        switch parameter.effect {
        case .acts: "Acts"
        case .noEffect: "NoEffect"
        case .refused: "Refused"
        }
    }
}
