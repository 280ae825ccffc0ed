extension Cmdlet {
    /// `Tee-Object`: passes objects on and keeps them in a variable.
    static let teeObject = Cmdlet(
        "Tee", "Object", aliases: ["tee"], synopsis: "Passes objects on and keeps them in a variable too.",
        sets: [.init("Variable", shape: .mapping)],
        parameters: [
            Parameter("Variable", .string, "Name of the variable that receives the objects.", mandatory: true, position: 0),
            .inputObject,
        ],
        output: "Object",
        examples: [Example("Get-VM | Tee-Object -Variable all | Measure-Object", "Counts the virtual machines and keeps them in $all.")],
        inputFirst: true,
        body: .streaming { invocation in
            var values: [Value] = []
            return StreamClosures {
                values.append($0)
                try invocation.emit($0)
                return true
            } end: {
                invocation.context.assign(variable: invocation.string("Variable") ?? "", value: .list(values), appending: false)
            }
        })
}
