import Basics
import FoundationEssentials
import Glibc
import Network
import Persistence
import WorkerProtocol

/// What the executable does after the word `switch`: `switch NAME {"folder": N, "lock": N}`.
package enum SwitchMain {
    private struct Options: Codable {
        /// Descriptor of the switch's folder.
        var folder: Int32
        /// Descriptor that holds the folder's `switch.lock`.
        var lock: Int32
    }

    /// Serves until no port has been connected for a while; 0, 1 (it could not be what it is to be) or 2 (wrong arguments).
    package static func run(arguments: [String]) -> Int32 {
        for number in [SIGPIPE, SIGHUP, SIGINT, SIGQUIT] { signal(number, SIG_IGN) }
        guard arguments.count == 2, let options = try? JSONDecoder().decode(Options.self, from: Data(arguments[1].utf8)),
            fcntl(options.folder, F_GETFD) >= 0, fcntl(options.lock, F_GETFD) >= 0
        else {
            say("A switch is started by the VMs that are connected to it, not by hand.")
            return 2
        }
        for descriptor in [options.folder, options.lock] { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        do {
            let instance = try SwitchInstance(folder: options.folder, lock: options.lock)
            try instance.run()
            return 0
        } catch {
            say(TransportedError(error).message)
            return 1
        }
    }

    /// To the folder's `switch.log`.
    static func say(_ text: String) {
        let line = Array((text + "\n").utf8)
        _ = Glibc.write(2, line, line.count)
    }
}
