import Basics

extension Cmdlet {
    /// `ForEach-Object { … }` and `ForEach-Object Property`.
    static let forEachObject = Cmdlet(
        "ForEach", "Object", aliases: ["foreach", "%"], synopsis: "Runs a block for each object, or takes one property of each.",
        details:
            "What the block returns goes on; nil is nothing, and a list goes on value by value. Objects are handled one at a time, with -Parallel several at once; a -Parallel block sees no variables of the script but by $using:name, and results keep the order of the input.",
        sets: [
            .init("ScriptBlock", isDefault: true, shape: .mapping), .init("Property", shape: .mapping),
            .init("Parallel", shape: .mapping),
        ],
        parameters: [
            Parameter("Process", .block, "The block; it sees the object as $_.", sets: ["ScriptBlock"], mandatory: true, position: 0),
            Parameter("MemberName", .string, "Name of the property to take.", sets: ["Property"], mandatory: true, position: 0),
            Parameter("Begin", .block, "Runs once before the first object.", sets: ["ScriptBlock"]),
            Parameter("End", .block, "Runs once after the last object.", sets: ["ScriptBlock"]),
            .inputObject,
            Parameter(
                "Parallel", .block, "Runs this block for several objects at once, each in an interpreter of its own.", sets: ["Parallel"],
                mandatory: true
            ).runningApart,
            Parameter("ThrottleLimit", .integer(1...1024), "How many objects at once.", sets: ["Parallel"], default: .integer(5)),
            Parameter(
                "TimeoutSeconds", .integer(0...Int64(Int32.max)), "When to give up; 0: never.", sets: ["Parallel"], default: .integer(0)),
            Parameter("AsJob", .switched, "Gives a job at once.", sets: ["Parallel"]),
        ],
        output: "Object",
        examples: [
            Example("Get-VM | ForEach-Object { $_.Name .. ' is ' .. $_.State }", "A line of text for each virtual machine."),
            Example("Get-VM | % Name", "The names."),
            Example("Get-VM | ForEach-Object -Parallel { $_.Name } -ThrottleLimit 8", "Eight at a time."),
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
            if let block = invocation.argument("Parallel")?.blockValue { return try ParallelBlocks(invocation, block) }
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
