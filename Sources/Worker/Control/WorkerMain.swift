import Basics
import CHost
import Glibc
import Persistence
import WorkerProtocol

/// What the executable does after the word `worker`.
package enum WorkerMain {
    /// As `run(arguments:)`, with machines of the caller's making.
    package static func run(arguments: [String], assemble: @escaping MachineAssembler) -> Int32 {
        // A starter or peer that is gone is an error code, never a signal; the terminal's signals concern shells.
        for number in [SIGPIPE, SIGHUP, SIGINT, SIGQUIT] { signal(number, SIG_IGN) }
        // Every image of a disk is a descriptor. Fewer are an error when they are needed.
        _ = lv_most_descriptors()
        // Asked for when there are threads already, the host keeps the asker waiting some 15 ms.
        _ = lv_barrier_all_threads()
        guard arguments.count == 2, let options = try? WorkerOptions(argument: arguments[1]) else {
            WorkerOutput.write(WorkerError.usage("its arguments are missing").message)
            return 2
        }
        do {
            // Never released: the process ends with it, and the host takes its memory back sooner than we could.
            let instance = Unmanaged.passRetained(try WorkerInstance(options: options, isHosted: false, assemble: assemble))
                .takeUnretainedValue()
            watchForHostStop(instance)
            workAhead()
            return instance.run()
        } catch {
            WorkerOutput.write(TransportedError(error).message)
            return 2
        }
    }

    /// SIGTERM comes when the host shuts down. Blocked before any other thread exists, so only this one takes it.
    private static func watchForHostStop(_ instance: WorkerInstance) {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        _ = HostThread.startDetached(name: "signals") { [weak instance] in
            var number: Int32 = 0
            var signals = sigset_t()
            sigemptyset(&signals)
            sigaddset(&signals, SIGTERM)
            while sigwait(&signals, &number) == 0 { instance?.hostStops() }
        }
    }
}
