import Basics
import Management

extension Pipeline {
    /// Runs `body`, and writes down that and how long it did.
    static func traced<Result>(_ stages: [CommandCall], _ trace: TraceLog, _ body: () throws -> Result) throws -> Result {
        let names = stages.map(\.name).joined(separator: " | ")
        // Which arguments there were is told where everything is.
        let text = trace.writes(.verbose) ? stages.map(described).joined(separator: " | ") : names
        trace.write(.info, "\(text): began")
        let began = HostTime.monotonic()
        func took() -> String { "after \((HostTime.monotonic() - began) / 1000) µs" }
        do {
            let result = try body()
            trace.write(.info, "\(names): done \(took())")
            return result
        } catch {
            let record = ErrorRecord(error)
            trace.write(.info, "\(names): ended \(took()) with \(record.identifier): \(record.message)")
            throw error
        }
    }

    private static func described(_ call: CommandCall) -> String {
        ([call.name]
            + call.arguments.map { argument in
                let value =
                    switch argument.content {
                    case .value(let value): value.shown
                    case .word(let word): word
                    case .missing(let variable, _): "\(variable ?? "an argument") without a value"
                    case .unattached: ""
                    }
                return [argument.name.map { "-\($0)" }, value.isEmpty ? nil : value].compactMap(\.self).joined(separator: " ")
            }).joined(separator: " ")
    }
}

extension TraceLog {
    /// An object that a call gave, if the trace shows those.
    func write(result value: Value) {
        guard showsObjects, writes(.verbose) else { return }
        write(.verbose, "result \((try? JSONText.encode(value, depth: 1)) ?? value.text)")
    }
}
