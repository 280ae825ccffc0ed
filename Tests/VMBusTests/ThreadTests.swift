import Basics
import DeviceModel
import Testing
import VMBus
import VMBusTestSupport

/// Guest and host on two threads: no signal that somebody sleeps for may be lost.
@Suite struct ThreadTests {
    /// A pump with a thread.
    final class ThreadedPump: ServicePump, @unchecked Sendable {
        // Safety: `isWoken`, `posted` and `isEnding` under `lock`; the context is whoever holds `context`.
        private let lock = HostLock()
        private let context = HostLock()
        private let manualClock = ManualClock()
        private var work: () -> Void = {}
        private var isWoken = false
        private var posted: [() -> Void] = []
        private var isEnding = false
        private var thread: HostThread?

        var clock: any PartitionClock { manualClock }
        func setWork(_ work: @escaping () -> Void) { self.work = work }
        func wake() {
            lock.withLock {
                isWoken = true
                lock.wakeAll()
            }
        }
        func perform<Result>(_ body: () throws -> Result) rethrows -> Result { try context.withLock(body) }
        func post(_ body: @escaping () -> Void) {
            lock.withLock {
                posted.append(body)
                lock.wakeAll()
            }
        }
        func makeTimer(name: String, action: @escaping () -> Void) -> any PartitionTimer {
            ManualPump().makeTimer(name: name, action: action)
        }
        func watch(_ descriptor: Int32, events: Int16?, action: @escaping () -> Void) {}

        /// Runs what waits on the calling thread.
        func runPending() -> Bool {
            let (woken, bodies) = lock.withLock {
                defer { (isWoken, posted) = (false, []) }
                return (isWoken, posted)
            }
            context.withLock {
                for body in bodies { body() }
                if woken { work() }
            }
            return woken || !bodies.isEmpty
        }

        func start() {
            thread = HostThread(name: "test pump") { [self] in
                while true {
                    if runPending() { continue }
                    let isOver = lock.withLock {
                        while !isWoken, posted.isEmpty, !isEnding { lock.wait() }
                        return isEnding
                    }
                    if isOver { return }
                }
            }
        }

        func end() {
            lock.withLock {
                isEnding = true
                lock.wakeAll()
            }
            thread?.join()
        }
    }

    /// What wakes the guest.
    private final class Bell: @unchecked Sendable {
        // Safety: guarded by `lock`.
        private var isRung = false
        private let lock = HostLock()

        func ring() {
            lock.withLock {
                isRung = true
                lock.wakeAll()
            }
        }

        /// Waits until it has rung since the last time; false: not within half a minute.
        func hasRung() -> Bool {
            let deadline = HostTime.monotonic() + 30_000_000_000
            return lock.withLock {
                while !isRung, HostTime.monotonic() < deadline { lock.wait(untilMonotonic: deadline) }
                defer { isRung = false }
                return isRung
            }
        }
    }

    /// A guest with an open channel to a device that has a thread.
    private struct ThreadedHost {
        let bus = GuestBus()
        let pump = ThreadedPump()
        let device: EchoDevice
        let channel: GuestChannel
        let bell = Bell()

        init(_ sendPages: Int, _ receivePages: Int, answers: Bool = true) throws {
            let (bus, pump, bell) = (bus, pump, bell)
            bus.otherPumps = { pump.runPending() }
            device = EchoDevice(pump: pump, instance: EchoDevice.instance(1))
            device.answers = answers
            #expect(bus.server.add(device))
            #expect(bus.connect())
            channel = try #require(
                bus.requestOffers().first.flatMap { bus.open($0, sendPages: sendPages, receivePages: receivePages) })
            bus.transport.onSignal = { _ in bell.ring() }
            pump.start()
        }
    }

    @Test(arguments: [(3, 3), (4, 2), (17, 17)])
    func noSignalIsLost(_ sendPages: Int, _ receivePages: Int) throws {
        let host = try ThreadedHost(sendPages, receivePages)
        defer { host.pump.end() }
        let channel = host.channel
        var random = SeededRandom(seed: UInt64(sendPages))
        let count = 150_000
        var (sent, answered) = (0, 0)
        var pending: [UInt8]?
        while answered < count {
            // The sender: until the ring is full, then as hv_sock does.
            while sent < count {
                let payload = pending ?? [UInt8](repeating: UInt8(truncatingIfNeeded: sent), count: Int.random(in: 0...400, using: &random))
                pending = payload
                if !channel.send(payload, transaction: UInt64(sent)) {
                    channel.outbound.pendingSendSize = UInt32((16 + payload.count + 7) / 8 * 8 + 8)
                    guard channel.send(payload, transaction: UInt64(sent)) else { break }
                }
                pending = nil
                sent += 1
            }
            // The reader: as Linux' batched channels do.
            repeat {
                channel.inbound.interruptMask = 1
                while let packet = channel.take() {
                    try #require(packet.transaction == UInt64(answered))
                    #expect(packet.payload.first ?? UInt8(truncatingIfNeeded: answered) == UInt8(truncatingIfNeeded: answered))
                    answered += 1
                }
                channel.finishReading()
            } while channel.inbound.unmask()
            guard answered < count else { break }
            try #require(host.bell.hasRung(), "the guest sleeps although \(sent) packets were sent and \(answered) answered")
        }
        #expect(host.device.received == count)
    }

    @Test("a guest that waits for room, and for nothing else, is told when there is some", arguments: [3, 4, 17])
    func noRoomIsLost(sendPages: Int) throws {
        let host = try ThreadedHost(sendPages, 3, answers: false)
        defer { host.pump.end() }
        let channel = host.channel
        var random = SeededRandom(seed: UInt64(sendPages))
        let count = 150_000
        for number in 0..<count {
            let payload = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: Int.random(in: 0...400, using: &random))
            while !channel.send(payload, transaction: UInt64(number)) {
                channel.outbound.pendingSendSize = UInt32((16 + payload.count + 7) / 8 * 8 + 8)
                if channel.send(payload, transaction: UInt64(number)) { break }
                try #require(host.bell.hasRung(), "the guest sleeps although it has room for packet \(number)")
            }
            channel.outbound.pendingSendSize = 0
        }
    }
}
