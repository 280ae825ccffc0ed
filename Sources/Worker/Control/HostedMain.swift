import Basics
import CHost
import FoundationEssentials
import Glibc
import Persistence
import Synchronization
import WorkerProtocol

/// What the executable does after the word `hosted`: `hosted NAME {"folder": N, "lock": N}` runs all machines of a store whose architecture
/// is Hosted, each on threads of its own. Ends a moment after its last machine; if it is killed, all of them end.
package enum HostedMain {
    private struct Options: Codable {
        /// Descriptor of the store's folder.
        var folder: Int32
        /// Descriptor that holds the folder's `hosted.lock`.
        var lock: Int32
    }

    package static func run(arguments: [String]) -> Int32 { run(arguments: arguments, assemble: MachineAssembly.assemble) }

    static func run(arguments: [String], assemble: @escaping MachineAssembler) -> Int32 {
        for number in [SIGPIPE, SIGHUP, SIGINT, SIGQUIT] { signal(number, SIG_IGN) }
        _ = lv_most_descriptors()
        _ = lv_barrier_all_threads()
        guard arguments.count == 2, let options = try? JSONDecoder().decode(Options.self, from: Data(arguments[1].utf8)),
            fcntl(options.folder, F_GETFD) >= 0, fcntl(options.lock, F_GETFD) >= 0
        else {
            WorkerOutput.write("The process of hosted machines is started by Start-VM, not by hand.")
            return 2
        }
        for descriptor in [options.folder, options.lock] { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        let listener = lv_socket_listen(options.folder, HostedProtocol.socketName, 64)
        guard listener >= 0 else {
            WorkerOutput.write("The socket of hosted machines cannot be made: \(SystemMessage.text(-listener)).")
            return 1
        }
        let host = MachineHost(listener: OpenFile(descriptor: listener, path: HostedProtocol.socketName), assemble: assemble)
        host.watchForHostStop()
        WorkerMain.workAhead()
        host.serve()
        unlinkat(options.folder, HostedProtocol.socketName, 0)
        lv_lock_release(options.lock)
        // Whoever connected just now is told nothing, and starts another process.
        return 0
    }
}

/// The machines of one process.
final class MachineHost: Sendable {
    private let listener: OpenFile
    private let assemble: MachineAssembler
    private let instances = Mutex<[ObjectIdentifier: WorkerInstance]>([:])
    /// How long it waits for another machine after its last one.
    private static let grace: UInt64 = 1_000_000_000

    init(listener: OpenFile, assemble: @escaping MachineAssembler) { (self.listener, self.assemble) = (listener, assemble) }

    /// SIGTERM comes when the host shuts down. Blocked before any other thread exists, so only this one takes it.
    func watchForHostStop() {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        HostThread.startDetached(name: "signals") { [self] in
            var number: Int32 = 0
            var signals = sigset_t()
            sigemptyset(&signals)
            sigaddset(&signals, SIGTERM)
            while sigwait(&signals, &number) == 0 { for instance in instances.withLock({ Array($0.values) }) { instance.hostStops() } }
        }
    }

    /// Takes requests until no machine has run for a moment.
    func serve() {
        var idleSince = HostTime.monotonic()
        while true {
            if instances.withLock({ !$0.isEmpty }) { idleSince = HostTime.monotonic() }
            var polled = pollfd(fd: listener.descriptor, events: Int16(POLLIN), revents: 0)
            poll(&polled, 1, 200)
            let socket = lv_socket_accept(listener.descriptor)
            if socket >= 0 {
                take(OpenFile(descriptor: socket, path: HostedProtocol.socketName))
            } else if socket == -EMFILE || socket == -ENFILE {
                usleep(10_000)
            } else if instances.withLock({ $0.isEmpty }), HostTime.monotonic() - idleSince > Self.grace {
                return
            }
        }
    }

    private func take(_ socket: OpenFile) {
        defer { withExtendedLifetime(socket) {} }
        var user: uid_t = 0
        var process: pid_t = 0
        guard lv_socket_peer(socket.descriptor, &user, &process) == 0, user == geteuid() || user == 0 else { return }
        let conversation = HostedConversation(socket: socket.descriptor, deadline: HostTime.monotonic() &+ 5_000_000_000)
        do {
            let (request, files) = try conversation.receive(HostedRequest.self) { $0.options.descriptors.count }
            var report = ReadyReport(processId: getpid())
            do { try begin(request, files) } catch { report.error = TransportedError(error) }
            try conversation.send(report)
        } catch {
            // Who asked is gone or no starter of ours.
            WorkerOutput.write("A request to run a machine was not understood: \(error)")
        }
    }

    /// Owns the files.
    private func begin(_ request: HostedRequest, _ files: [Int32]) throws {
        var options = request.options
        let isWhole = Set(options.descriptors.values) == Set(files.indices.map { Int32($0) })
        guard request.version == Product.version, isWhole else {
            for file in files { close(file) }
            guard isWhole else { throw WorkerError.usage("its files do not fit their description") }
            throw WorkerError(
                "VersionMismatch", .invalidOperation,
                "“\(request.name)” is started by version \(request.version), and process \(getpid()), which runs the hosted machines, is version \(Product.version).",
                action: "Stop all machines whose architecture is Hosted, then start them again.", target: request.name)
        }
        options.descriptors = options.descriptors.mapValues { files[Int($0)] }
        let instance = try WorkerInstance(options: options, isHosted: true, assemble: assemble)
        instances.withLock { $0[ObjectIdentifier(instance)] = instance }
        let thread = HostThread(name: "machine", stackSize: 8 << 20) { [self] in
            _ = instance.run()
            instances.withLock { $0[ObjectIdentifier(instance)] = nil }
        }
        guard thread.isStarted else {
            instances.withLock { $0[ObjectIdentifier(instance)] = nil }
            throw WorkerError("WorkerFailed", .resourceUnavailable, "The host gives no more threads.", target: request.name)
        }
        thread.detach()
    }
}
