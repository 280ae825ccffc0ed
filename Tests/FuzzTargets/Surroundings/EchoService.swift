import Basics
import DeviceModel
import VMBus

/// A service that answers each packet with the same bytes, for the bus and its rings.
final class EchoService: VMBusDevice, @unchecked Sendable {
    // Safety: a case runs on one thread.
    let offer: ChannelOffer
    let pump: any ServicePump
    private var host: (any VMBusDeviceHost)?
    var subChannels = 0
    private(set) var packet = ReceivedPacket()
    /// Called between the packets of one turn: a guest does not stand still while the host reads.
    var between: () -> Void = {}
    private var isOpen: Set<Int> = []

    init(pump: any ServicePump, number: UInt8) {
        self.pump = pump
        offer = ChannelOffer(
            interfaceType: GUID(bytes: [UInt8](1...16)), interfaceInstance: GUID(bytes: [UInt8](repeating: number, count: 16)))
    }

    func attached(to host: any VMBusDeviceHost) { self.host = host }

    func opened(_ channel: any ServiceChannel, userData: [UInt8]) -> Bool {
        promise(isOpen.insert(channel.index).inserted, "a channel is opened once")
        if channel.index == 0, subChannels > 0 { host?.offerSubChannels(subChannels) }
        return true
    }

    func reopened(_ channel: any ServiceChannel) { isOpen.insert(channel.index) }

    func closed(_ channel: any ServiceChannel) { promise(isOpen.remove(channel.index) != nil, "only what is open is closed") }

    func ringChanged(_ channel: any ServiceChannel) {
        var turns = 0
        while turns < 256, channel.receive(into: &packet) {
            turns += 1
            for range in packet.ranges {
                promise(host?.memory.contains(range.address, count: UInt64(range.count)) ?? true, "ranges lie in RAM")
            }
            between()
            if packet.completionRequested { _ = channel.complete(packet.transaction, packet.payload) }
        }
        if turns == 256 { pump.post { [weak self] in if channel.isOpen { self?.ringChanged(channel) } } }
    }
}
