import Basics
import DeviceModel
import Network
import Services
import Testing
import VMBusTestSupport

@Suite("Network adapter: saved state")
struct NetworkStateTests {
    /// The machine in another process: same memory, new server, adapter and port.
    private func moved(
        _ machine: NetworkMachine, linkUp: Bool = true
    ) throws -> (bus: GuestBus, pump: ManualPump, port: FakePort, adapter: NetworkAdapter) {
        let saved = try machine.bus.saved([machine.adapter])
        let bus = GuestBus(copying: machine.bus)
        let pump = bus.makePump()
        let port = FakePort()
        port.isLinkUp = linkUp
        let adapter = NetworkAdapter(machine.adapter.settings, pump: pump, port: port)
        #expect(bus.server.add(adapter))
        try bus.restore(saved, [adapter])
        #expect(try adapter.savedUnit().payload == machine.adapter.savedUnit().payload)
        return (bus, pump, port, adapter)
    }

    @Test("a restored machine goes on: frames with the guest, frames not told, completions owed, scaling and filter")
    func restore() throws {
        let machine = try NetworkMachine(processors: 2)
        let guest = machine.guest
        try guest.start(receivePages: 16, queues: 2)
        guest.givesBack = false
        // Twenty of thirty-two sections are with the guest.
        machine.arrive((0..<20).map { .init(PlainFrame.finished(PlainFrame.udp(payload: $0))) })
        let kept = guest.kept
        #expect(guest.frames.count == 20)
        // The switch has no room for these.
        machine.port.room = 0
        #expect(guest.sendCopied([guest.packet(PlainFrame.udp(payload: 1))], transaction: 71))
        #expect(guest.sendCopied([guest.packet(PlainFrame.udp(payload: 2))], section: 1, transaction: 72))
        machine.bus.run()

        let other = try moved(machine)
        let twin = NetworkGuest(other.bus)
        twin.channels = guest.channels.map { other.bus.channel(copying: $0) }
        (twin.version, twin.receiveAddress, twin.receivePages) = (guest.version, guest.receiveAddress, guest.receivePages)
        (twin.sectionSize, twin.sectionCount, twin.sendAddress) = (guest.sectionSize, guest.sectionCount, guest.sendAddress)
        other.bus.run()
        twin.poll()
        #expect(twin.completed.map(\.transaction) == [71, 72])
        twin.givesBack = false
        other.port.waiting = (0..<20).map { .init(PlainFrame.finished(PlainFrame.tcp(payload: 10, ports: (5000 + $0, 80)))) }
        other.pump.fire(other.port.descriptor)
        other.bus.run()
        twin.poll()
        #expect(twin.frames.count == 12 && Set(twin.frames.map(\.channel)) == [0, 1])
        for packet in kept { #expect(twin.channels[packet.channel].complete(packet.transaction, NetworkGuest.little([108, 1]))) }
        other.bus.run()
        twin.poll()
        #expect(twin.frames.count == 20)
        #expect(twin.sendDirect(twin.packet(PlainFrame.udp(payload: 3)), transaction: 80))
        other.bus.run()
        twin.poll()
        #expect(other.port.sent.count == 1 && twin.completed.last?.transaction == 80)
        #expect(twin.query(0x0101_0101) == PlainFrame.guest)
        #expect(other.adapter.statistics.total.receivedFrames == 40)
    }

    @Test("a restored guest is not told of a link that comes back in a moment; one that stays away goes", arguments: [true, false])
    func link(comesBack: Bool) throws {
        let machine = try NetworkMachine()
        try machine.guest.start()
        let other = try moved(machine, linkUp: false)
        let twin = NetworkGuest(other.bus)
        twin.channels = machine.guest.channels.map { other.bus.channel(copying: $0) }
        (twin.version, twin.receiveAddress, twin.receivePages) = (
            machine.guest.version, machine.guest.receiveAddress, machine.guest.receivePages
        )
        (twin.sectionSize, twin.sectionCount) = (machine.guest.sectionSize, machine.guest.sectionCount)
        func pass(milliseconds: UInt64) {
            other.bus.advance(milliseconds: milliseconds)
            other.bus.run()
            twin.poll()
        }
        pass(milliseconds: 1)
        #expect(twin.links.isEmpty && !other.adapter.isConnected)
        pass(milliseconds: 2_000)
        if comesBack {
            other.port.isLinkUp = true
            other.pump.fire(other.port.descriptor)
        }
        pass(milliseconds: 2_000)
        #expect(twin.links == (comesBack ? [] : [0x4001_000c]))
        // From then on it hears of it at once.
        other.port.isLinkUp.toggle()
        other.pump.fire(other.port.descriptor)
        pass(milliseconds: 1)
        #expect(twin.links.last == (comesBack ? 0x4001_000c : 0x4001_000b))
    }

    @Test("a late answer is given after a restore as it would have been without")
    func late() throws {
        let machine = try NetworkMachine()
        let guest = machine.guest
        try guest.start()
        #expect(guest.sendCopied([guest.packet(PlainFrame.udp(payload: 1))], transaction: 71))
        machine.settle()
        #expect(guest.completed.isEmpty)
        let other = try moved(machine)
        let twin = NetworkGuest(other.bus)
        twin.channels = guest.channels.map { other.bus.channel(copying: $0) }
        other.bus.run()
        twin.poll()
        #expect(twin.completed.isEmpty)
        other.bus.advance(milliseconds: 4)
        other.bus.run()
        twin.poll()
        #expect(twin.completed.map(\.transaction) == [71])
    }

    @Test("a machine saved before its driver started starts it after the restore")
    func early() throws {
        let machine = try NetworkMachine()
        let other = try moved(machine)
        let guest = NetworkGuest(other.bus)
        try guest.start()
        #expect(guest.version == 0x6_0001)
    }

    @Test("a state that contradicts itself is refused")
    func inconsistent() throws {
        let machine = try NetworkMachine()
        try machine.guest.start(receivePages: 16)
        machine.guest.givesBack = false
        machine.arrive([.init(PlainFrame.finished(PlainFrame.udp(payload: 1)))])
        let saved = try machine.adapter.savedUnit()
        for (old, new) in [
            ("\"sections\":[", "\"sections\":[999999,"), ("\"sections\":[", "\"sections\":[0,0,"),
            ("\"sectionCount\":32", "\"sectionCount\":33"),
            ("\"channel\":0", "\"channel\":-1"),
        ] {
            var broken = saved
            let parts = saved.payload.split(separator: old, maxSplits: 1, omittingEmptySubsequences: false)
            try #require(parts.count == 2)
            broken.payload = parts[0] + new + parts[1]
            #expect(throws: StateError.self) { try machine.adapter.restore(from: broken) }
        }
        try machine.adapter.restore(from: saved)
    }
}
