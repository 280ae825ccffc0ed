import CHost
import Glibc
import Management
import Synchronization
import WorkerProtocol

/// Starts workers and disks' servers as processes of this same executable, detached: a session of their own, nothing open but what is handed over.
struct ProcessWorkerStarter: WorkerStarter {
    /// Workers of ours that may have ended; they are collected when the next one is started.
    private static let children = Mutex<[pid_t]>([])

    func start(_ launch: WorkerLaunch) throws -> Int32 {
        // CHost hands descriptors over as 3, 4, 5 … in the order given.
        let roles = launch.descriptors.keys.sorted { $0.rawValue < $1.rawValue }
        let numbers = Dictionary(uniqueKeysWithValues: zip(roles, Int32(3)...))
        return try spawn(
            ["worker"] + launch.arguments(descriptorNumbers: numbers), roles.compactMap { launch.descriptors[$0] }, log: launch.log,
            for: launch.name)
    }

    func start(_ launch: DiskLaunch) throws -> Int32 {
        try spawn(["disk"] + launch.arguments(firstDescriptor: 3), launch.descriptors, log: launch.log, for: launch.name)
    }

    private func spawn(_ words: [String], _ descriptors: [Int32], log: Int32, for name: String) throws -> Int32 {
        Self.children.withLock { children in
            children.removeAll { waitpid($0, nil, WNOHANG) != 0 }
        }
        let copies = (["lunavisor"] + words).map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        let process = lv_spawn_detached("/proc/self/exe", copies + [nil], descriptors, Int32(descriptors.count), log)
        guard process > 0 else {
            throw ManagementError(
                "WorkerFailed", .resourceUnavailable,
                "No process could be started for “\(name)”: \(String(cString: strerror(-process))).",
                action: "Check the limits on processes and memory.", target: name)
        }
        Self.children.withLock { $0.append(process) }
        return process
    }
}
