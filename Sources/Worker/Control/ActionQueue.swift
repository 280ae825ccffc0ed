import Basics
import Glibc
import Synchronization

/// One thread that does what takes time – the VM's verbs – one after another, so that the control server's thread never waits.
final class ActionQueue: Sendable {
    private struct Contents {
        var actions: [@Sendable () -> Void] = []
        var isRunning = false
        var isClosed = false
    }
    private let contents = Mutex(Contents())

    /// Runs `action` after those before it; false when the queue is closed or no thread can be had.
    @discardableResult
    func add(_ action: @escaping @Sendable () -> Void) -> Bool {
        let start: Bool? = contents.withLock {
            guard !$0.isClosed else { return nil }
            $0.actions.append(action)
            let isIdle = !$0.isRunning
            $0.isRunning = true
            return isIdle
        }
        guard let start else { return false }
        guard start else { return true }
        let started = HostThread.startDetached(name: "actions") { [self] in drain() }
        if !started {
            contents.withLock {
                $0.isRunning = false
                $0.actions.removeAll()
            }
        }
        return started
    }

    /// Refuses further actions; those waiting are dropped.
    func close() {
        contents.withLock {
            $0.isClosed = true
            $0.actions.removeAll()
        }
    }

    private func drain() {
        while true {
            let next: (@Sendable () -> Void)? = contents.withLock {
                guard !$0.actions.isEmpty else {
                    $0.isRunning = false
                    return nil
                }
                return $0.actions.removeFirst()
            }
            guard let next else { return }
            next()
        }
    }
}
