import Glibc
import Network

/// The thread that a switch's frames move on.
final class EngineThread {
    private let engine: SwitchEngine
    private var thread = pthread_t()

    init(_ engine: SwitchEngine) throws {
        self.engine = engine
        let context = Unmanaged.passRetained(engine)
        let failure = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<SwitchEngine>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, context.toOpaque())
        guard failure == 0 else {
            context.release()
            throw NetworkError("SwitchFailed", .resourceUnavailable, "No thread can be started for the switch.")
        }
    }

    /// Waits until the loop has ended.
    func stop() {
        engine.stop()
        pthread_join(thread, nil)
    }
}
