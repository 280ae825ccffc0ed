import Basics
import Management

/// A call with -AsJob: its whole input is taken, and the call runs on a thread of its own.
final class CallJob: StreamProcessor {
    /// A stage in place of `cmdlet` that starts the job and gives it.
    static func cmdlet(for call: CommandCall, _ cmdlet: Cmdlet, hasInput: Bool) -> Cmdlet {
        var starter = cmdlet
        for index in starter.parameterSets.indices { starter.parameterSets[index].shape = .one }
        starter.body = .streaming { CallJob(call, cmdlet, hasInput: hasInput, context: $0.context, emit: $0.emit) }
        return starter
    }

    private let call: CommandCall
    private let cmdlet: Cmdlet
    private let hasInput: Bool
    private let emit: (Value) throws -> Void
    private let context: any ExecutionContext
    private var values: [Value] = []

    init(
        _ call: CommandCall, _ cmdlet: Cmdlet, hasInput: Bool, context: any ExecutionContext, emit: @escaping (Value) throws -> Void
    ) {
        (self.call, self.cmdlet, self.hasInput, self.context, self.emit) = (call, cmdlet, hasInput, context, emit)
    }

    func process(_ input: Value) throws -> Bool {
        values.append(input)
        return true
    }

    func finish() throws {
        var call = call
        // The words that made it a job are not the job's own.
        call.arguments = try call.arguments.map { argument in
            var argument = argument
            if case .value(.block(let block)) = argument.content, let carrier = context.carrier {
                argument.content = .value(.block(try carrier.portable(block, for: cmdlet.name)))
            } else if case .value(let value) = argument.content {
                argument.content = .value(try value.portable("An argument of \(cmdlet.name) -AsJob"))
            }
            return argument
        }
        let binder = Binder(cmdlet, context)
        var rest: [RawArgument] = []
        for argument in call.arguments {
            if let name = argument.name, try binder.parameter(written: name).name == "AsJob" { continue }
            rest.append(argument)
        }
        call.arguments = rest
        let values = try values.map { try $0.portable("An object of the pipeline") }
        let input: PipelineInput = hasInput ? .many(values) : .none
        let (caller, work) = (context, call)
        let job = try context.jobs.start(name: nil, command: cmdlet.name, kind: "VirtualizationJob") { job in
            let context = CallJobContext(caller, job)
            _ = try Pipeline.run([work], input: input, context: context) { job.post(.value($0)) }
        }
        try emit(.object(job))
    }
}

/// The session as a job's call sees it: its preferences at the start, the job's own terminal and end.
private final class CallJobContext: ExecutionContext {
    private let caller: any ExecutionContext
    private let job: Job
    let catalogue: Catalogue
    let terminal: any Terminal
    let preferences: Preferences
    let outputFormat: OutputFormat
    let host: VirtualMachineHost
    let writableFolders: [String]?
    let jobs = JobTable()
    var carrier: (any BlockCarrier)? { caller.carrier }

    init(_ caller: any ExecutionContext, _ job: Job) {
        (self.caller, self.job) = (caller, job)
        (catalogue, terminal, preferences) = (caller.catalogue, JobTerminal(job), caller.preferences)
        (outputFormat, host, writableFolders) = (caller.outputFormat, caller.host, caller.writableFolders)
    }

    func record(_ error: ErrorRecord) {}
    func show(_ error: ErrorRecord) { job.post(.failure(error)) }
    func assign(variable: String, value: Value, appending: Bool) {}
    func checkCancelled() throws { if job.shouldStop { throw Cancellation() } }
    func matcher(_ pattern: String, ignoringCase: Bool) throws -> any PatternMatcher {
        try caller.matcher(pattern, ignoringCase: ignoringCase)
    }
}
