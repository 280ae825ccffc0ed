import Basics

/// The jobs of one session, by number.
public final class JobTable: @unchecked Sendable {
    // Safety: read and written inside `monitor.withLock`.
    private let monitor = HostLock()
    private var jobs: [Job] = []
    private var last = 0

    public init() {}

    public var all: [Job] { monitor.withLock { jobs } }

    /// A new job whose `work` runs on a thread of its own; it gives the state in which the job ends by throwing or not.
    func start(
        name: String?, command: String, kind: String, _ work: @escaping @Sendable (Job) throws -> Void
    ) throws -> Job {
        let job = monitor.withLock {
            last += 1
            let job = Job(id: last, name: name ?? "Job\(last)", command: command, kind: kind)
            jobs.append(job)
            return job
        }
        let isStarted = HostThread.startDetached(name: "job") {
            do {
                try work(job)
                job.end(job.shouldStop ? .stopped : .completed)
            } catch is Cancellation {
                job.end(.stopped)
            } catch {
                if !job.shouldStop { job.post(.failure(ErrorRecord(error))) }
                job.end(job.shouldStop ? .stopped : .failed)
            }
        }
        guard isStarted else {
            remove(job)
            throw ErrorRecord(
                "The system gives no thread for a job.", "OutOfThreads", .resourceUnavailable, action: "Wait for others with Wait-Job.")
        }
        return job
    }

    func remove(_ job: Job) { monitor.withLock { jobs.removeAll { $0 === job } } }

    /// At a script's end: stops what still runs and waits for its cleanup, at most 10 s. Gives those for which no Wait-Job was called.
    public func endAll() -> [Job] {
        let running = all.filter { !$0.isDone }
        for job in running { job.requestStop() }
        let deadline = HostTime.monotonic() &+ 10_000_000_000
        for job in running { while !job.wait(milliseconds: 100), HostTime.monotonic() < deadline {} }
        return running.filter { !$0.wasWaitedFor }
    }
}
