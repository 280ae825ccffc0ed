import Basics
import CHost
import DeviceModel
import Glibc
import HypervisorCore
import Testing
import VMBus
import Worker

/// Descriptors that idle virtual processors look after, with a pump that serves its callers.
@Suite struct IdleWatchTests {
    private final class NoTimers: TimerService {
        final class Clock: PartitionClock { let nanoseconds: UInt64 = 0 }
        final class Timer: PartitionTimer {
            var deadline: UInt64?
            func arm(at deadline: UInt64?) { self.deadline = deadline }
        }
        let clock: any PartitionClock = Clock()
        func makeTimer(name: String, action: @escaping () -> Void) -> any PartitionTimer { Timer() }
    }

    /// A pump that watches an event, with a record of the threads that its action ran on.
    private final class Bench: @unchecked Sendable {
        let idle: IdleWatch
        let pump: ThreadPump
        let event = lv_event_make()
        private let calls = Calls()

        /// Outlives the bench where the pump's thread still acts while that goes.
        private final class Calls: @unchecked Sendable {
            let lock = HostLock()
            private let test = pthread_self()
            // Safety: guarded by `lock`.
            var list: [(isOnTest: Bool, mayWait: Bool)] = []

            func note(mayWait: Bool) {
                lock.withLock {
                    list.append((pthread_equal(pthread_self(), test) != 0, mayWait))
                    lock.wakeAll()
                }
            }
        }

        init(processors: Int) throws {
            idle = try #require(IdleWatch(processors: processors))
            pump = ThreadPump(name: "test", timers: NoTimers(), servesCallers: true, idleWatch: idle)
            pump.run()
            watch()
        }

        deinit {
            pump.close()
            close(event)
        }

        func watch() {
            pump.perform {
                pump.watch(event, events: Int16(POLLIN)) { [calls, event, unowned pump] in
                    lv_event_clear(event)
                    calls.note(mayWait: pump.mayWait)
                }
            }
        }

        var count: Int { calls.lock.withLock { calls.list.count } }

        /// The last of so many calls, waited for at most half a minute.
        func call(_ number: Int) -> (isOnTest: Bool, mayWait: Bool)? {
            let deadline = HostTime.monotonic() + 30_000_000_000
            return calls.lock.withLock {
                while calls.list.count < number, HostTime.monotonic() < deadline { calls.lock.wait(untilMonotonic: deadline) }
                return calls.list.count < number ? nil : calls.list[number - 1]
            }
        }
    }

    /// Rings the event when the test's thread, which plays a processor, sleeps; gives what that is told to do.
    private func sleep(_ bench: Bench) -> [() -> Void] {
        let me = threadNumber()
        let ringer = HostThread(name: "ringer") {
            while !isAsleep(me) { usleep(100) }
            lv_event_ring(bench.event)
        }
        defer { ringer.join() }
        return bench.idle.wait(0)
    }

    @Test func anIdleProcessorActsWhereNobodyElseDoes() throws {
        let bench = try Bench(processors: 1)
        let duties = sleep(bench)
        #expect(duties.count == 1 && bench.count == 0)
        for duty in duties { duty() }
        let call = try #require(bench.call(1))
        #expect(call.isOnTest && !call.mayWait)
    }

    @Test func theThreadActsWhileProcessorsAreBusy() throws {
        let bench = try Bench(processors: 2)
        lv_event_ring(bench.event)
        let call = try #require(bench.call(1))
        #expect(!call.isOnTest && call.mayWait)
    }

    @Test func aBellEndsTheSleepWithNothingToDo() throws {
        let bench = try Bench(processors: 2)
        bench.idle.ring(1)
        #expect(bench.idle.wait(1).isEmpty)
        // Each ring ends one sleep, also one before the sleep begins.
        bench.idle.ring(1)
        #expect(bench.idle.wait(1).isEmpty)
    }

    @Test func anOccupiedPumpIsLeftToItsThread() throws {
        let bench = try Bench(processors: 1)
        let duties = sleep(bench)
        bench.pump.perform { for duty in duties { duty() } }
        let call = try #require(bench.call(1))
        #expect(!call.isOnTest && call.mayWait)
    }

    @Test func anEndedWatchActsNoMore() throws {
        let bench = try Bench(processors: 1)
        let duties = sleep(bench)
        bench.pump.perform { bench.pump.watch(bench.event, events: nil) {} }
        for duty in duties { duty() }
        #expect(bench.count == 0)
        // A new one is another.
        bench.watch()
        for duty in duties { duty() }
        lv_event_clear(bench.event)
        lv_event_ring(bench.event)
        _ = try #require(bench.call(1))
    }

    @Test func aPumpThatStandsActsWhenItGoesOn() throws {
        let bench = try Bench(processors: 1)
        #expect(bench.pump.stop(by: HostTime.monotonic() + 30_000_000_000))
        let duties = sleep(bench)
        for duty in duties { duty() }
        #expect(bench.count == 0)
        bench.pump.run()
        #expect(try #require(bench.call(1)).isOnTest == false)
    }

    @Test func whatABodyLeavesBehindFollowsAtOnce() throws {
        let pump = ThreadPump(name: "test", timers: NoTimers(), servesCallers: true)
        // Safety: the pump's context orders them.
        nonisolated(unsafe) var order: [String] = []
        let done = HostLock()
        nonisolated(unsafe) var isDone = false
        pump.post {
            order.append("first")
            pump.follow {
                order.append("follower")
                pump.follow { order.append("its own") }
            }
        }
        pump.post {
            order.append("second")
            done.withLock {
                isDone = true
                done.wakeAll()
            }
        }
        pump.run()
        defer { pump.close() }
        let deadline = HostTime.monotonic() + 30_000_000_000
        #expect(done.withLock { done.wait(while: { !isDone }, untilMonotonic: deadline) })
        #expect(pump.perform { order } == ["first", "follower", "its own", "second"])
    }
}

/// The calling thread as /proc names it.
private func threadNumber() -> String {
    var link = [CChar](repeating: 0, count: 64)
    let count = readlink("/proc/thread-self", &link, link.count)
    return String(decoding: link[..<max(count, 0)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// The thread waits in a system call.
private func isAsleep(_ thread: String) -> Bool {
    guard let file = fopen("/proc/\(thread)/stat", "r") else { return false }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 512)
    guard fgets(&line, 512, file) != nil else { return false }
    let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return text.split(separator: ")").last?.hasPrefix(" S") == true
}
