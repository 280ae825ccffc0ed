import ArgumentParser
import Basics
import Cmdlets
import Glibc
import Management
import Shell

/// The version that `--version` and the banner show.
let lunavisorVersion = Product.version

/// Reads the command line and opens the front door that it names. A program's own arguments begin after its name.
enum CommandLineFront {
    private struct Words: ParsableArguments {
        @Option(name: .shortAndLong, help: ArgumentHelp("Run these commands.", valueName: "commands"))
        var command: String?
        @Option(help: ArgumentHelp("The folder of the virtual machines (also LUNAVISOR_STORE).", valueName: "folder"))
        var store: String?
        @Option(help: ArgumentHelp("How results are shown: table, list, json or csv.", valueName: "format"))
        var output: String = "table"
        @Flag(help: "No colours (also NO_COLOR).")
        var noColor = false
        @Flag(name: .shortAndLong, help: "No banner, no progress.")
        var quiet = false
        @Flag(help: "Do not run the profile script before the REPL.")
        var noProfile = false
        @Flag(help: "Drop io, native modules and debug; cap memory and instructions.")
        var restricted = false
        @Flag(help: "Print the version.")
        var version = false
        @Flag(name: .shortAndLong, help: "Print this text.")
        var help = false
    }

    private static let usage = """
        Usage: lunavisor [OPTIONS]                     the REPL, or standard input as a script
               lunavisor [OPTIONS] FILE.lua [ARGS]     a script
               lunavisor [OPTIONS] -c COMMANDS [ARGS]  the commands
               lunavisor [OPTIONS] test [TEST OPTIONS] FILE…
                                                       scenarios: each file, and each file of a folder, in a store of its own
               lunavisor help [CMDLET|TOPIC]           the manual
               lunavisor host start|stop               what the host's boot and shutdown do with the VMs

        Options: -c, --command COMMANDS      run these commands
                 --store FOLDER              the folder of the virtual machines (also LUNAVISOR_STORE)
                 --output table|list|json|csv
                 --no-color                  no colours (also NO_COLOR)
                 -q, --quiet                 no banner, no progress
                 --no-profile                not run ~/.config/lunavisor/profile.lua before the REPL
                 --restricted                drop io, native modules and debug; cap memory and instructions; files only in the
                                             store and beside the script
                 --version, -h, --help

        Test options: --jobs N       files that run at once (1)
                      --tag WORD     only cases with #WORD in their names; may be given several times
                      --filter TEXT  only cases whose names hold TEXT or match it as a regular expression
                      --list         name the cases, run none
                      --repeat N     run each file N times
                      --seed N       where math.random begins in each case
                      --architecture NAME  where devices and services of machines run that say nothing else
                      --tap FILE     write the results as TAP; - is standard output
                      --junit FILE   write the results as JUnit XML
                      --keep FOLDER  where the consoles and events of failed cases are kept

        """

    static func run(_ arguments: [String]) -> Int32 {
        let (own, rest) = split(arguments)
        let words: Words
        do { words = try Words.parse(own) } catch {
            return wrongUsage(Words.message(for: error))
        }
        if words.help { return show(usage) }
        if words.version { return show("lunavisor \(lunavisorVersion)\n") }
        var options = SessionOptions()
        guard let format = OutputFormat(rawValue: words.output) else {
            return wrongUsage("--output takes table, list, json or csv, not “\(words.output)”.")
        }
        options.outputFormat = format
        (options.isQuiet, options.isRestricted) = (words.quiet, words.restricted)
        options.usesColours = !words.noColor && getenv("NO_COLOR") == nil
        let store = words.store ?? VirtualMachineHost.defaultStorePath(environment: environment())
        return open(words, rest, options, store)
    }

