import Basics
import Glibc
import Persistence
import Synchronization
import WorkerProtocol

/// A handle of one VM: the same object for the same VM of one host. It keeps no state; everything is asked when it is wanted.
public final class VirtualMachine: Sendable, Hashable {
    public let id: GUID
    public let host: VirtualMachineHost
    /// The id as text.
    public let identity: String
    private let lastName: Mutex<String>
    /// nil: a VM of the store. Else it is only planned: it has a configuration and nothing else, and its handle's id is no VM's.
    let plan: PlannedMachine?

    /// Seconds after which a worker counts as not answering.
    static let patience = 1.0

    init(id: GUID, name: String, host: VirtualMachineHost, plan: PlannedMachine? = nil) {
        self.id = id
        self.host = host
        identity = id.description
        self.plan = plan
        lastName = Mutex(name)
    }

    /// The name as last read.
    public var name: String { lastName.withLock { $0 } }

    func remember(name: String) { lastName.withLock { $0 = name } }

    public static func == (left: VirtualMachine, right: VirtualMachine) -> Bool { left.id == right.id && left.host === right.host }

    public func hash(into hasher: inout Hasher) { hasher.combine(id) }

    /// The configuration as it is on disk. Throws `ConfigurationUnreadable`, `ConfigurationNewer`, `VMNotFound`.
    public func configuration() throws -> VirtualMachineConfiguration {
        let configuration = try plan?.configuration ?? reading { try $0.readConfiguration() }
        remember(name: configuration.name)
        return configuration
    }

    /// Whether it is only planned: to be seen and changed in a report of Compare-VM.
    public var isPlanned: Bool { plan != nil }

    /// The VM's own id, also of one that is planned or as it was at a checkpoint.
    public var machineId: GUID { plan?.configuration.id ?? id }

    /// The checkpoint whose state this handle is about; nil: the present.
    public var checkpoint: MachineCheckpoint? { plan?.checkpoint }

    /// The VM as it was at a checkpoint: to be read, not to be changed. Throws `CheckpointNotFound`.
    public func past(at id: GUID) throws -> VirtualMachine {
        guard let checkpoint = try configuration().checkpoint(id) else { throw ManagementError.checkpointGone(name) }
        return VirtualMachine(
            id: id, name: name, host: host,
            plan: PlannedMachine(checkpoint.configuration, checkpoint: MachineCheckpoint(id: id, name: checkpoint.name)))
    }

    /// The VM's events, oldest first; the newest `last` of them.
    public func events(last: Int? = nil) throws -> [VirtualMachineEvent] {
        try settleIfDead()
        let events = try reading { try EventLog.read(in: $0.folder) }
        return last.map { Array(events.suffix(max(0, $0))) } ?? events
    }

    /// The folder now.
    func files() throws -> (store: Store, folder: VirtualMachineFolder) {
        guard plan == nil else { throw PlannedMachine.notThere(name) }
        return try host.folder(id, name: name)
    }

    /// Reads in the folder; a folder that vanishes meanwhile is a VM that is not there.
    func reading<Result>(_ body: (VirtualMachineFolder) throws -> Result) throws -> Result {
        let folder = try files().folder
        do {
            return try body(folder)
        } catch let error as PersistenceError where error.isNotFound && !folder.folder.file.hasName {
            throw ManagementError.notFound(name, nearest: nil)
        }
    }

    /// Looks for a worker that died and says so in the event log, as far as this user may write there.
    func settleIfDead() throws {
        let folder = try files().folder
        guard folder.hasRunRecord, try !folder.hasWorker() else { return }
        guard let lock = try? folder.lockFolder(seconds: Self.patience) else { return }
        defer { withExtendedLifetime(lock) {} }
        _ = try? folder.settleDeadWorker()
    }

    /// Runs `body` where no worker lives and none can start meanwhile: under `folder.lock`. Throws when a worker does live.
    func writing<Result>(_ doing: String, _ body: (VirtualMachineFolder) throws -> Result) throws -> Result {
        let folder = try files().folder
        let lock = try folder.lockFolder()
        defer { withExtendedLifetime(lock) {} }
        guard folder.folder.file.hasName else { throw ManagementError.notFound(name, nearest: nil) }
        guard try !folder.hasWorker() else {
            throw ManagementError.refused(
                doing, name, state: VirtualMachineState(rawValue: folder.readRunRecord()?.state ?? "") ?? .running,
                action: "Turn it off first: Stop-VM \(name) -TurnOff")
        }
        try folder.settleDeadWorker()
        return try body(folder)
    }
}
