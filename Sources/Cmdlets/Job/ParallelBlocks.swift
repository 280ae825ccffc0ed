import Basics

/// The work of ForEach-Object -Parallel: up to -ThrottleLimit objects at once, each in an interpreter of its own; results in the order of
/// the input.
final class ParallelBlocks: StreamProcessor {
    private let invocation: any Invocation
    private let carrier: any BlockCarrier
    private let block: any ScriptBlock
    private let limit: Int
    private let deadline: UInt64
    private let pool = ParallelPool()
    private var items: [ParallelItem] = []

    init(_ invocation: any Invocation, _ block: any ScriptBlock) throws {
        guard let carrier = invocation.context.carrier else { throw BlockJob.notHere }
        (self.invocation, self.carrier) = (invocation, carrier)
        self.block = try carrier.portable(block, for: "ForEach-Object -Parallel")
        limit = invocation.integer("ThrottleLimit").map { Int($0) } ?? 5
        let seconds = invocation.integer("TimeoutSeconds") ?? 0
        deadline = seconds > 0 ? HostTime.monotonic() &+ UInt64(seconds) &* 1_000_000_000 : .max
    }

    func process(_ input: Value) throws -> Bool {
        try deliver(waiting: false)
        // The input does not run ahead of the work without end.
        while items.count >= limit * 2 { try deliver(waiting: true) }
        let item = ParallelItem(try input.portable("An object of the pipeline"))
        items.append(item)
        pool.add(item, limit: limit, carrier: carrier, block: block)
        return true
    }

    func finish() throws {
        while !items.isEmpty { try deliver(waiting: true) }
        pool.close()
    }

    func abandon() { pool.stop() }

    /// Passes on what the first object's block has given.
    private func deliver(waiting: Bool) throws {
        try invocation.checkCancelled()
        guard let first = items.first else { return }
        guard HostTime.monotonic() < deadline else {
            throw ErrorRecord(
                "ForEach-Object -Parallel: -TimeoutSeconds ended it; \(items.count) objects were not done.", "OperationTimeout",
                .operationStopped, cmdlet: "ForEach-Object")
        }
        let (events, isDone) = first.take(waiting: waiting)
        for event in events {
            switch event {
            case .value(let value): try invocation.emit(value)
            case .text(let text): invocation.terminal.write(text)
            case .diagnostic(let text): invocation.terminal.writeError(text)
            case .failure(let record): try invocation.report(record)
            }
        }
        if isDone { items.removeFirst() }
    }
}

/// One object and what its block has said.
private final class ParallelItem: JobOutput, @unchecked Sendable {
    // Safety: what changes is read and written inside `monitor.withLock`.
    let input: Value
    private let monitor = HostLock()
    private var events: [JobEvent] = []
    private var isDone = false

    init(_ input: Value) { self.input = input }

    func post(_ event: JobEvent) {
        monitor.withLock {
            events.append(event)
            monitor.wakeAll()
        }
    }

    func end() {
        monitor.withLock {
            isDone = true
            monitor.wakeAll()
        }
    }

    func take(waiting: Bool) -> (events: [JobEvent], isDone: Bool) {
        monitor.withLock {
            if waiting, events.isEmpty, !isDone { monitor.wait(milliseconds: 100) }
            defer { events = [] }
            return (events, isDone)
        }
    }
}

/// Threads with an interpreter each, which take one object after the other.
private final class ParallelPool: @unchecked Sendable {
    // Safety: what changes is read and written inside `monitor.withLock`.
    private let monitor = HostLock()
    private var waiting: [ParallelItem] = []
    private var threads = 0
    private var idle = 0
    private var isClosed = false
    private var isStopped = false
    private var runners: [any BlockRunner] = []

    func add(_ item: ParallelItem, limit: Int, carrier: any BlockCarrier, block: any ScriptBlock) {
        let needsThread = monitor.withLock {
            waiting.append(item)
            monitor.wakeAll()
            guard idle < waiting.count, threads < limit else { return false }
            threads += 1
            return true
        }
        guard needsThread else { return }
        let isStarted = HostThread.startDetached(name: "parallel") { [self] in work(carrier, block) }
        guard !isStarted else { return }
        let isLast = monitor.withLock {
            threads -= 1
            return threads == 0
        }
        if isLast {
            item.post(.failure(ErrorRecord("The system gives no thread.", "OutOfThreads", .resourceUnavailable)))
            item.end()
        }
    }

    private func work(_ carrier: any BlockCarrier, _ block: any ScriptBlock) {
        let output = CurrentOutput()
        var runner: (any BlockRunner)?
        while let item = next() {
            output.current = item
            do {
                if runner == nil {
                    let new = try carrier.open(output)
                    runner = new
                    let isLate = monitor.withLock {
                        runners.append(new)
                        return isStopped
                    }
                    if isLate { new.stop() }
                }
                try runner?.run(block, input: item.input, arguments: [])
            } catch is Cancellation {
            } catch { item.post(.failure(ErrorRecord(error))) }
            item.end()
        }
        monitor.withLock {
            threads -= 1
            if let runner { runners.removeAll { $0 === runner } }
            monitor.wakeAll()
        }
    }

    private func next() -> ParallelItem? {
        monitor.withLock {
            idle += 1
            defer { idle -= 1 }
            while true {
                if isStopped { return nil }
                if !waiting.isEmpty { return waiting.removeFirst() }
                if isClosed { return nil }
                monitor.wait()
            }
        }
    }

    /// No more objects come.
    func close() {
        monitor.withLock {
            isClosed = true
            monitor.wakeAll()
        }
    }

    /// Ends everything and waits for it, at most 10 s.
    func stop() {
        let running = monitor.withLock {
            isStopped = true
            isClosed = true
            monitor.wakeAll()
            return runners
        }
        for runner in running { runner.stop() }
        let deadline = HostTime.monotonic() &+ 10_000_000_000
        monitor.withLock { _ = monitor.wait(while: { threads > 0 }, untilMonotonic: deadline) }
    }
}

/// Where a thread's interpreter writes: to the object it works on.
private final class CurrentOutput: JobOutput, @unchecked Sendable {
    // Safety: set and read on the interpreter's own thread.
    var current: ParallelItem?
    func post(_ event: JobEvent) { current?.post(event) }
}
