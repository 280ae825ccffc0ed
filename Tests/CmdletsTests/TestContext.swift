import Basics
import Cmdlets
import Glibc
import Management
import Synchronization

/// A session for tests: what is written is kept, questions are answered from a list, the store is a folder of its own.
final class TestContext: ExecutionContext {
    struct Kept {
        var recorded: [ErrorRecord] = []
        var shown: [ErrorRecord] = []
        var assigned: [(name: String, value: Value, appending: Bool)] = []
        var isCancelled = false
    }

    let catalogue: Catalogue
    let testTerminal: TestTerminal
    let preferences: Preferences
    let outputFormat: OutputFormat
    let host: VirtualMachineHost
    let jobs = JobTable()
    let kept = Mutex(Kept())
    private let folder: String

    init(
        _ cmdlets: [Cmdlet] = Catalogue.builtIn, errorAction: ErrorAction = .stop, format: OutputFormat = .table, width: Int? = nil,
        answers: [Character]? = nil, confirm: ConfirmLevel = .high, colours: Bool = false
    ) {
        catalogue = Catalogue(cmdlets)
        testTerminal = TestTerminal(width: width, answers: answers, colours: colours)
        var preferences = Preferences(errorAction: errorAction)
        preferences.confirm = confirm
        self.preferences = preferences
        outputFormat = format
        var template = Array("/tmp/lunavisor-cmdlets-XXXXXX".utf8CString)
        let made = mkdtemp(&template) != nil
        folder = made ? String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) : "/nonexistent"
        host = VirtualMachineHost(storePath: folder + "/store", starter: NoWorkers())
    }

    deinit { Self.removeFolder(folder) }

    /// The folder and all that is in it; links are removed, not followed.
    private static func removeFolder(_ path: String) {
        guard path.hasPrefix("/tmp/lunavisor-cmdlets-"), let entries = opendir(path) else { return }
        while let entry = readdir(entries) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name == "." || name == ".." { continue }
            let child = path + "/" + name
            if unlink(child) != 0 { removeFolder(child) }
        }
        closedir(entries)
        rmdir(path)
    }

    var terminal: any Terminal { testTerminal }
    func record(_ error: ErrorRecord) { kept.withLock { $0.recorded.append(error) } }
    func show(_ error: ErrorRecord) { kept.withLock { $0.shown.append(error) } }
    func assign(variable: String, value: Value, appending: Bool) { kept.withLock { $0.assigned.append((variable, value, appending)) } }
    func checkCancelled() throws { if kept.withLock({ $0.isCancelled }) { throw Cancellation() } }
    func matcher(_ pattern: String, ignoringCase: Bool) throws -> any PatternMatcher { PlainMatcher(pattern, ignoringCase) }

    /// Runs one cmdlet.
    func call(_ name: String, _ arguments: RawArgument..., input: PipelineInput = .none) throws -> PipelineResult {
        try Pipeline.run([CommandCall(name, arguments)], input: input, context: self)
    }

    /// What a statement of these stages shows.
    func shown(_ stages: CommandCall..., input: PipelineInput = .none) throws -> String {
        let result = try Pipeline.run(stages, input: input, context: self)
        try Display.show(result: result, self)
        return testTerminal.takeOutput()
    }

    /// The error that a call must raise.
    func failure(_ body: () throws -> Void) -> ErrorRecord? {
        do {
            try body()
            return nil
        } catch { return ErrorRecord(error) }
    }
}

/// Nothing can be started in these tests.
struct NoWorkers: WorkerStarter {
    func start(_ launch: WorkerLaunch) throws -> Int32 { throw ErrorRecord("no workers in this test", "NoWorkers", .notImplemented) }
}

final class TestTerminal: Terminal {
    private struct Kept {
        var output = "", host = "", error = ""
        var answers: [Character] = []
        var questions: [String] = []
    }
    let isInteractive: Bool
    let width: Int?
    let usesColours: Bool
    private let kept: Mutex<Kept>

    init(width: Int?, answers: [Character]?, colours: Bool) {
        (self.width, isInteractive, usesColours) = (width, answers != nil, colours)
        kept = Mutex(Kept(answers: answers ?? []))
    }

    var error: String { kept.withLock { $0.error } }
    var hostText: String { kept.withLock { $0.host } }
    var questions: [String] { kept.withLock { $0.questions } }
    func takeOutput() -> String {
        kept.withLock { kept in
            defer { kept.output = "" }
            return kept.output
        }
    }
    func writeOutput(_ text: String) { kept.withLock { $0.output += text } }
    func write(_ text: String) { kept.withLock { $0.host += text } }
    func writeError(_ text: String) { kept.withLock { $0.error += text } }
    func ask(_ question: String, choices: [(key: Character, meaning: String)]) -> Character? {
        kept.withLock { kept in
            kept.questions.append(question)
            return kept.answers.isEmpty ? nil : kept.answers.removeFirst()
        }
    }
    func progress(_ activity: String, fraction: Double?) {}
    func raw(_ body: (_ readByte: (_ timeoutMilliseconds: Int32) -> UInt8?) throws -> Void) throws { try body { _ in nil } }
}

/// Finds plain text; the shell brings regular expressions.
final class PlainMatcher: PatternMatcher {
    private let wanted: String
    private let ignoringCase: Bool
    init(_ pattern: String, _ ignoringCase: Bool) {
        (wanted, self.ignoringCase) = (ignoringCase ? pattern.lowercased() : pattern, ignoringCase)
    }
    func firstMatch(in text: String) throws -> (range: Range<Int>, groups: [String?])? {
        (ignoringCase ? text.lowercased() : text).contains(wanted) ? (0..<0, []) : nil
    }
}

/// A block written in Swift.
final class TestBlock: ScriptBlock {
    private let body: @Sendable (Value) throws -> Value
    init(_ body: @escaping @Sendable (Value) throws -> Value) { self.body = body }
    func call(_ input: Value, _ arguments: [Value]) throws -> Value { try body(input) }
    var sourceText: String { "block" }
}

/// A live object with a name and a number.
final class Thing: LiveObject {
    static let objectType = ObjectType(
        name: "Thing", properties: [.init("Name", "String", "Its name."), .init("Number", "Int64", "Its number.")])
    let name: String
    let number: Int64
    init(_ name: String, _ number: Int64 = 0) { (self.name, self.number) = (name, number) }
    var type: ObjectType { Self.objectType }
    var identity: String { name }
    var displayName: String { name }
    func snapshot() throws -> Record { Record(typeName: "Thing", [("Name", .string(name)), ("Number", .integer(number))]) }
}

extension Value {
    static func thing(_ name: String, _ number: Int64 = 0) -> Value { .object(Thing(name, number)) }
    static func code(_ body: @escaping @Sendable (Value) throws -> Value) -> Value { .block(TestBlock(body)) }
}