    private static func open(_ words: Words, _ rest: [String], _ options: SessionOptions, _ store: String) -> Int32 {
        var options = options
        do {
            let host = VirtualMachineHost(storePath: store, starter: ProcessWorkerStarter())
            if let commands = words.command {
                options.arguments = rest
                return ProgramRunner.runCommands(commands, in: try Session(host: host, options: options))
            }
            guard let first = rest.first else {
                guard isatty(0) == 1, isatty(1) == 1 else {
                    return ProgramRunner.runStandardInput(in: try Session(host: host, options: options))
                }
                options.isInteractive = true
                var usual = environment()
                usual["LUNAVISOR_STORE"] = nil
                let isUsual = host.storePath == VirtualMachineHost.defaultStorePath(environment: usual)
                return Conversation(
                    session: try Session(host: host, options: options), version: lunavisorVersion,
                    store: isUsual ? nil : Conversation.promptName(of: host.storePath),
                    profile: words.noProfile ? nil : Conversation.profilePath()
                ).run()
            }
            let others = Array(rest.dropFirst())
            switch first {
            case "test": return test(others, options)
            case "help":
                if let script = others.first, script.contains("/") || script.hasSuffix(".lua") {
                    options.scriptName = script
                    options.isRestricted = true
                    return show(try Session.help(ofScript: script, in: try Session(host: host, options: options)))
                }
                return help(others)
            case "host":
                guard ["start", "stop"].contains(others.first) else { return wrongUsage("host takes start or stop.") }
                return try HostActions.run(others[0], on: host)
            case "-":
                options.arguments = others
                return ProgramRunner.runStandardInput(in: try Session(host: host, options: options))
            default:
                (options.scriptName, options.arguments) = (first, others)
                return ProgramRunner.runFile(first, in: try Session(host: host, options: options))
            }
        } catch {
            writeError("lunavisor: \(ErrorRecord(error).message)\n")
            return 1
        }
    }

    /// Our own options end at the first word that is none of them; what follows belongs to the program.
    private static func split(_ arguments: [String]) -> (own: [String], rest: [String]) {
        let withValue: Set<String> = ["-c", "--command", "--store", "--output"]
        var own: [String] = []
        var rest = arguments[...]
        while let word = rest.first {
            if word == "--" {
                rest.removeFirst()
                break
            }
            guard word.hasPrefix("-"), word != "-" else {
                break
            }
            own.append(word)
            rest.removeFirst()
            if withValue.contains(word), let value = rest.first {
                own.append(value)
                rest.removeFirst()
            }
            if word == "-c" || word.hasPrefix("--command") { break }
        }
        return (own, Array(rest))
    }

    private static func test(_ arguments: [String], _ options: SessionOptions) -> Int32 {
        let words: ScenarioWords
        do { words = try ScenarioWords.parse(arguments) } catch { return wrongUsage(ScenarioWords.message(for: error)) }
        guard !words.paths.isEmpty else { return wrongUsage("test needs at least one file or folder.") }
        var options = options
        options.isQuiet = options.isQuiet || words.quiet
        let scenarios = words.options
        if scenarios.reportsTo != nil { return ScenarioFile.run(scenarios, options, starter: ProcessWorkerStarter()) }
        return ScenarioRunner(scenarios).run()
    }

    private static func help(_ words: [String]) -> Int32 {
        let catalogue = Catalogue()
        // For Scripts/generate.
        if words.first == "--markdown" { return show(ReferencePage.markdown(catalogue)) }
        if words.first == "--limits" { return show(CatalogueReport.limitsPage(catalogue)) }
        guard let topic = words.first else { return show(usage + "\n" + HelpText.overview(catalogue)) }
        do {
            let text = try HelpText.find(topic, catalogue)
            return show(text.hasSuffix("\n") ? text : text + "\n")
        } catch {
            let record = ErrorRecord(error)
            writeError("lunavisor: \(record.message)\(record.recommendedAction.map { " \($0)" } ?? "")\n")
            return 1
        }
    }

    private static func environment() -> [String: String] {
        var result: [String: String] = [:]
        for name in ["LUNAVISOR_STORE", "XDG_DATA_HOME", "HOME"] { result[name] = getenv(name).map { String(cString: $0) } }
        return result
    }

    private static func wrongUsage(_ message: String) -> Int32 {
        writeError("lunavisor: \(message)\n`lunavisor --help` explains.\n")
        return 2
    }

    private static func show(_ text: String) -> Int32 {
        print(text, terminator: "")
        fflush(nil)
        return 0
    }

    private static func writeError(_ text: String) {
        fflush(nil)
        _ = Array(text.utf8).withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
    }
}
