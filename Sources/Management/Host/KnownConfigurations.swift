import Basics
import Persistence
import Synchronization

/// What this process read of configurations, good for as long as their files are the same: a look at a file's stamp is far cheaper than
/// reading it. Nothing here is ever believed without that look.
final class KnownConfigurations: Sendable {
    struct Summary: Sendable {
        var name: String
        var macAddresses: [String]
    }
    private struct Entry {
        var stamp: FileStamp
        var summary: Summary
    }
    private struct Named {
        var stamp: FileStamp
        var path: String
        var machine: VirtualMachine
    }
    private struct State {
        var entries: [GUID: Entry] = [:]
        /// By names as users wrote them.
        var named: [String: Named] = [:]
    }
    private let state = Mutex(State())
    /// A script that asks for ever new names shall not fill the memory.
    private static let limit = 20_000

    /// What a configuration says; nil: it must be read.
    func summary(_ id: GUID, at path: String) -> Summary? {
        guard let entry = state.withLock({ $0.entries[id] }), FileStamp(path: path) == entry.stamp else { return nil }
        return entry.summary
    }

    /// Keeps what was read after `stamp` was taken.
    func keep(_ configuration: VirtualMachineConfiguration, _ stamp: FileStamp?) {
        guard let stamp, stamp.isSettled(at: HostTime.wall()) else { return }
        let summary = Summary(name: configuration.name, macAddresses: configuration.adapters.map(\.macAddress))
        state.withLock { state in
            if state.entries.count >= Self.limit { state.entries = [:] }
            state.entries[configuration.id] = Entry(stamp: stamp, summary: summary)
        }
    }

    /// The machine that was found under `name`, if its configuration is the one that was read then.
    func machine(named name: String) -> VirtualMachine? {
        guard let found = state.withLock({ $0.named[name] }), FileStamp(path: found.path) == found.stamp else { return nil }
        return found.machine
    }

    /// Keeps that `name` means `machine`, whose configuration lies at `path`.
    func keep(_ machine: VirtualMachine, named name: String, at path: String) {
        state.withLock { state in
            guard let entry = state.entries[machine.id] else { return }
            if state.named.count >= Self.limit { state.named = [:] }
            state.named[name] = Named(stamp: entry.stamp, path: path, machine: machine)
        }
    }
}
