import Basics

extension Cmdlet {
    /// `ForEach-Object { … }` and `ForEach-Object Property`.
    static let forEachObject = Cmdlet(
        "ForEach", "Object", aliases: ["foreach", "%"], synopsis: "Runs a block for each object, or takes one property of each.",
        details: "What the block returns goes on; nil is nothing, and a list goes on value by value. Objects are handled one at a time.",
        sets: [.init("ScriptBlock", isDefault: true, shape: .mapping), .init("Property", shape: .mapping)],
        parameters: [
            Parameter("Process", .block, "The block; it sees the object as $_.", sets: ["ScriptBlock"], mandatory: true, position: 0),
            Parameter("MemberName", .string, "Name of the property to take.", sets: ["Property"], mandatory: true, position: 0),
            Parameter("Begin", .block, "Runs once before the first object.", sets: ["ScriptBlock"]),
            Parameter("End", .block, "Runs once after the last object.", sets: ["ScriptBlock"]),
            .inputObject,
            Parameter(
                "Parallel", .block, "Runs the block for several objects at once.", sets: ["ScriptBlock"],
                effect: .refused("parallel blocks need interpreters of their own, which come with jobs")),
        ],
        output: "Object",
        examples: [
            Example("Get-VM | ForEach-Object { $_.Name .. ' is ' .. $_.State }", "A line of text for each virtual machine."),
            Example("Get-VM | % Name", "The names."),
        ],
        inputFirst: true,
        body: .streaming { invocation in
            func emit(_ value: Value) throws {
                for element in value.elements { try invocation.emit(element) }
            }
            if let name = invocation.string("MemberName") {
                return StreamClosures {
                    try emit(invocation.checkedProperty(name, of: $0))
                    return true
                }
            }
            var hasBegun = false
            func begin() throws {
                guard !hasBegun else { return }
                hasBegun = true
                if let block = invocation.argument("Begin")?.blockValue { try emit(block.call(.null, [])) }
            }
            return StreamClosures { value in
                try begin()
                if let block = invocation.argument("Process")?.blockValue { try emit(block.call(value, [])) }
                return true
            } end: {
                try begin()
                if let block = invocation.argument("End")?.blockValue { try emit(block.call(.null, [])) }
            }
        })
}
