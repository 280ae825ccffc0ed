import Basics
import FoundationEssentials
import Glibc
import Persistence
import Storage
import WorkerProtocol

/// What the executable does after the word `disk`: `disk NAME JSON` (`MountOptions`) serves one mounted image.
package enum DiskMain {
    /// Serves until the disk is dismounted; 0, 1 (it could not be served) or 2 (wrong arguments).
    package static func run(arguments: [String]) -> Int32 {
        for number in [SIGPIPE, SIGHUP, SIGINT, SIGQUIT] { signal(number, SIG_IGN) }
        var signals = terminations
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        guard arguments.count == 2, let options = try? JSONDecoder().decode(MountOptions.self, from: Data(arguments[1].utf8)),
            ([options.folder, options.lock, options.ready] + options.images.map(\.descriptor)).allSatisfy({ fcntl($0, F_GETFD) >= 0 })
        else {
            say("A disk's server is started by Mount-VHD, not by hand.")
            return 2
        }
        return run(options)
    }

    /// The same in this process; owns the descriptors.
    package static func run(_ options: MountOptions) -> Int32 {
        let ready = OpenFile(descriptor: options.ready, path: "ready socket")
        for descriptor in [options.folder, options.lock, options.ready] + options.images.map(\.descriptor) {
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
        do {
            let server = try DiskServer(options)
            report(nil, to: ready)
            server.run()
            return 0
        } catch {
            report(TransportedError(error), to: ready)
            say(TransportedError(error).message)
            return 1
        }
    }

    private static func report(_ error: TransportedError?, to ready: OpenFile) {
        guard let line = try? JSONEncoder().encode(ReadyReport(processId: getpid(), error: error)) else { return }
        // Whoever started it may have gone; then nobody reads it.
        try? ready.write(Array(line) + [10])
        shutdown(ready.descriptor, Int32(SHUT_RDWR))
    }

    /// What ends the server in good order.
    static var terminations: sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        return signals
    }

    /// To the folder's `mount.log`.
    static func say(_ text: String) {
        let line = Array((text + "\n").utf8)
        _ = Glibc.write(2, line, line.count)
    }
}
