import DeviceModel
import HypervisorCore
import Processor

/// Partition time and timers that go on when a case says so.
final class StandingTimers: TimerService {
    final class Time: PartitionClock, @unchecked Sendable {
        // Safety: a case runs on one thread.
        var nanoseconds: UInt64 = 0
    }
    final class Timer: PartitionTimer {
        var deadline: UInt64?
        let action: () -> Void
        init(_ action: @escaping () -> Void) { self.action = action }
        func arm(at deadline: UInt64?) { self.deadline = deadline }
    }
    let standing = Time()
    var clock: any PartitionClock { standing }
    private var timers: [Timer] = []

    func makeTimer(name: String, action: @escaping () -> Void) -> any PartitionTimer {
        let timer = Timer(action)
        timers.append(timer)
        return timer
    }

    /// Fires what is due on the way, at most so often that a timer of a nanosecond's period ends too.
    func advance(by nanoseconds: UInt64) {
        let end = standing.nanoseconds + nanoseconds
        for _ in 0..<64 {
            guard let next = timers.filter({ ($0.deadline ?? .max) <= end }).min(by: { ($0.deadline ?? 0) < ($1.deadline ?? 0) }) else {
                break
            }
            standing.nanoseconds = max(standing.nanoseconds, next.deadline ?? 0)
            next.deadline = nil
            next.action()
        }
        standing.nanoseconds = end
    }
}

/// An engine that executes nothing.
final class StandingEngine: ProcessorEngine {
    var state = ProcessorState()
    var instructionsRetired: UInt64 = 0
    var canAcceptInterrupt = true
    var canAcceptNMI = true
    var wantsInterruptWindow = false
    var currentPrivilegeLevel = 0
    var isIn64BitMode = true
    var isInProtectedMode = true
    var counters = EngineCounters()
    private var vectors = [(UInt64, UInt64)](repeating: (0, 0), count: 16)

    func run(until limit: UInt64) -> EngineExit {
        instructionsRetired = limit
        return .limit
    }
    func requestExit() {}
    func kick() {}
    func deliverInterrupt(vector: UInt8) {}
    func deliverNMI() {}
    func initialise(bootstrap: Bool) { state = ProcessorState() }
    func generalRegister(_ number: Int) -> UInt64 { state.general[number] }
    func setGeneralRegister(_ number: Int, _ value: UInt64) { state.general[number] = value }
    func vectorRegister(_ number: Int) -> (UInt64, UInt64) { vectors[number] }
    func setVectorRegister(_ number: Int, _ low: UInt64, _ high: UInt64) { vectors[number] = (low, high) }
    var instructionPointer: UInt64 { state.rip }
    var pageTableBase: UInt64 { state.cr3 }
    func translate(virtual address: UInt64) -> UInt64? { address }
    func flushTranslations(of page: UInt64?) {}
}

final class NoDevices: DeviceAccess {
    func readPort(_ port: UInt16, size: Int) -> UInt32? { nil }
    func writePort(_ port: UInt16, size: Int, value: UInt32) -> Bool { false }
    func readMemory(_ address: UInt64, size: Int) -> UInt64? { nil }
    func writeMemory(_ address: UInt64, size: Int, value: UInt64) -> Bool { false }
    func endOfInterrupt(vector: UInt8) {}
}

final class NoObserver: PartitionObserver, @unchecked Sendable {
    func partition(_ partition: Partition, reports event: PartitionEvent) {}
}
