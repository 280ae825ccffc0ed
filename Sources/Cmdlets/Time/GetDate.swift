import Basics

extension Cmdlet {
    /// `Get-Date`.
    static let getDate = Cmdlet(
        "Get", "Date", synopsis: "Gets the time now, or another one.",
        sets: [.init("Default", shape: .one)],
        parameters: [
            Parameter(
                "Date", .time, "The time to get instead of now.", aliases: ["LastWriteTime"], position: 0,
                pipeline: [.byValue, .byPropertyName]),
            Parameter("Format", .string, "Gives text in this format, as .NET's: yyyy-MM-dd HH:mm:ss."),
            Parameter("Year", .integer(1970...2261), "The year instead."), Parameter("Month", .integer(1...12), "The month instead."),
            Parameter("Day", .integer(1...31), "The day instead."), Parameter("Hour", .integer(0...23), "The hour instead."),
            Parameter("Minute", .integer(0...59), "The minute instead."), Parameter("Second", .integer(0...59), "The second instead."),
        ],
        output: "DateTime",
        examples: [
            Example("(Get-Date).AddDays(-7)", "A week ago."), Example("Get-Date -Format yyyy-MM-dd", "Today, as text."),
        ],
        body: .perCall { invocation in
            var time = Timestamp.now()
            if case .time(let given)? = invocation.argument("Date") { time = given }
            let names = ["Year", "Month", "Day", "Hour", "Minute", "Second"]
            if names.contains(where: invocation.isGiven) {
                let parts = time.components
                func part(_ name: String, _ own: Int) -> Int { invocation.integer(name).map { Int($0) } ?? own }
                time = Timestamp(
                    year: part("Year", parts.year), month: part("Month", parts.month), day: part("Day", parts.day),
                    hour: part("Hour", parts.hour),
                    minute: part("Minute", parts.minute), second: part("Second", parts.second), nanosecond: parts.nanosecond)
            }
            if let format = invocation.string("Format") {
                try invocation.emit(.string(time.formatted(format)))
            } else {
                try invocation.emit(.time(time))
            }
        })
}
