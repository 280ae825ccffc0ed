import Basics
import DeviceModel
import Glibc
import Testing
import VMBus
import Worker

/// A Real machine's pump that serves its callers.
@Suite struct ThreadPumpTests {
    private final class Surroundings: TimerService {
        final class Clock: PartitionClock { let nanoseconds: UInt64 = 0 }
        let clock: any PartitionClock = Clock()
        func makeTimer(name: String, action: @escaping () -> Void) -> any PartitionTimer { Timer() }
        final class Timer: PartitionTimer {
            var deadline: UInt64?
            func arm(at deadline: UInt64?) { self.deadline = deadline }
        }
    }

    /// What happened, and on which thread.
    private final class Record: @unchecked Sendable {
        struct Entry {
            var text: String
            var isOnTest: Bool
            var mayWait: Bool
        }
        private let lock = HostLock()
        private let test = pthread_self()
        // Safety: guarded by `lock`.
        private var list: [Entry] = []

        func note(_ text: String, _ pump: ThreadPump) {
            lock.withLock {
                list.append(Entry(text: text, isOnTest: pthread_equal(pthread_self(), test) != 0, mayWait: pump.mayWait))
                lock.wakeAll()
            }
        }

        var entries: [Entry] { lock.withLock { list } }

        /// Waits for so many entries, at most half a minute.
        func wait(for count: Int) -> [Entry] {
            let deadline = HostTime.monotonic() + 30_000_000_000
            return lock.withLock {
                while list.count < count, HostTime.monotonic() < deadline { lock.wait(untilMonotonic: deadline) }
                return list
            }
        }
    }

    private let record = Record()
    private let pump = ThreadPump(name: "test", timers: Surroundings(), servesCallers: true)

    @Test func theCallerDoesTheWork() {
        pump.setWork { [record, unowned pump] in record.note("work", pump) }
        pump.run()
        defer { pump.close() }
        // The first ones may come before the thread sleeps.
        var count = 0
        while !record.entries.contains(where: \.isOnTest), count < 1_000_000 {
            pump.wake()
            count += 1
        }
        let entries = record.entries
        #expect(entries.last?.isOnTest == true)
        #expect(entries.allSatisfy { $0.mayWait != $0.isOnTest })
    }

    /// As in `Monolithic`; each wake is counted as what became of it.
    @Test func aCallerThatWaitsDoesAllOfTheWork() {
        let crossings = CrossingCounters()
        let pump = ThreadPump(name: "test", timers: Surroundings(), servesCallers: true, callersWait: true, crossings: crossings)
        pump.setWork { [record, unowned pump] in record.note("work", pump) }
        pump.run()
        defer { pump.close() }
        var count: UInt64 = 0
        while !record.entries.contains(where: \.isOnTest), count < 1_000_000 {
            pump.wake()
            count += 1
        }
        let entries = record.entries
        #expect(entries.last?.isOnTest == true)
        #expect(entries.allSatisfy { $0.mayWait })
        #expect(crossings.served >= 1)
        #expect(crossings.served + crossings.handed == count)
    }

    @Test func aPumpThatServesNobodyHandsAllToItsThread() {
        let crossings = CrossingCounters()
        let pump = ThreadPump(name: "test", timers: Surroundings(), crossings: crossings)
        pump.setWork { [record, unowned pump] in record.note("work", pump) }
        pump.run()
        defer { pump.close() }
        pump.wake()
        #expect(record.wait(for: 1).map(\.isOnTest) == [false])
        #expect(crossings.handed == 1)
        #expect(crossings.served == 0)
    }

    @Test func whatTheWorkPostsHappensWhereItMayWait() {
        pump.setWork { [record, unowned pump] in
            record.note("work", pump)
            pump.post { record.note("posted", pump) }
        }
        pump.run()
        defer { pump.close() }
        pump.wake()
        let entries = record.wait(for: 2)
        #expect(entries.map(\.text) == ["work", "posted"])
        #expect(entries.last?.isOnTest == false && entries.last?.mayWait == true)
    }

    @Test func anotherWakeMeanwhileIsNotLost() {
        pump.setWork { [record, unowned pump] in
            record.note("work", pump)
            // A second virtual processor signals while the first is served.
            if record.entries.count == 1 { HostThread(name: "second") { pump.wake() }.join() }
        }
        pump.run()
        defer { pump.close() }
        pump.wake()
        #expect(record.wait(for: 2).map(\.text) == ["work", "work"])
    }

    @Test func aVisitorIsNotJoined() {
        pump.setWork { [record, unowned pump] in record.note("work", pump) }
        pump.run()
        defer { pump.close() }
        pump.perform {
            // Also not by the thread that is the visitor itself.
            pump.wake()
            record.note("visit", pump)
        }
        let entries = record.wait(for: 2)
        #expect(entries.map(\.text) == ["visit", "work"])
        #expect(entries.last?.isOnTest == false && entries.last?.mayWait == true)
    }

    @Test func aPumpThatStandsServesNobody() {
        pump.setWork { [record, unowned pump] in record.note("work", pump) }
        pump.wake()
        #expect(record.entries.isEmpty)
        pump.run()
        defer { pump.close() }
        #expect(record.wait(for: 1).first?.isOnTest == false)
        #expect(pump.stop(by: HostTime.monotonic() + 30_000_000_000))
        pump.wake()
        #expect(record.entries.count == 1)
        pump.run()
        #expect(record.wait(for: 2).count == 2)
    }
}
