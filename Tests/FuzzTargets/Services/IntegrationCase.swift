import DeviceModel
import Services
import VMBus
import VMBusTestSupport

/// One integration service on a channel without rings, and the steps of a case.
///
///     packet   │ 8 pipe │ 4 framework │ u16 message type at 12 │ … │ u16 size at 18 │ u32 status at 20 │ transaction, flags │ body at 28
final class IntegrationCase<Device: IntegrationDevice & StatefulUnit> {
    private static var limit: Int { 128 }
    private var input: FuzzInput
    private let clock = ManualClock()
    private let pump: ManualPump
    private let make: (ManualPump) -> Device
    private var device: Device
    private var channel = FuzzChannel()
    private let answers = IntegrationAnswers()
    private var asked = 0
    /// Requests that a restored device knows and nobody waits for.
    private var forgiven = 0

    init(_ bytes: [UInt8], make: @escaping (ManualPump) -> Device) {
        input = FuzzInput(bytes)
        pump = ManualPump(clock: clock)
        self.make = make
        device = make(pump)
    }

    func run(_ act: (Device, inout FuzzInput, IntegrationAnswers) -> Int) {
        open()
        for _ in 0..<Self.limit where !input.isEmpty {
            switch input.choice(8) {
            case 0:
                close()
                open()
            case 1: negotiate(input.byte(), input.byte())
            case 2: asked += act(device, &input, answers)
            case 3: advance(UInt64(input.byte()))
            case 4: channel.places = input.flag() ? 0 : 10_000
            case 5: restore()
            case 6: answer()
            default: reply(input.take(Int(input.byte()) * 4))
            }
        }
        close()
        device.interrupt()
        pump.run()
        promise(answers.count <= asked && answers.count + forgiven >= asked, "each request is answered once")
        // A driver that behaves is served.
        channel = FuzzChannel()
        open()
        negotiate(0, 0)
        promise(device.status == .ok, "a new driver is served")
    }

    private func open() {
        channel = FuzzChannel()
        promise(device.opened(channel, userData: []), "the channel opens")
        device.ringChanged(channel)
    }

    private func close() {
        channel.end()
        device.closed(channel)
        pump.run()
    }

    private func reply(_ payload: [UInt8]) {
        channel.put(payload)
        device.ringChanged(channel)
        pump.run()
    }

    /// The driver takes one of the offered versions each.
    private func negotiate(_ framework: UInt8, _ message: UInt8) {
        guard var packet = channel.sent.last, packet.count >= 44 else { return }
        let (frameworks, messages) = (max(1, Int(packet[28])), max(1, Int(packet[30])))
        func version(_ index: Int) -> [UInt8] { Array(packet.dropFirst(36 + index * 4).prefix(4)) }
        let chosen = version(Int(framework) % frameworks) + version(frameworks + Int(message) % messages)
        packet.put(UInt16(16), at: 18)
        packet.overwrite(28, with: [1, 0, 1, 0])
        packet.overwrite(36, with: chosen)
        packet.overwrite(25, with: [5])
        reply(packet)
    }

    /// The last request with some bytes changed, cut or lengthened.
    private func answer() {
        guard var packet = channel.sent.last else { return }
        packet.overwrite(25, with: [5])
        let shape = input.byte()
        for _ in 0..<Int(input.byte() & 15) {
            let place = Int(input.number(UInt16.self)) % 5000
            packet.overwrite(place, with: [input.byte()])
        }
        if shape & 0x81 == 0x81 { packet = Array(packet.prefix(Int(input.number(UInt16.self)))) }
        if shape & 0x42 == 0x42 { packet += input.take(Int(input.byte())) }
        if shape & 0x24 == 0x24 { packet.overwrite(28, with: input.take(Int(input.byte()))) }
        reply(packet)
    }

    private func advance(_ seconds: UInt64) {
        let end = clock.nanoseconds + seconds * 1_000_000_000
        while let next = pump.nextDeadline, next <= end {
            clock.nanoseconds = max(clock.nanoseconds, next)
            pump.run()
        }
        clock.nanoseconds = end
        pump.run()
    }

    /// Another machine takes over where this one stands.
    private func restore() {
        guard let saved = try? device.savedUnit() else { fatalError("a service can always be saved") }
        promise(saved.payload.utf8.count < 1 << 20, "the state stays small")
        device.interrupt()
        forgiven = asked
        device.closed(channel)
        device = make(pump)
        device.reopened(channel)
        guard (try? device.restore(from: saved)) != nil else { fatalError("what was saved can be restored") }
        pump.run()
    }
}
