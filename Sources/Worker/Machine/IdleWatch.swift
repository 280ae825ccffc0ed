import Basics
import CHost

#if canImport(Glibc)
    import Glibc
#endif

/// Host descriptors that a Real machine's idle virtual processors look after: what becomes ready while one of them sleeps wakes that one,
/// which does what is to be done and mostly is the one whose guest waits for it. No other thread is woken.
///
///     descriptor ──▶ watcher of VP 0 ──▶ watcher of VP 1 ──▶ … ──▶ watcher of a pump      the first that has a sleeper is woken
///
/// The pump's own watcher is the last: its thread is woken when all processors are busy. Each time that a descriptor becomes ready is
/// reported once, so whoever acts on it takes the readiness back.
package final class IdleWatch: @unchecked Sendable {
    private struct Entry { let number: UInt64, descriptor: Int32, action: () -> Void }

    /// The number that a watcher reports its processor's bell by.
    private static let bell: UInt64 = 0
    private let watchers: [Int32]
    private let bells: [Int32]

    private let lock = HostLock()
    // Safety: guarded by `lock`.
    private var entries: [Entry] = []
    private var lastNumber = IdleWatch.bell

    /// nil: the host gives no more descriptors.
    package init?(processors: Int) {
        var (watchers, bells): ([Int32], [Int32]) = ([], [])
        for _ in 0..<processors {
            let (watcher, bell) = (lv_watcher_make(), lv_event_make())
            if watcher >= 0 { watchers.append(watcher) }
            if bell >= 0 { bells.append(bell) }
            guard watcher >= 0, bell >= 0, lv_watcher_add(watcher, bell, Self.bell) == 0 else {
                for descriptor in watchers + bells { close(descriptor) }
                return nil
            }
        }
        (self.watchers, self.bells) = (watchers, bells)
    }

    deinit { for descriptor in watchers + bells { close(descriptor) } }

    /// A number for a descriptor to be watched.
    func makeNumber() -> UInt64 {
        lock.withLock {
            lastNumber += 1
            return lastNumber
        }
    }

    /// `action` runs on the thread of an idle processor when the descriptor becomes readable. The caller adds its own watcher afterwards.
    func add(_ number: UInt64, _ descriptor: Int32, action: @escaping () -> Void) {
        lock.withLock { entries.append(Entry(number: number, descriptor: descriptor, action: action)) }
        for watcher in watchers { _ = lv_watcher_add(watcher, descriptor, number) }
    }

    /// An action that has begun may still go on.
    func remove(_ number: UInt64) {
        let former = lock.withLock { () -> Entry? in
            guard let index = entries.firstIndex(where: { $0.number == number }) else { return nil }
            return entries.remove(at: index)
        }
        guard let former else { return }
        for watcher in watchers { lv_watcher_remove(watcher, former.descriptor) }
    }

    /// Sleeps until the processor's bell rings or a descriptor is ready; gives what is to be done then. On the processor's thread.
    package func wait(_ processor: Int) -> [() -> Void] {
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 8) { numbers in
            let ready = numbers[..<Int(lv_watcher_wait(watchers[processor], numbers.baseAddress, 8, -1))]
            guard ready.contains(where: { $0 != Self.bell }) else { return [] }
            return lock.withLock { entries.filter { ready.contains($0.number) }.map(\.action) }
        }
    }

    /// Ends the processor's sleep, or the next one. Any thread.
    package func ring(_ processor: Int) { lv_event_ring(bells[processor]) }
}
