import Basics
import Glibc
import Persistence
import Synchronization
import WorkerProtocol

/// A handle of one virtual switch. What it says is read anew each time.
public final class VirtualSwitch: Sendable, Hashable {
    public let id: GUID
    public let host: VirtualMachineHost
    private let lastName: Mutex<String>

    init(id: GUID, name: String, host: VirtualMachineHost) {
        (self.id, self.host) = (id, host)
        lastName = Mutex(name)
    }

    /// The last known name; never fails.
    public var name: String { lastName.withLock { $0 } }

    public static func == (first: VirtualSwitch, second: VirtualSwitch) -> Bool { first.id == second.id && first.host === second.host }
    public func hash(into hasher: inout Hasher) { hasher.combine(id) }

    /// Throws `SwitchNotFound` when it was removed.
    public func configuration() throws -> SwitchConfiguration {
        let configuration = try files().folder.readConfiguration()
        lastName.withLock { $0 = configuration.name }
        return configuration
    }

    func files() throws -> (store: Store, folder: SwitchFolder) {
        guard let store = try host.store(), let folder = try store.switchFolder(id) else {
            throw ManagementError.switchNotFound(name, nearest: nil)
        }
        return (store, folder)
    }

    /// What the switch's process says; nil when none runs, for no VM that runs is connected.
    public func status() throws -> SwitchStatus? { try askIfRunning(SwitchStatusRequest()) }

    /// The connected ports of running VMs; none when nothing runs.
    public func ports() throws -> [SwitchPortStatistics] { try status()?.ports ?? [] }

    /// What a test of a connection found; `roundTrip` nil: no answer came.
    public struct ConnectionTest: Sendable {
        /// Whether the other's MAC address was found.
        public var isResolved: Bool
        /// Nanoseconds.
        public var roundTrip: UInt64?
    }

    /// Asks, in the name of an adapter's guest, whether another machine answers, for at most `seconds`. Addresses are IPv4 in numbers.
    public func testConnection(
        adapter: GUID, sender: UInt32, receiver: UInt32, nextHop: String?, sequence: UInt16, payload: Int, network: Int?,
        seconds: Double = 2, isCancelled: () -> Bool = { false }
    ) throws -> ConnectionTest {
        var request = SwitchProbeRequest(adapterId: adapter, sender: sender, receiver: receiver, sequence: sequence, payload: payload)
        (request.nextHop, request.network) = (nextHop, network)
        guard try askIfRunning(request) != nil else {
            throw ManagementError(
                "AdapterNotConnected", .invalidOperation, "The switch “\(name)” does not run: no running VM is connected to it.",
                action: "Start the VM first.", target: name)
        }
        let end = WorkerClient.deadline(seconds)
        while true {
            let reply = try askIfRunning(SwitchProbeResultRequest())
            let found = ConnectionTest(isResolved: reply?.isResolved ?? false, roundTrip: reply?.roundTrip)
            if found.roundTrip != nil || reply == nil || HostTime.monotonic() >= end || isCancelled() { return found }
            usleep(2_000)
        }
    }

    /// Asks the switch's process; nil when there is none.
    private func askIfRunning<Request: WorkerRequest>(_ request: Request) throws -> Request.Reply? {
        let folder = try files().folder
        let end = WorkerClient.deadline(5)
        while try folder.isRunning() {
            do {
                let client = try WorkerClient(
                    folder: VirtualMachineFolder(id: id, folder: folder.folder), storeId: id, seconds: 2, trace: host.trace)
                return try client.ask(request, seconds: 5)
            } catch is WorkerClient.Failure where HostTime.monotonic() < end {
                // It is starting or ending; or a client writes the configuration at this moment.
                usleep(5_000)
            } catch is WorkerClient.Failure {
                throw ManagementError(
                    "SwitchNotResponding", .operationTimeout, "The process of the switch “\(name)” does not answer.",
                    action:
                        "Wait and repeat the command; a switch may be ended (its log is \(folder.folder.path(of: "switch.log"))), it starts anew.",
                    target: name)
            }
        }
        return nil
    }

    /// Changes the configuration as a whole or not at all, also while VMs are connected.
    @discardableResult
    public func configure(_ change: (inout SwitchConfiguration) throws -> Void) throws -> SwitchConfiguration {
        let store = try files().store
        return try store.locked {
            let folder = try files().folder
            let old = try folder.readConfiguration()
            var new = old
            try change(&new)
            (new.version, new.id, new.creationTime) = (old.version, old.id, old.creationTime)
            // Without a port that leads out there is none to mirror.
            if new.switchType != old.switchType, new.switchType != .external, new.switchType != .nat { new.externalMirroring = nil }
            guard new != old else { return old }
            if new.name.lowercased() != old.name.lowercased() { try host.checkName(new.name, in: store, except: id) }
            try host.check(new)
            try apply(new, folder)
            lastName.withLock { $0 = new.name }
            return new
        }
    }

    /// A running switch writes its configuration itself; for one that does not run its lock is held meanwhile.
    private func apply(_ new: SwitchConfiguration, _ folder: SwitchFolder) throws {
        let document = String(decoding: try Document.encode(new), as: UTF8.self)
        let end = WorkerClient.deadline(5)
        while true {
            if let lock = try FileLock.take(SwitchFolder.lockName, in: folder.folder) {
                defer { withExtendedLifetime(lock) {} }
                return try folder.write(new)
            }
            if try askIfRunning(SwitchConfigureRequest(document: document)) != nil { return }
            guard HostTime.monotonic() < end else {
                throw ManagementError("SwitchNotResponding", .operationTimeout, "The switch “\(name)” is busy.", target: name)
            }
        }
    }

    /// Gives it another name. Throws `SwitchNameInvalid`, `SwitchNameExists`.
    public func rename(to new: String) throws { try configure { $0.name = new } }

    /// Removes the switch. Throws `SwitchInUse` while an adapter of a VM is connected to it; with `force` these adapters lose it.
    public func remove(force: Bool = false) throws {
        let users = try host.adapters(on: id)
        guard users.isEmpty || force else {
            let named = users.prefix(5).map { "“\($0.adapter)” of “\($0.machine.name)”" }.joined(separator: ", ")
            throw ManagementError(
                "SwitchInUse", .resourceBusy,
                "The switch “\(name)” is in use by \(named)\(users.count > 5 ? " and \(users.count - 5) more" : "").",
                action: "Connect these adapters elsewhere (Disconnect-VMNetworkAdapter), or use -Force.", target: name)
        }
        let store = try files().store
        for machine in Set(users.map(\.machine)) {
            try machine.configure { configuration in
                for index in (configuration.networkAdapters ?? []).indices where configuration.networkAdapters?[index].switchId == id {
                    configuration.networkAdapters?[index].switchId = nil
                    configuration.networkAdapters?[index].switchName = nil
                }
            }
        }
        try store.locked { try store.removeSwitch(id) }
    }
}
