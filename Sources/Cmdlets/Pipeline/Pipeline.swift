import Basics
import Management

/// What the head of a pipeline gets.
public enum PipelineInput: Sendable {
    case none
    /// One value, whatever it is made of; null is no object.
    case one(Value)
    /// A list's values.
    case many([Value])

    /// A value as the head of a pipeline: a list is many, nil is none.
    public init(_ value: Value) { if case .list(let values) = value { self = .many(values) } else { self = .one(value) } }
}

/// Whether a call gave nothing, one thing or a list: decided by the call, never by how many were found.
public enum ResultShape: Sendable { case nothing, one, many }

/// What a pipeline gave.
public struct PipelineResult: Sendable {
    /// Empty when a sink took them.
    public var values: [Value]
    public var shape: ResultShape

    public init(values: [Value], shape: ResultShape) { (self.values, self.shape) = (values, shape) }

    /// The thing itself (nil when there is none), a list, or nothing.
    public var value: Value {
        switch shape {
        case .nothing: .null
        case .one: values.count > 1 ? .list(values) : values.first ?? .null
        case .many: .list(values)
        }
    }
}

/// Runs cmdlets one behind the other.
///
///     input ──► stage 0 ──► stage 1 ──► … ──► sink or values
///                 each object goes on as soon as it is there
///
/// Everything but the bodies of `perTarget` cmdlets runs on the calling thread.
public enum Pipeline {
    /// Thrown through a body by `emit` when the stages behind it have enough or failed. A body lets it pass; it keeps no error.
    public struct Stop: Error {
        enum Reason {
            case enough(stage: Int)
            case failure(ErrorRecord)
        }
        let reason: Reason
    }

    /// Runs the stages. All are bound before the first acts. Results go to `sink` as they come, else into `values`.
    /// Throws `ErrorRecord`, a script's own error unchanged, or `Cancellation`.
    public static func run(
        _ stages: [CommandCall], input: PipelineInput = .none, context: any ExecutionContext, sink: ((Value) throws -> Void)? = nil
    ) throws -> PipelineResult {
        guard let trace = context.host.trace, !stages.isEmpty else {
            return try carryOut(stages, input: input, context: context, sink: sink)
        }
        return try traced(stages, trace) { try carryOut(stages, input: input, context: context, sink: sink) }
    }

    private static func carryOut(
        _ stages: [CommandCall], input: PipelineInput, context: any ExecutionContext, sink: ((Value) throws -> Void)?
    ) throws -> PipelineResult {
        try context.checkCancelled()
        let run = PipelineRun(context: context, isSingleCall: stages.count == 1)
        var hasInput = true
        var isOne = false
        switch input {
        case .none: hasInput = false
        case .one: isOne = true
        case .many: break
        }
        var shape = ResultShape.many
        for (index, call) in stages.enumerated() {
            var cmdlet = try context.catalogue.resolve(call.name)
            var binder = Binder(cmdlet, context)
            let prepared = try binder.prepare(call.arguments, hasInput: hasInput)
            if prepared.given.contains(where: { $0.parameter.name == "AsJob" && $0.value.booleanValue == true }) {
                cmdlet = CallJob.cmdlet(for: call, cmdlet, hasInput: hasInput)
                binder = Binder(cmdlet, context)
            }
            let stage = Stage(index: index, binder: binder, prepared: prepared, hasInput: hasInput, inputIsOne: isOne, run: run)
            try stage.checkConfirmation()
            shape = ShapeRule.shape(of: cmdlet, binder.finish(prepared, hasInput: hasInput), hasInput: hasInput, inputIsOne: isOne)
            run.stages.append(stage)
            (hasInput, isOne) = (true, shape == .one)
        }
        guard !run.stages.isEmpty else {
            let values: [Value] =
                switch input {
                case .none: []
                case .one(let value): [value]
                case .many(let values): values
                }
            if let sink { for value in values { try sink(value) } }
            return PipelineResult(values: sink == nil ? values : [], shape: isOne ? .one : .many)
        }
        var values: [Value] = []
        run.last = { value in if let sink { try sink(value) } else { values.append(value) } }
        defer { run.assignVariables() }
        try run.execute(input)
        try run.raise(results: values)
        return PipelineResult(values: values, shape: shape)
    }
}

/// One run's stages and what they share. Used on the calling thread only, but for `isCancelled`.
final class PipelineRun {
    let context: any ExecutionContext
    let isSingleCall: Bool
    let trace: TraceLog?
    var stages: [Stage] = []
    var last: (Value) throws -> Void = { _ in }
    /// Under Stop a stage failed: no further target is started.
    var hasFailed = false
    var notStarted: [String] = []

    init(context: any ExecutionContext, isSingleCall: Bool) {
        (self.context, self.isSingleCall, trace) = (context, isSingleCall, context.host.trace)
    }

    /// Gives a stage's result to the one behind it.
    func deliver(_ value: Value, from index: Int) throws {
        do {
            guard index + 1 < stages.count else {
                trace?.write(result: value)
                return try last(value)
            }
            let next = stages[index + 1]
            guard !next.hasEnough else { throw Pipeline.Stop(reason: .enough(stage: index + 1)) }
            try next.push(value)
            if next.hasEnough { throw Pipeline.Stop(reason: .enough(stage: index + 1)) }
        } catch let error where !(error is Pipeline.Stop || error is Cancellation) {
            // What a later stage cannot take is no failure of the body that gave it: it ends the pipeline.
            throw Pipeline.Stop(reason: .failure(ErrorRecord(error)))
        }
    }

    func execute(_ input: PipelineInput) throws {
        defer { for stage in stages { stage.abandon() } }
        do {
            var first = 0
            do {
                for stage in stages { try stage.begin() }
                switch input {
                case .none: try stages[0].runHead()
                case .one(let value): if !value.isNull { try stages[0].push(value) }
                case .many(let values):
                    // null is no object, but an element of a list, which cmdlets on any objects see.
                    for value in values where !value.isNull || stages[0].cmdlet.takesInputFirst {
                        try context.checkCancelled()
                        if stages[0].hasEnough { break }
                        try stages[0].push(value)
                    }
                }
            } catch let stop as Pipeline.Stop {
                guard case .enough(let stage) = stop.reason else { throw stop }
                first = stage
            }
            while first < stages.count {
                do {
                    try stages[first].end()
                    first += 1
                } catch let stop as Pipeline.Stop {
                    guard case .enough(let stage) = stop.reason else { throw stop }
                    first = stage
                }
            }
        } catch let stop as Pipeline.Stop {
            if case .failure(let record) = stop.reason { throw record.original }
        }
    }

    /// Raises what failed under Stop, now that everything has ended.
    func raise(results: [Value]) throws {
        let failures = stages.flatMap(\.failures)
        guard !failures.isEmpty else { return }
        let record = ErrorRecord.collected(
            failures, results: results, notStarted: notStarted, cmdlet: stages.first { !$0.failures.isEmpty }?.cmdlet.name ?? "")
        throw failures.count == 1 && notStarted.isEmpty && results.isEmpty ? record.original : record
    }

    func assignVariables() { for stage in stages { stage.assignVariables() } }
}

extension ErrorRecord {
    /// A script's own error as it was raised; one of ours in this form.
    var original: any Error {
        if let cause, !(cause is any DescribedError) { return cause }
        return self
    }
}
