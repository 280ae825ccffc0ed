import Basics

/// Work that runs beside the script: a block in an interpreter of its own, or a call with -AsJob.
public final class Job: LiveObject, JobOutput, @unchecked Sendable {
    // Safety: what changes is read and written inside `monitor.withLock`.
    public enum State: String, Sendable {
        case running = "Running"
        case completed = "Completed"
        case failed = "Failed"
        case stopped = "Stopped"
    }

    public let id: Int
    public let name: String
    let command: String
    /// `BackgroundJob` or `VirtualizationJob`, as the module names them.
    let kind: String
    private let began = Timestamp.now()
    private let monitor = HostLock()
    private var currentState = State.running
    private var ended: Timestamp?
    private var events: [JobEvent] = []
    private var failures: [ErrorRecord] = []
    private var stopper: (() -> Void)?
    private var isStopRequested = false
    private var isWaitedFor = false
    /// What a job that nobody receives may keep.
    private static let mostEvents = 1_000_000

    init(id: Int, name: String, command: String, kind: String) {
        (self.id, self.name, self.command, self.kind) = (id, name, command, kind)
    }

    public var state: State { monitor.withLock { currentState } }
    var isDone: Bool { state != .running }
    /// Wait-Job was called for it.
    var wasWaitedFor: Bool {
        get { monitor.withLock { isWaitedFor } }
        set { monitor.withLock { isWaitedFor = newValue } }
    }
    var shouldStop: Bool { monitor.withLock { isStopRequested } }

    // MARK: The job's side

    public func post(_ event: JobEvent) {
        monitor.withLock {
            if case .failure(let record) = event { failures.append(record) }
            if events.count < Self.mostEvents { events.append(event) }
            monitor.wakeAll()
        }
    }

    /// How the work can be stopped, from any thread; called at once when that was asked before.
    func stops(by stopper: @escaping () -> Void) {
        let isLate = monitor.withLock {
            self.stopper = stopper
            return isStopRequested
        }
        if isLate { stopper() }
    }

    /// The work has ended.
    func end(_ state: State) {
        monitor.withLock {
            currentState = state
            ended = Timestamp.now()
            stopper = nil
            monitor.wakeAll()
        }
    }

    // MARK: The script's side

    func requestStop() {
        let stopper = monitor.withLock {
            isStopRequested = true
            return self.stopper
        }
        stopper?()
    }

    /// Waits until it has ended, at most that long; tells whether it has.
    func wait(milliseconds: UInt64) -> Bool {
        monitor.withLock {
            if currentState == .running { monitor.wait(milliseconds: milliseconds) }
            return currentState != .running
        }
    }

    /// What it has said; taken, unless `keeping`.
    func receive(keeping: Bool) -> [JobEvent] {
        monitor.withLock {
            defer { if !keeping { events = [] } }
            return events
        }
    }

    // MARK: As an object

    public static let objectType = ObjectType(
        name: "Job",
        properties: [
            .init("Id", "Int32", "Number of the job in this session."),
            .init("Name", "String", "Its name."),
            .init("PSJobTypeName", "String", "BackgroundJob for a block, VirtualizationJob for a call with -AsJob."),
            .init("State", "JobState", "Running, Completed, Failed or Stopped."),
            .init("HasMoreData", "Boolean", "Receive-Job would give something."),
            .init("Location", "String", "Where it runs: localhost."),
            .init("Command", "String", "What it runs."),
            .init("PSBeginTime", "DateTime", "When it began."),
            .init("PSEndTime", "DateTime", "When it ended; nil while it runs."),
            .init("Error", "List", "Its failures so far."),
            .init("StatusMessage", "String", "The last failure's message."),
        ])
    public var type: ObjectType { Self.objectType }
    public var identity: String { "\(id)-\(ObjectIdentifier(self))" }
    public var displayName: String { name }

    public func snapshot() throws -> Record {
        monitor.withLock {
            Record(
                typeName: "Job",
                [
                    ("Id", .integer(Int64(id))), ("Name", .string(name)), ("PSJobTypeName", .string(kind)),
                    ("State", .string(currentState.rawValue)), ("HasMoreData", .boolean(!events.isEmpty)),
                    ("Location", .string("localhost")), ("Command", .string(command)), ("PSBeginTime", .time(began)),
                    ("PSEndTime", ended.map { .time($0) } ?? .null), ("Error", .list(failures.map(\.value))),
                    ("StatusMessage", .string(failures.last?.message ?? "")),
                ])
        }
    }
}
