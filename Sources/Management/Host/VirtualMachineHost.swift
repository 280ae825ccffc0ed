import Basics
import Glibc
import Persistence
import Synchronization
import WorkerProtocol

/// One store and the VMs in it: what is on disk plus what the workers say. Nothing is believed but what is there now (see
/// `KnownConfigurations`), so any number of hosts, in any number of processes, see the same.
public final class VirtualMachineHost: Sendable {
    public let storePath: String
    let starter: any WorkerStarter
    private struct Weak {
        weak var machine: VirtualMachine?
    }
    private let handles = Mutex<[GUID: Weak]>([:])
    let known = KnownConfigurations()
    let runningTrace = Mutex<TraceLog?>(nil)

    /// Touches no file: a store that does not exist is an empty one, and is made with the first VM.
    public init(storePath: String, starter: any WorkerStarter) {
        self.storePath = Paths.absolute(storePath)
        self.starter = starter
    }

    /// `LUNAVISOR_STORE`, else the superuser's `/var/lib/lunavisor`, else `lunavisor` in the user's data folder.
    public static func defaultStorePath(environment: [String: String]) -> String {
        func set(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        if let path = set("LUNAVISOR_STORE") { return path }
        if geteuid() == 0 { return "/var/lib/lunavisor" }
        return (set("XDG_DATA_HOME") ?? (set("HOME") ?? "/") + "/.local/share") + "/lunavisor"
    }

    /// All VMs, sorted by name.
    public func machines() throws -> [VirtualMachine] {
        guard let store = try store() else { return [] }
        let names = try store.machineIds().map { ($0, try name(of: $0, in: store)) }
        return names.compactMap { id, name in name.map { handle(id, name: $0) } }
            .sorted {
                (VirtualMachineConfiguration.key(ofName: $0.name), $0.id) < (VirtualMachineConfiguration.key(ofName: $1.name), $1.id)
            }
    }

    /// Throws `VMNotFound`.
    public func machine(id: GUID) throws -> VirtualMachine {
        guard let store = try store(), let name = try name(of: id, in: store) else {
            throw ManagementError.notFound(id.description, nearest: nil)
        }
        return handle(id, name: name)
    }

    /// The VM of that very name, without regard to case. Throws `VMNotFound` with the nearest name.
    public func machine(named name: String) throws -> VirtualMachine {
        if let machine = known.machine(named: name) { return machine }
        let key = VirtualMachineConfiguration.key(ofName: name)
        let all = try machines()
        if let machine = all.first(where: { VirtualMachineConfiguration.key(ofName: $0.name) == key }) {
            if let store = try store() { known.keep(machine, named: name, at: store.configurationPath(machine.id)) }
            return machine
        }
        throw ManagementError.notFound(
            String(name.prefix(120)), nearest: Spelling.nearest(to: name, among: all.map(\.name), limit: 1).first)
    }

    /// The VM of that name if that is known without reading; nil: `machine(named:)` decides.
    public func knownMachine(named name: String) -> VirtualMachine? { known.machine(named: name) }

    /// VMs whose names match a pattern of `* ? [a-z]`, sorted by name; none is no error.
    public func machines(matching pattern: String) throws -> [VirtualMachine] {
        let wanted = WildcardPattern(pattern)
        return try machines().filter { wanted.matches($0.name) }
    }

    public static func isWildcard(_ text: String) -> Bool { WildcardPattern.isPattern(text) }

    public static func matches(_ name: String, pattern: String) -> Bool { WildcardPattern(pattern).matches(name) }

    /// Status of many VMs at once, in their order; workers that do not answer delay nobody.
    public func statuses(of machines: [VirtualMachine]) -> [Result<VirtualMachineStatus, any Error>] {
        ConcurrentWork.map(machines) { machine in Result { try machine.status() } }
    }

    /// Events of all VMs, oldest first.
    public func events() throws -> [(machine: VirtualMachine, event: VirtualMachineEvent)] {
        try machines().flatMap { machine in ((try? machine.events()) ?? []).map { (machine, $0) } }.sorted { $0.1.time < $1.1.time }
    }

    /// nil when there is no store yet.
    func store() throws -> Store? { try Store.open(path: storePath, create: false) }

    /// Makes the store when there is none.
    func existingStore() throws -> Store {
        guard let store = try Store.open(path: storePath, create: true) else {
            throw ManagementError("StoreUnreadable", .notSpecified, "The store “\(storePath)” cannot be made.", target: storePath)
        }
        return store
    }

    /// The VM's folder. Throws `VMNotFound` when it is gone.
    func folder(_ id: GUID, name: String) throws -> (store: Store, folder: VirtualMachineFolder) {
        guard let store = try store(), let folder = try store.machine(id) else {
            throw ManagementError.notFound(name, nearest: nil)
        }
        return (store, folder)
    }

    /// The VM's name; of one whose configuration cannot be read the last known one, else its id; nil when it is gone.
    func name(of id: GUID, in store: Store) throws -> String? {
        let path = store.configurationPath(id)
        if let summary = known.summary(id, at: path) { return summary.name }
        guard let folder = try store.machine(id) else { return nil }
        do {
            let stamp = FileStamp(path: path)
            let configuration = try folder.readConfiguration()
            known.keep(configuration, stamp)
            return configuration.name
        } catch {
            guard folder.folder.file.hasName else { return nil }
            return store.rememberedNames()[id.description] ?? id.description
        }
    }

    /// The one handle of a VM.
    func handle(_ id: GUID, name: String) -> VirtualMachine {
        handles.withLock { handles in
            if let machine = handles[id]?.machine {
                machine.remember(name: name)
                return machine
            }
            let machine = VirtualMachine(id: id, name: name, host: self)
            handles[id] = Weak(machine: machine)
            return machine
        }
    }
}

/// Paths as they are stored: absolute, because a worker's working folder is /.
enum Paths {
    /// The last part of a path.
    static func name(of path: String) -> String { FilePath.name(of: path) }

    /// The folder that an absolute path's file lies in.
    static func folder(of path: String) -> String { FilePath.folder(of: path) }

    /// Bytes that are free for this user on the file system of a file or folder; nil: it is not there.
    static func freeBytes(at path: String) -> UInt64? {
        var system = statvfs()
        return statvfs(path, &system) == 0 ? UInt64(system.f_bavail) * UInt64(system.f_frsize) : nil
    }

    static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/") else { return path }
        guard let current = getcwd(nil, 0) else { return path }
        defer { free(current) }
        let relative = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
        return String(cString: current) + "/" + relative
    }
}
