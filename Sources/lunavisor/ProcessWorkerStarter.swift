import Basics
import CHost
import Glibc
import Management
import Worker
import WorkerProtocol

/// Starts workers and disks' servers as processes of this same executable, detached: a session of their own, nothing open but what is handed over.
struct ProcessWorkerStarter: WorkerStarter {
    func start(_ launch: WorkerLaunch) throws -> Int32 {
        if let store = launch.sharedStore { return try HostedStarter(launch: launch, store: store).start() }
        // CHost hands descriptors over as 3, 4, 5 … in the order given.
        let roles = launch.descriptors.keys.sorted { $0.rawValue < $1.rawValue }
        let numbers = Dictionary(uniqueKeysWithValues: zip(roles, Int32(3)...))
        return try Self.spawn(
            ["worker"] + launch.arguments(descriptorNumbers: numbers), roles.compactMap { launch.descriptors[$0] }, log: launch.log,
            for: launch.name)
    }

    func start(_ launch: DiskLaunch) throws -> Int32 {
        try Self.spawn(["disk"] + launch.arguments(firstDescriptor: 3), launch.descriptors, log: launch.log, for: launch.name)
    }

    func check(savedState descriptor: Int32) throws { try SavedMachine.checkUse(of: descriptor) }

    static func spawn(_ words: [String], _ descriptors: [Int32], log: Int32, for name: String) throws -> Int32 {
        let copies = (["lunavisor"] + words).map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        let process = lv_spawn_detached("/proc/self/exe", copies + [nil], descriptors, Int32(descriptors.count), log)
        guard process > 0 else {
            throw ManagementError(
                "WorkerFailed", .resourceUnavailable,
                "No process could be started for “\(name)”: \(String(cString: strerror(-process))).",
                action: "Check the limits on processes and memory.", target: name)
        }
        // Nobody waits for its end: a thread that does nothing else collects it, so that it is gone when it has ended.
        HostThread.startDetached(name: "child", stackSize: 128 << 10) { waitpid(process, nil, 0) }
        return process
    }
}
