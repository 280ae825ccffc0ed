import Basics
import Glibc

extension Cmdlet {
    /// `Start-Sleep`.
    static let startSleep = Cmdlet(
        "Start", "Sleep", aliases: ["sleep"], synopsis: "Waits; Ctrl-C ends it.",
        sets: [
            .init("Seconds", isDefault: true, shape: .nothing), .init("Milliseconds", shape: .nothing),
            .init("FromTimeSpan", shape: .nothing),
        ],
        parameters: [
            Parameter(
                "Seconds", .number, "How many seconds; fractions are accepted.", sets: ["Seconds"], mandatory: true, position: 0,
                pipeline: .byValue),
            Parameter(
                "Milliseconds", .integer(0...Int64(Int32.max)), "How many milliseconds.", aliases: ["ms"], sets: ["Milliseconds"],
                mandatory: true),
            Parameter("Duration", .timeSpan, "How long, as a duration.", aliases: ["ts"], sets: ["FromTimeSpan"], mandatory: true),
        ],
        examples: [Example("Start-Sleep 2", "Waits two seconds.")],
        body: .perCall { invocation in
            var seconds = invocation.argument("Seconds")?.numberValue ?? 0
            if let milliseconds = invocation.integer("Milliseconds") { seconds = Double(milliseconds) / 1000 }
            if case .duration(let span)? = invocation.argument("Duration") { seconds = span.totalSeconds }
            let end = HostTime.seconds() + seconds
            while true {
                try invocation.checkCancelled()
                let left = end - HostTime.seconds()
                guard left > 0 else { return }
                usleep(UInt32(min(left, 0.05) * 1_000_000))
            }
        })
}
