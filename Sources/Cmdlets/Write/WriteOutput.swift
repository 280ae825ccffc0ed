extension Cmdlet {
    /// `Write-Output`: passes values on.
    static let writeOutput = Cmdlet(
        "Write", "Output", aliases: ["echo", "write"], synopsis: "Passes values on to the next stage, or shows them.",
        sets: [
            .init(
                "Default",
                shape: .computed("one for a single value, else a list") { arguments in
                    arguments.isPiped("InputObject") ? .mapping : arguments.isList("InputObject") ? .many : .one
                })
        ],
        parameters: [
            Parameter("InputObject", .any, "The values.", mandatory: true, position: 0, pipeline: .byValue, remaining: true),
            Parameter("NoEnumerate", .switched, "Passes a list on as one value."),
        ],
        output: "Object",
        examples: [Example("Write-Output ready", "The string ready.")],
        inputFirst: true,
        body: .each { invocation, value in
            for element in invocation.isOn("NoEnumerate") ? [value] : value.elements { try invocation.emit(element) }
        })
}
