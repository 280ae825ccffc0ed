import ArgumentParser
import Persistence
import Shell

/// The words after `lunavisor test`.
struct ScenarioWords: ParsableArguments {
    @Option(help: "Files that run at once.")
    var jobs = 1
    @Option(name: .customLong("tag"), help: "Only cases with #WORD in their names.")
    var tags: [String] = []
    @Option(help: "Only cases whose names hold this text or match it.")
    var filter: String?
    @Flag(help: "Name the cases, run none.")
    var list = false
    @Option(name: .customLong("repeat"), help: "Run each file so often.")
    var repeats = 1
    @Option(help: "Where math.random begins in each case.")
    var seed: UInt32?
    @Option(help: "Write the results as TAP.")
    var tap: String?
    @Option(help: "Write the results as JUnit XML.")
    var junit: String?
    @Option(help: "Where the consoles and events of failed cases are kept.")
    var keep: String?
    @Option(help: "The architecture of machines that say none.")
    var architecture: String?
    @Flag(name: .shortAndLong, help: "No progress.")
    var quiet = false
    @Option(help: .hidden)
    var reportsTo: Int32?
    @Argument(help: "Files and folders.")
    var paths: [String] = []

    mutating func validate() throws {
        guard (1...1024).contains(jobs) else { throw ValidationError("--jobs takes a number from 1 to 1024.") }
        guard (1...1_000_000).contains(repeats) else { throw ValidationError("--repeat takes a number from 1 to 1000000.") }
        if let architecture, Architecture(rawValue: architecture) == nil {
            throw ValidationError("--architecture takes \(Architecture.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
    }

    var options: ScenarioOptions {
        var options = ScenarioOptions()
        (options.paths, options.jobs, options.tags, options.filter) = (paths, jobs, tags, filter)
        (options.lists, options.repeats, options.seed, options.tap) = (list, repeats, seed, tap)
        (options.junit, options.keep, options.reportsTo) = (junit, keep, reportsTo)
        options.architecture = architecture
        return options
    }
}
