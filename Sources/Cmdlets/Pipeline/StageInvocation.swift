/// The call as a body sees it; on a thread of ours everything but reading goes through the target's task.
final class StageInvocation: Invocation, @unchecked Sendable {
    // Safety: `stage` is touched on the calling thread only; with a task, through the task's queue.
    private let stage: Stage
    private let task: TargetTask?
    let arguments: BoundArguments
    let cmdlet: Cmdlet
    let context: any ExecutionContext
    let inputIsOne: Bool

    init(_ stage: Stage, _ arguments: BoundArguments, task: TargetTask?) {
        (self.stage, self.arguments, self.task) = (stage, arguments, task)
        (cmdlet, context, inputIsOne) = (stage.cmdlet, stage.context, stage.inputIsOne)
    }

    var isFollowed: Bool { stage.isFollowed }

    func emit(_ value: Value) throws {
        if let task { task.post(.result(value)) } else { try stage.deliver(value) }
    }

    func report(_ error: any Error) throws {
        if stage.isPassing(error) { throw error }
        let record = ErrorRecord(error, cmdlet: cmdlet.name)
        if let task {
            task.post(.failure(record))
        } else if case .streaming = cmdlet.body {
            try stage.fail(record, isStreaming: true)
        } else {
            try stage.fail(record)
        }
    }

    func warn(_ text: String) { if let task { task.post(.warning(text)) } else { stage.warn(text) } }

    func verbose(_ text: String) { if let task { task.post(.verbose(text)) } else { stage.verbose(text) } }

    func shouldProcess(_ target: @autoclosure () throws -> String, _ action: String) throws -> Bool {
        let stage = stage
        guard stage.saysTarget else { return true }
        let target = try target()
        guard let task else { return try stage.shouldProcess(target, action) }
        return try task.onCallingThread { try stage.shouldProcess(target, action) }
    }

    func confirm(_ question: String) throws -> Bool {
        let stage = stage
        guard let task else { return try stage.confirmation.ask(question) }
        return try task.onCallingThread { try stage.confirmation.ask(question) }
    }

    func checkCancelled() throws {
        try context.checkCancelled()
        if task?.isAbandoned == true { throw Cancellation() }
    }

    /// Keeps text of Write-Host for -InformationVariable; false: it is not to be shown.
    func inform(_ text: String) -> Bool { stage.inform(text) }
}
