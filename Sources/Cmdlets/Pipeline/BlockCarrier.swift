import Basics

/// Opens interpreters for blocks that run beside the script: jobs and ForEach-Object -Parallel. Implemented by the shell.
public protocol BlockCarrier: AnyObject, Sendable {
    /// The block in a form that another interpreter can run; throws what it cannot take along.
    func portable(_ block: any ScriptBlock, for cmdlet: String) throws -> any ScriptBlock
    /// An interpreter for the calling thread, on which it is used and given up. What it writes and gives goes to `output`.
    func open(_ output: any JobOutput) throws -> any BlockRunner
}

/// An interpreter of its own. Everything but `stop` happens on the thread that opened it.
public protocol BlockRunner: AnyObject {
    /// Runs a portable block; what it shows and returns goes to the output it was opened with. Throws what the block raised, or
    /// `Cancellation`.
    func run(_ block: any ScriptBlock, input: Value, arguments: [Value]) throws
    /// Stops what runs at its next instruction or wait; callable from any thread.
    func stop()
}

/// Takes what a job says, in order; called on the job's thread.
public protocol JobOutput: AnyObject, Sendable {
    func post(_ event: JobEvent)
}

/// One thing that a job said.
public enum JobEvent: Sendable {
    case value(Value)
    /// Text of print and Write-Host.
    case text(String)
    case failure(ErrorRecord)
    /// Text for standard error: warnings and the like.
    case diagnostic(String)
}

/// The terminal of what runs beside the script: text becomes events, and nobody can be asked.
public final class JobTerminal: Terminal {
    private let output: any JobOutput
    public init(_ output: any JobOutput) { self.output = output }

    public var isInteractive: Bool { false }
    public var width: Int? { nil }
    public func writeOutput(_ text: String) { output.post(.text(text)) }
    public func write(_ text: String) { output.post(.text(text)) }
    public func writeError(_ text: String) { output.post(.diagnostic(text)) }
    public func ask(_ question: String, choices: [(key: Character, meaning: String)]) -> Character? { nil }
    public func progress(_ activity: String, fraction: Double?) {}
    public func raw(_ body: (_ readByte: (_ timeoutMilliseconds: Int32) -> UInt8?) throws -> Void) throws {
        throw ErrorRecord("A job has no terminal.", "NoTerminal", .invalidOperation)
    }
}

extension Value {
    /// The value without what belongs to one interpreter: functions and Lua values of other kinds. Throws for those, naming `what`.
    public func portable(_ what: String) throws -> Value {
        switch self {
        case .null, .boolean, .integer, .number, .string, .object, .duration, .time: return self
        case .list(let values): return .list(try values.map { try $0.portable(what) })
        case .record(let record):
            return .record(Record(typeName: record.typeName, try record.fields.map { ($0.name, try $0.value.portable(what)) }))
        case .opaque(let value) where value is any PortableValue: return self
        case .block(let block) where block is any PortableValue: return self
        case .opaque, .block:
            throw ErrorRecord(
                "\(what) is a \(typeName), which belongs to the script's own interpreter and cannot be carried to a job.",
                "CannotCarry", .invalidArgument, action: "Strings, numbers, tables, times and objects of cmdlets can be carried.")
        }
    }
}

/// An opaque value that any interpreter may hold.
public protocol PortableValue: OpaqueValue {}
