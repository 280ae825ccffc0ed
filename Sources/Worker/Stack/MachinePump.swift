import DeviceModel
import VMBus

/// A pump as the machine drives it, in either time mode.
protocol MachinePump: ServicePump {
    /// Lets it go on.
    func run()
    /// What it serves, for people.
    var name: String { get }
    /// Returns when nothing of it runs; what was posted may be left. false: something still runs when the host's monotonic clock shows
    /// `deadline`.
    func stop(by deadline: UInt64) -> Bool
    /// Runs what was posted; true: there was something. Precondition: stopped.
    func drain() -> Bool
    func close()
    /// Power-up state.
    func reset()
    /// Host processor time of its own thread in nanoseconds.
    var processorTime: UInt64 { get }
    /// What of it must be saved.
    var unit: (any StatefulUnit)? { get }
}

extension ThreadPump: MachinePump {
    func reset() {}
    var unit: (any StatefulUnit)? { nil }
}

/// It runs only while the virtual processors do, on their thread.
extension TimedPump: MachinePump {
    func run() {}
    var name: String { unitName }
    func stop(by deadline: UInt64) -> Bool { true }
    func drain() -> Bool { false }
    /// Nothing of it comes due any more, from now on and not only when its last holder lets go.
    func close() { reset() }
    var processorTime: UInt64 { 0 }
    var unit: (any StatefulUnit)? { self }
}
