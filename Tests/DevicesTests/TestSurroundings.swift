import DeviceModel

/// A clock that only tests move, and timers that fire while it moves.
final class ManualTime: TimerService, @unchecked Sendable {
    final class Clock: PartitionClock, @unchecked Sendable {
        var nanoseconds: UInt64 = 0
    }
    final class Timer: PartitionTimer {
        let action: () -> Void
        var deadline: UInt64?
        init(_ action: @escaping () -> Void) { self.action = action }
        func arm(at deadline: UInt64?) { self.deadline = deadline }
    }

    let manualClock = Clock()
    private(set) var timers: [Timer] = []
    var clock: any PartitionClock { manualClock }

    func makeTimer(name: String, action: @escaping () -> Void) -> any PartitionTimer {
        let timer = Timer(action)
        timers.append(timer)
        return timer
    }

    func advance(to end: UInt64) {
        while let timer = timers.filter({ ($0.deadline ?? .max) <= end }).min(by: { ($0.deadline ?? 0) < ($1.deadline ?? 0) }) {
            manualClock.nanoseconds = max(manualClock.nanoseconds, timer.deadline ?? 0)
            timer.deadline = nil
            timer.action()
        }
        manualClock.nanoseconds = end
    }
}

/// Wall-clock time that follows a manual clock from a fixed start.
final class ManualWallClock: WallClock {
    let start: Int64
    let time: ManualTime
    init(start: Int64, time: ManualTime) { (self.start, self.time) = (start, time) }
    var unixNanoseconds: Int64 { start + Int64(time.manualClock.nanoseconds) }
}

/// Remembers the level and counts rising edges.
final class RecordingLine: InterruptLine {
    private(set) var level = false
    private(set) var edges = 0
    func set(_ level: Bool) {
        if level, !self.level { edges += 1 }
        self.level = level
    }
}

final class RecordingSink: InterruptMessageSink {
    private(set) var messages: [InterruptMessage] = []
    func send(_ message: InterruptMessage) { messages.append(message) }
}
