/// One line of a VM's event log.
public struct VirtualMachineEvent: Codable, Equatable, Sendable {
    /// Counts from 1 within the VM.
    public var sequence: UInt64
    /// Nanoseconds since the Unix epoch.
    public var time: Int64
    public var level: Level
    public var kind: Kind
    /// For a person; text from a guest is in `guestText`.
    public var message: String
    public var initiator: Initiator?
    /// What the guest said of itself (crash text): hostile, to be escaped when printed.
    public var guestText: String?
    /// Crash parameters P0–P4, registers of a triple fault and the like, in a stable order.
    public var details: [Detail]?

    public enum Level: String, Codable, Sendable {
        case information = "Information"
        case warning = "Warning"
        case critical = "Critical"
    }

    /// What happened. A name this program does not know, from a newer one, is kept as it is.
    public struct Kind: RawRepresentable, Codable, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }
        public static let created = Kind(rawValue: "Created")
        public static let started = Kind(rawValue: "Started")
        public static let startFailed = Kind(rawValue: "StartFailed")
        public static let stopped = Kind(rawValue: "Stopped")
        public static let saved = Kind(rawValue: "Saved")
        public static let restored = Kind(rawValue: "Restored")
        public static let savedStateRemoved = Kind(rawValue: "SavedStateRemoved")
        public static let paused = Kind(rawValue: "Paused")
        public static let resumed = Kind(rawValue: "Resumed")
        public static let reset = Kind(rawValue: "Reset")
        public static let shutdownRequested = Kind(rawValue: "ShutdownRequested")
        public static let configured = Kind(rawValue: "Configured")
        public static let renamed = Kind(rawValue: "Renamed")
        public static let workerDied = Kind(rawValue: "WorkerDied")
        public static let workerKilled = Kind(rawValue: "WorkerKilled")
        public static let guestCrashed = Kind(rawValue: "GuestCrashed")
        public static let tripleFault = Kind(rawValue: "TripleFault")
        public static let mediumEjected = Kind(rawValue: "MediumEjected")
        public static let checkpointMade = Kind(rawValue: "CheckpointMade")
        public static let checkpointApplied = Kind(rawValue: "CheckpointApplied")
        public static let checkpointRemoved = Kind(rawValue: "CheckpointRemoved")
        public static let merged = Kind(rawValue: "Merged")
        public static let storageMoved = Kind(rawValue: "StorageMoved")
        public static let interrupted = Kind(rawValue: "Interrupted")
        public static let notice = Kind(rawValue: "Notice")
    }

    /// Who asked: taken from the system (`SO_PEERCRED`), not from what a client says of itself.
    public struct Initiator: Codable, Equatable, Sendable {
        public var user: String
        public var processId: Int32
        /// Name of the process, when it could be read.
        public var program: String?
        public init(user: String, processId: Int32, program: String? = nil) {
            (self.user, self.processId, self.program) = (user, processId, program)
        }
    }

    public struct Detail: Codable, Equatable, Sendable {
        public var name: String
        public var value: String
        public init(name: String, value: String) { (self.name, self.value) = (name, value) }
    }

    public init(
        _ kind: Kind, level: Level = .information, message: String, initiator: Initiator? = nil, guestText: String? = nil,
        details: [Detail]? = nil
    ) {
        sequence = 0
        time = 0
        self.kind = kind
        self.level = level
        self.message = message
        self.initiator = initiator
        self.guestText = guestText
        self.details = details
    }
}
