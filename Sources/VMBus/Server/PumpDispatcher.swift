import Basics
import DeviceModel

/// What a pump does for the bus: tasks in order, then a turn for each channel that the guest signalled, then signals to the guest.
///
/// One per pump; it is the pump's work (`setWork`). Tasks lie in a mailbox of its own instead of the pump's, so that a machine that
/// stands still can finish what control plane and devices have posted to each other (`settle`).
final class PumpDispatcher: @unchecked Sendable {
    /// Weak: the devices and the machine hold pumps; a dispatcher whose pump is gone is dropped.
    private(set) weak var pump: (any ServicePump)?

    // Safety: `tasks`, `signalled` and `isClosed` under `lock`; the rest only in the pump's context.
    private let lock = HostLock()
    private var tasks: [() -> Void] = []
    private var signalled: [RingChannel] = []
    private var isClosed = false
    private var dirty: [RingChannel] = []
    /// Takes turns with `signalled`, so that a signal allocates nothing.
    private var turn: [RingChannel] = []
    private var isRunning = false
    /// The control plane's own turn, after tasks.
    private let own: (() -> Void)?

    init(pump: any ServicePump, own: (() -> Void)? = nil) {
        self.pump = pump
        self.own = own
        pump.setWork { [weak self] in self?.run() }
    }

    /// Runs `task` in the pump's context, after those posted before. Any thread.
    func post(_ task: @escaping () -> Void) {
        let isFirst = lock.withLock {
            tasks.append(task)
            return tasks.count == 1
        }
        if isFirst { runSoon() }
    }

    /// Posted rather than woken for: in Exact mode nothing of it is left over between two instructions.
    private func runSoon() { pump?.post { [weak self] in self?.runTasks() } }

    /// Gives the channel a turn. Any thread.
    func enqueue(_ channel: RingChannel) {
        let isFirst = lock.withLock {
            signalled.append(channel)
            return signalled.count == 1
        }
        if isFirst { pump?.wake() }
    }

    /// Something is to be shown to the guest when the batch ends. In the pump's context.
    func markDirty(_ channel: RingChannel) {
        dirty.append(channel)
        if !isRunning, dirty.count == 1 { pump?.follow { [weak self] in self?.runTasks() } }
    }

    var isSettled: Bool { lock.withLock { tasks.isEmpty } && dirty.isEmpty }

    /// Channels with a signal that the device has not seen.
    var waiting: [RingChannel] { lock.withLock { signalled.filter(\.isUsable) } }

    /// Signals that no device has seen are forgotten: their channels are gone.
    func forgetSignals() { lock.withLock { signalled.removeAll() } }

    /// Never calls anything again.
    func close() {
        lock.withLock {
            isClosed = true
            tasks.removeAll()
            signalled.removeAll()
        }
    }

    /// Runs what was posted, and nothing that the guest has asked for since. In the pump's context.
    func runTasks() {
        let wasRunning = isRunning
        isRunning = true
        defer { isRunning = wasRunning }
        while true {
            let batch = lock.withLock {
                defer { tasks.removeAll() }
                return isClosed ? [] : tasks
            }
            for task in batch {
                task()
                flush()
            }
            if batch.isEmpty { break }
        }
        flush()
    }

    private func run() {
        runTasks()
        isRunning = true
        own?()
        flush()
        lock.withLock { if !isClosed { swap(&signalled, &turn) } }
        for channel in turn {
            channel.beginTurn()
            if channel.isUsable, let slot = channel.slot { slot.device?.ringChanged(channel) }
            flush()
        }
        turn.removeAll(keepingCapacity: true)
        isRunning = false
    }

    private func flush() {
        var position = 0
        while position < dirty.count {
            let channel = dirty[position]
            position += 1
            channel.endBatch()
            guard channel.hasFailed else { continue }
            channel.deactivate()
            channel.slot?.device?.closed(channel)
        }
        dirty.removeAll(keepingCapacity: true)
    }
}
