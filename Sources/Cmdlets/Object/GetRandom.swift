import Basics

extension Cmdlet {
    /// `Get-Random`.
    static let getRandom = Cmdlet(
        "Get", "Random", synopsis: "Gets a random whole number.",
        sets: [.init("Default", shape: .computed("one, or a list with -Count") { $0.isGiven("Count") ? .many : .one })],
        parameters: [
            Parameter(
                "Maximum", .integer(Int64.min...Int64.max), "The number is below this.", position: 0, default: .integer(Int64(Int32.max))),
            Parameter("Minimum", .integer(Int64.min...Int64.max), "The number is this or above.", default: .integer(0)),
            Parameter("Count", .integer(1...1_000_000), "How many numbers."),
        ],
        output: "Int64",
        examples: [Example("Get-Random 6", "A number from 0 to 5.")],
        body: .perCall { invocation in
            let (low, high) = (invocation.integer("Minimum") ?? 0, invocation.integer("Maximum") ?? Int64(Int32.max))
            guard low < high else {
                throw ErrorRecord(
                    "Get-Random: -Minimum \(low) must be below -Maximum \(high).", "MinGreaterThanOrEqualMax", .invalidArgument)
            }
            for _ in 0..<(invocation.integer("Count") ?? 1) { try invocation.emit(.integer(Int64.random(in: low..<high))) }
        })

    /// `New-Guid`.
    static let newGuid = Cmdlet(
        "New", "Guid", synopsis: "Makes a random identifier.", sets: [.init("Default", shape: .one)], parameters: [], output: "Guid",
        examples: [Example("New-Guid", "An identifier that nothing else has.")],
        body: .perCall { try $0.emit(.string(GUID().description)) })
}
