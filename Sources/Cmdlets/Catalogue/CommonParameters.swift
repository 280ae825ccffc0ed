import Basics

/// The parameters every cmdlet has, with PowerShell's names and aliases (about_CommonParameters).
public enum CommonParameters {
    private static let everywhere: [Parameter] = [
        Parameter(
            "Debug", .switched, "Shows debugging messages.", aliases: ["db"], effect: .noEffect("no cmdlet writes debugging messages")),
        Parameter(
            "ErrorAction", .enumeration("ActionPreference", ErrorAction.allCases.map(\.rawValue)),
            "What a failure does: Stop raises, Continue writes it to standard error and goes on, SilentlyContinue and Ignore go on quietly, Inquire asks.",
            aliases: ["ea"]),
        Parameter("ErrorVariable", .string, "Name of the variable that receives the failures; +name adds to it.", aliases: ["ev"]),
        Parameter(
            "InformationAction", .enumeration("ActionPreference", ErrorAction.allCases.map(\.rawValue)),
            "What Write-Host does: SilentlyContinue and Ignore write nothing.", aliases: ["infa"]),
        Parameter(
            "InformationVariable", .string, "Name of the variable that receives what Write-Host writes; +name adds to it.", aliases: ["iv"]),
        Parameter(
            "OutBuffer", .integer(0...Int64(Int32.max)), "Number of objects to collect before they go on.", aliases: ["ob"],
            effect: .noEffect("objects go on as soon as they are there")),
        Parameter("OutVariable", .string, "Name of the variable that receives the results too; +name adds to it.", aliases: ["ov"]),
        Parameter(
            "PipelineVariable", .string, "Name of the variable that holds the current result while later stages work on it.",
            aliases: ["pv"]),
        Parameter("Verbose", .switched, "Writes what is being done to standard error.", aliases: ["vb"]),
        Parameter(
            "WarningAction", .enumeration("ActionPreference", ErrorAction.allCases.map(\.rawValue)),
            "What a warning does: Continue writes it, SilentlyContinue and Ignore drop it, Stop raises it, Inquire asks.", aliases: ["wa"]),
        Parameter("WarningVariable", .string, "Name of the variable that receives the warnings; +name adds to it.", aliases: ["wv"]),
    ]

    private static let shouldProcess: [Parameter] = [
        Parameter("Confirm", .switched, "Asks before it acts; -Confirm:$false answers every question with yes.", aliases: ["cf"]),
        Parameter("WhatIf", .switched, "Says what would be done and does nothing.", aliases: ["wi"]),
    ]

    private static let throttle = Parameter(
        "ThrottleLimit", .integer(1...1024), "How many targets are worked on at once.", default: .integer(32), ours: true)

    /// Those that `cmdlet` has; one it declares itself is not among them.
    public static func parameters(of cmdlet: Cmdlet) -> [Parameter] {
        var common = everywhere
        if cmdlet.supportsShouldProcess { common += shouldProcess }
        if case .perTarget = cmdlet.body { common.append(throttle) }
        return common.filter { candidate in cmdlet.parameter(candidate.name) == nil }
    }

    /// Those that every cmdlet has, for reference pages.
    static var list: String { Spelling.list(everywhere.map { "-" + $0.name }, "and") }
    /// Whether every cmdlet has it.
    public static func isEverywhere(_ name: String) -> Bool { everywhere.contains { $0.name == name } }

    static let names: Set<String> = Set((everywhere + shouldProcess + [throttle]).map { $0.name.lowercased() })
}
