import Basics

/// One target's work on a thread of ours: what its body says is kept in order until the calling thread takes it.
final class TargetTask: @unchecked Sendable {
    // Safety: every stored property is read and written inside `monitor.withLock`.
    enum Event {
        case result(Value)
        case failure(ErrorRecord)
        case warning(String)
        case verbose(String)
        /// Something only the calling thread may do; its answer is left in the task.
        case question(() -> Void)
    }

    let target: any LiveObject
    private let monitor: HostLock
    private var events: [Event] = []
    private var isDone = false
    private var wasAbandoned = false

    init(_ target: any LiveObject, _ monitor: HostLock) { (self.target, self.monitor) = (target, monitor) }

    var isAbandoned: Bool { monitor.withLock { wasAbandoned } }

    func post(_ event: Event) {
        monitor.withLock {
            events.append(event)
            monitor.wakeAll()
        }
    }

    func markDone() {
        monitor.withLock {
            isDone = true
            monitor.wakeAll()
        }
    }

    func abandon() {
        monitor.withLock {
            wasAbandoned = true
            monitor.wakeAll()
        }
    }

    /// Takes what is there; inside `monitor.withLock`.
    func take() -> (events: [Event], isDone: Bool) {
        defer { events = [] }
        return (events, isDone)
    }

    /// Takes the questions only, so that a later target does not wait for an earlier one; inside `monitor.withLock`.
    func takeQuestions() -> [() -> Void] {
        guard hasQuestion else { return [] }
        var questions: [() -> Void] = []
        events.removeAll { event in
            guard case .question(let ask) = event else { return false }
            questions.append(ask)
            return true
        }
        return questions
    }

    /// Inside `monitor.withLock`.
    var hasQuestion: Bool { events.contains { if case .question = $0 { true } else { false } } }

    /// Inside `monitor.withLock`.
    var isQuiet: Bool { events.isEmpty && !isDone }
    var isFinished: Bool { isDone }

    /// Has `body` run on the calling thread and waits for its answer.
    func onCallingThread<Answer>(_ body: @escaping () throws -> Answer) throws -> Answer {
        let slot = AnswerSlot<Answer>()
        post(.question { slot.answer = Result { try body() } })
        while true {
            let answer: Result<Answer, any Error>? = try monitor.withLock {
                if let answer = slot.answer { return answer }
                if wasAbandoned { throw Cancellation() }
                monitor.wait(milliseconds: 100)
                return slot.answer
            }
            if let answer { return try answer.get() }
        }
    }
}

/// Holds the answer to a question; read and written inside the task's lock or on the calling thread before it signals.
private final class AnswerSlot<Answer>: @unchecked Sendable {
    var answer: Result<Answer, any Error>?
}

/// Works on the targets of one stage: up to -ThrottleLimit at once, results in the order of the targets.
final class TargetQueue {
    private unowned let stage: Stage
    private let limit: Int
    private let body: @Sendable (any Invocation, any LiveObject) throws -> Void
    private let monitor = HostLock()
    private var tasks: [TargetTask] = []

    init(stage: Stage, limit: Int, body: @escaping @Sendable (any Invocation, any LiveObject) throws -> Void) {
        (self.stage, self.limit, self.body) = (stage, limit, body)
    }

    /// Starts work on a target, first waiting for a place.
    func add(_ target: any LiveObject, _ arguments: BoundArguments) throws {
        try deliverFinished()
        while running >= limit {
            try deliver(wait: true)
        }
        let task = TargetTask(target, monitor)
        let invocation = StageInvocation(stage, arguments, task: task)
        let cmdlet = stage.cmdlet
        let body = body
        let work: @Sendable () -> Void = {
            do {
                try body(invocation, target)
            } catch is Pipeline.Stop {
            } catch {
                var record = ErrorRecord(error, cmdlet: cmdlet.name)
                if record.target == nil { record.target = target.displayName }
                if !(error is Cancellation) { task.post(.failure(record)) }
            }
            task.markDone()
        }
        if HostThread.startDetached(name: "target", body: work) {
            tasks.append(task)
        } else {
            // The system gives no thread: one after the other, then.
            try drain()
            try stage.actHere(on: target, arguments)
        }
    }

    /// Waits for all targets and passes their results on.
    func drain() throws {
        while !tasks.isEmpty { try deliver(wait: true) }
    }

    /// Tells what still runs to end and waits for it.
    func abandon() {
        for task in tasks { task.abandon() }
        for task in tasks {
            while !monitor.withLock({ task.isFinished }) { monitor.withLock { if !task.isFinished { monitor.wait(milliseconds: 100) } } }
        }
        tasks = []
    }

    private var running: Int { monitor.withLock { tasks.count { !$0.isFinished } } }

    private func deliverFinished() throws {
        while let first = tasks.first, monitor.withLock({ first.isFinished }) { try deliver(wait: false) }
    }

    /// Takes the events of the first target and the questions of all; with `wait` it sleeps until something happens.
    private func deliver(wait: Bool) throws {
        guard let first = tasks.first else { return }
        try stage.context.checkCancelled()
        var questions: [() -> Void] = []
        let (events, isDone) = monitor.withLock { () -> ([TargetTask.Event], Bool) in
            if wait, first.isQuiet, !tasks.contains(where: \.hasQuestion) { monitor.wait(milliseconds: 100) }
            for task in tasks.dropFirst() { questions += task.takeQuestions() }
            return first.take()
        }
        for question in questions {
            question()
            monitor.withLock { monitor.wakeAll() }
        }
        for event in events {
            switch event {
            case .result(let value): try stage.deliver(value)
            case .failure(let record): try stage.fail(record)
            case .warning(let text): stage.warn(text)
            case .verbose(let text): stage.verbose(text)
            case .question(let ask):
                ask()
                monitor.withLock { monitor.wakeAll() }
            }
        }
        if isDone { tasks.removeFirst() }
    }
}
