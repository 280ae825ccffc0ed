import Basics
import Network
import Services
import Testing
import VMBus
import VMBusTestSupport

/// A machine with one network adapter on a fake port, and its guest.
struct NetworkMachine {
    let bus: GuestBus
    let pump: ManualPump
    let port: FakePort
    let adapter: NetworkAdapter
    let guest: NetworkGuest

    static let instance = GUID("11111111-2222-3333-4444-555555555555")

    init(
        processors: Int = 1, megabytes: UInt64 = 16, queues: Int = 8, coalescing: NetworkAdapterSettings.Coalescing = .guestChoice,
        connected: Bool = true
    ) throws {
        bus = GuestBus(processors: processors, megabytes: megabytes)
        pump = bus.makePump()
        port = FakePort()
        let settings = NetworkAdapterSettings(
            instance: try #require(Self.instance), address: PlainFrame.guest, maximumQueues: queues, coalescing: coalescing)
        adapter = NetworkAdapter(settings, pump: pump, port: connected ? port : nil)
        #expect(bus.server.add(adapter))
        guest = NetworkGuest(bus)
    }

    /// Frames arrive at the port.
    func arrive(_ frames: [FakePort.Frame]) {
        port.waiting += frames
        pump.fire(port.descriptor)
        bus.run()
        guest.poll()
    }

    /// Runs until nothing moves and late answers are given too.
    func settleLate() {
        bus.advance(milliseconds: 10)
        settle()
    }

    /// Runs until nothing moves.
    func settle() {
        bus.run()
        guest.poll()
    }
}

extension FakePort.Frame {
    /// A frame with nothing left to do.
    init(_ bytes: [UInt8]) { self.init(header: FrameHeader(), bytes: bytes) }
}
