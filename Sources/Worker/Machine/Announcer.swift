import Basics
import DeviceModel
import WorkerProtocol

/// Carries what happens in the machine to its delegate, in order, on a thread of its own, so that no VP ever waits for a disk.
///
/// Console bytes are gathered: the delegate gets them at the end of a line, or 10 ms after the first byte. When the delegate is
/// slower than the guest by 4 MiB, further console bytes are dropped and an event says how many.
final class Announcer: @unchecked Sendable {
    private enum Item {
        case console(port: Int, bytes: [UInt8])
        case event(MachineEvent)
        case state(VirtualMachineState)
        case input(MachineInput)
    }
    private static let patience: UInt64 = 10_000_000
    private static let limit = 4 << 20

    // Safety: guarded by `lock`; the delegate is called without it.
    private let lock = HostLock()
    private weak var delegate: (any MachineDelegate)?
    private var items: [Item] = []
    private var consoleBytes = 0, lostBytes = 0
    /// Nothing is gained by waiting for more.
    private var isUrgent = false
    private var isDelivering = false, isClosed = false
    private var thread: HostThread?

    init(delegate: (any MachineDelegate)?) { self.delegate = delegate }

    func console(port: Int, byte: UInt8) {
        lock.withLock {
            guard consoleBytes < Self.limit else {
                lostBytes += 1
                return
            }
            consoleBytes += 1
            let wasEmpty = items.isEmpty
            if case .console(port, var bytes)? = items.last {
                items.removeLast()
                bytes.append(byte)
                items.append(.console(port: port, bytes: bytes))
            } else {
                items.append(.console(port: port, bytes: [byte]))
            }
            arrived(urgent: byte == 0x0a || consoleBytes >= 4096, wasEmpty: wasEmpty)
        }
    }

    func event(_ event: MachineEvent) { add(.event(event)) }
    func state(_ state: VirtualMachineState) { add(.state(state)) }
    func input(_ input: MachineInput) { add(.input(input)) }

    private func add(_ item: Item) {
        lock.withLock {
            let wasEmpty = items.isEmpty
            items.append(item)
            arrived(urgent: true, wasEmpty: wasEmpty)
        }
    }

    private func arrived(urgent: Bool, wasEmpty: Bool) {
        let becameUrgent = urgent && !isUrgent
        isUrgent = isUrgent || urgent
        if thread == nil, !isClosed { thread = HostThread(name: "announcer", stackSize: 1 << 19) { [unowned self] in deliver() } }
        if wasEmpty || becameUrgent { lock.wakeAll() }
    }

    /// Returns when everything announced so far was delivered; at once on the delegate's own thread.
    func drain() {
        lock.withLock {
            guard thread?.isCurrent != true else { return }
            isUrgent = true
            lock.wakeAll()
            while thread != nil, !isClosed, !items.isEmpty || isDelivering { lock.wait() }
        }
    }

    /// Delivers what is left and ends the thread.
    func close() {
        drain()
        lock.withLock {
            isClosed = true
            lock.wakeAll()
        }
        thread?.join()
    }

    private func deliver() {
        lock.lock()
        defer { lock.unlock() }
        while !isClosed {
            if items.isEmpty {
                lock.wait()
                continue
            }
            let deadline = HostTime.monotonic() + Self.patience
            while !isUrgent, !isClosed, HostTime.monotonic() < deadline { lock.wait(untilMonotonic: deadline) }
            var batch = items
            if lostBytes > 0 {
                batch.append(.event(MachineEvent(.lost, .warning, "\(lostBytes) bytes of console output were lost: nobody took them.")))
            }
            (items, consoleBytes, lostBytes, isUrgent) = ([], 0, 0, false)
            isDelivering = true
            let delegate = delegate
            lock.unlock()
            for item in batch {
                switch item {
                case .console(let port, let bytes): delegate?.machine(console: port, wrote: bytes)
                case .event(let event): delegate?.machine(happened: event)
                case .state(let state): delegate?.machine(changedTo: state)
                case .input(let input): delegate?.machine(took: input)
                }
            }
            lock.lock()
            isDelivering = false
            lock.wakeAll()
        }
    }
}
