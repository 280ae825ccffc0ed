import Basics
import Network

/// The thread that a switch's frames move on.
final class EngineThread {
    private let engine: SwitchEngine
    private let thread: HostThread

    init(_ engine: SwitchEngine) throws {
        self.engine = engine
        thread = HostThread(name: "switch") { engine.run() }
        guard thread.isStarted else {
            throw NetworkError("SwitchFailed", .resourceUnavailable, "No thread can be started for the switch.")
        }
    }

    /// Waits until the loop has ended.
    func stop() {
        engine.stop()
        thread.join()
    }
}
