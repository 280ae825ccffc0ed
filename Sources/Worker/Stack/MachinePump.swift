import DeviceModel
import VMBus

/// A pump as the machine drives it, in either time mode.
protocol MachinePump: ServicePump {
    /// Lets it go on.
    func run()
    /// Returns when nothing of it runs; what was posted may be left.
    func stop()
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
    func stop() {}
    func drain() -> Bool { false }
    func close() {}
    var processorTime: UInt64 { 0 }
    var unit: (any StatefulUnit)? { self }
}
