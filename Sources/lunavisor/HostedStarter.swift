import Basics
import CHost
import Glibc
import Management
import Persistence
import WorkerProtocol

/// Starts a machine in the process that runs all of its store's hosted machines, and that process if there is none.
struct HostedStarter {
    let launch: WorkerLaunch
    /// The store's folder.
    let store: Int32
    private static let patience: UInt64 = 20_000_000_000

    /// The process in which the machine begins.
    func start() throws -> Int32 {
        let deadline = HostTime.monotonic() + Self.patience
        while true {
            let socket = lv_socket_connect(store, HostedProtocol.socketName)
            if socket >= 0 {
                if let process = try ask(OpenFile(descriptor: socket, path: HostedProtocol.socketName), deadline) { return process }
            } else if socket == -ENOENT || socket == -ECONNREFUSED {
                try startProcess()
            } else if socket != -EAGAIN {
                throw failed("cannot be reached: \(String(cString: strerror(-socket)))")
            }
            guard HostTime.monotonic() < deadline else { throw failed("does not answer") }
            usleep(5_000)
        }
    }

    /// Owns the socket. nil: the process has just ended.
    private func ask(_ socket: OpenFile, _ deadline: UInt64) throws -> Int32? {
        defer { withExtendedLifetime(socket) {} }
        let roles = launch.descriptors.keys.sorted { $0.rawValue < $1.rawValue }
        var options = launch.options
        for (number, role) in roles.enumerated() { options[role] = Int32(number) }
        let conversation = HostedConversation(socket: socket.descriptor, deadline: deadline)
        do {
            try conversation.send(HostedRequest(name: launch.name, options: options), files: roles.compactMap { launch.descriptors[$0] })
            let (report, _) = try conversation.receive(ReadyReport.self)
            if let error = report.error { throw error }
            return report.processId
        } catch HostedConversation.Failure.closed {
            return nil
        } catch let failure as HostedConversation.Failure {
            throw failed("cannot be asked: \(failure)")
        }
    }

    private func startProcess() throws {
        let lock = openat(store, HostedProtocol.lockName, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard lock >= 0 else { throw failed("has no lock: \(String(cString: strerror(errno)))") }
        // Closing our descriptor does not free a lock that the process holds through its own.
        defer { close(lock) }
        let taken = lv_lock_take(lock)
        // Somebody else starts it.
        if taken == -EAGAIN || taken == -EACCES { return }
        guard taken == 0 else { throw failed("has no lock: \(String(cString: strerror(-taken)))") }
        let log = openat(store, HostedProtocol.logName, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard log >= 0 else {
            lv_lock_release(lock)
            throw failed("has no log: \(String(cString: strerror(errno)))")
        }
        defer { close(log) }
        do {
            _ = try ProcessWorkerStarter.spawn(
                ["hosted", "machines", #"{"folder":3,"lock":4}"#], [store, lock], log: log, for: launch.name)
        } catch {
            lv_lock_release(lock)
            throw error
        }
    }

    private func failed(_ why: String) -> ManagementError {
        ManagementError(
            "WorkerFailed", .resourceUnavailable, "The process that runs hosted machines \(why).",
            action: "Look into “\(HostedProtocol.logName)” in the store.", target: launch.name)
    }
}
