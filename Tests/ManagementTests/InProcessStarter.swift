import Glibc
import Management
import Synchronization
import Worker
import WorkerProtocol

/// Hosts workers as threads of the test's own process.
final class InProcessStarter: WorkerStarter {
    private let assemble: MachineAssembler
    init(assemble: @escaping MachineAssembler = FakeMachine.assemble) { self.assemble = assemble }

    private final class Body {
        let instance: WorkerInstance
        init(_ instance: WorkerInstance) { self.instance = instance }
    }

    func start(_ launch: WorkerLaunch) throws -> Int32 {
        var options = launch.options
        for (role, descriptor) in launch.descriptors { options[role] = fcntl(descriptor, F_DUPFD_CLOEXEC, 3) }
        let instance = try WorkerInstance(options: options, isHosted: true, assemble: assemble)
        var thread = pthread_t()
        let failure = pthread_create(
            &thread, nil,
            { context in
                if let context { _ = Unmanaged<Body>.fromOpaque(context).takeRetainedValue().instance.run() }
                return nil
            }, Unmanaged.passRetained(Body(instance)).toOpaque())
        guard failure == 0 else { throw FakeMachine.Refused() }
        pthread_detach(thread)
        return getpid()
    }
}
