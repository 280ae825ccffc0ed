import Basics

extension Comparison {
    /// The comparison words, and what each says of its left side.
    public static let meanings: [(word: String, meaning: String)] = [
        ("EQ", "equals the value"), ("NE", "differs from the value"), ("GT", "is greater than the value"),
        ("GE", "is greater than the value or equal"), ("LT", "is less than the value"), ("LE", "is less than the value or equal"),
        ("Like", "matches the wildcard pattern"), ("NotLike", "does not match the wildcard pattern"),
        ("Match", "matches the regular expression"), ("NotMatch", "does not match the regular expression"),
        ("In", "is one of the values"), ("NotIn", "is none of the values"), ("Contains", "contains the value"),
        ("NotContains", "does not contain the value"),
    ]
}

extension Cmdlet {
    /// `Where-Object { … }` and `Where-Object Property -eq value`.
    static let whereObject: Cmdlet = {
        let switches = Comparison.meanings.flatMap { name, meaning in
            [
                Parameter(
                    name, .switched, "Keeps objects whose property \(meaning), letter case ignored.", aliases: ["I\(name)"],
                    sets: ["Property"]),
                Parameter("C\(name)", .switched, "Keeps objects whose property \(meaning), letter case counting.", sets: ["Property"]),
            ]
        }
        return Cmdlet(
            "Where", "Object", aliases: ["where", "?"], synopsis: "Keeps the objects that fulfil a condition.",
            details:
                "The condition is a block that sees the object as $_, or a property, a comparison and a value. The value is converted to the property's type; strings compare without regard to letter case unless the comparison begins with C.",
            departures: [
                "A property that a virtual machine or another live object does not have is an error with the nearest name, not an empty value."
            ],
            sets: [.init("ScriptBlock", isDefault: true, shape: .many), .init("Property", shape: .many)],
            parameters: [
                Parameter(
                    "FilterScript", .block, "The condition: a block that gives true for objects to keep.", sets: ["ScriptBlock"],
                    mandatory: true,
                    position: 0),
                Parameter("Property", .string, "Name of the property to compare.", sets: ["Property"], mandatory: true, position: 0),
                Parameter("Value", .any, "What the property is compared with.", sets: ["Property"], position: 1).takingNil,
                .inputObject,
                Parameter("Not", .switched, "Keeps objects whose property is nil, false or an empty list.", sets: ["Property"]),
            ] + switches,
            output: "Object",
            examples: [
                Example("Get-VM | Where-Object { $_.State -eq 'Running' }", "The running virtual machines."),
                Example("Get-VM | ? Uptime -gt 3600", "Those that have been up for more than an hour."),
            ],
            inputFirst: true,
            body: .streaming { invocation in
                if let block = invocation.argument("FilterScript")?.blockValue {
                    return StreamClosures { value in
                        if try block.call(value, []).isTruthy { try invocation.emit(value) }
                        return true
                    }
                }
                let name = invocation.string("Property") ?? ""
                let given = switches.filter { invocation.isOn($0.name) }
                guard given.count <= 1 else {
                    throw ErrorRecord(
                        "Where-Object takes one comparison; given were \(Spelling.list(given.map { "-" + $0.name }, "and")).",
                        "AmbiguousParameterSet", .invalidArgument, action: "Use a block: Where-Object { … -and … }.", cmdlet: "Where-Object"
                    )
                }
                guard let word = given.first?.name else {
                    guard !invocation.isGiven("Value") else {
                        throw ErrorRecord(
                            "Where-Object \(name): the value has no comparison, like -eq.", "MissingMandatoryParameter", .invalidArgument,
                            cmdlet: "Where-Object")
                    }
                    let wanted = !invocation.isOn("Not")
                    return StreamClosures { value in
                        if try invocation.checkedProperty(name, of: value).isTruthy == wanted { try invocation.emit(value) }
                        return true
                    }
                }
                guard let comparison = Comparison(word: word), let wanted = invocation.argument("Value") else {
                    throw ErrorRecord(
                        "Where-Object \(name) -\(word) needs a value to compare with.", "MissingMandatoryParameter", .invalidArgument,
                        cmdlet: "Where-Object")
                }
                return StreamClosures { value in
                    let left = try invocation.checkedProperty(name, of: value)
                    if try comparison.evaluate(left, wanted, invocation.context) { try invocation.emit(value) }
                    return true
                }
            })
    }()
}
