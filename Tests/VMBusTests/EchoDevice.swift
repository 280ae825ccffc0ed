import Basics
import DeviceModel
import VMBus

/// A service for tests: it answers each packet with a completion of the same bytes, and keeps what it cannot send.
final class EchoDevice: VMBusDevice, @unchecked Sendable {
    let offer: ChannelOffer
    let pump: any ServicePump
    private(set) var host: (any VMBusDeviceHost)?
    var events: [String] = []
    var channels: [Int: any ServiceChannel] = [:]
    var accepts = true
    /// false: it only takes packets.
    var answers = true
    var wantedSubChannels = 0
    var packet = ReceivedPacket()
    /// A packet taken out of the ring whose answer found no room.
    private var held: [Int: (transaction: UInt64, payload: [UInt8])] = [:]
    var holdsNothing: Bool { held.isEmpty }
    var received = 0
    var lastRanges: [GuestRange] = []
    var ringChanges = 0

    init(pump: any ServicePump, instance: GUID, userDefined: [UInt8] = []) {
        self.pump = pump
        offer = ChannelOffer(interfaceType: GUID(bytes: [UInt8](1...16)), interfaceInstance: instance, userDefined: userDefined)
    }

    /// A GUID of one number.
    static func instance(_ number: UInt8) -> GUID { GUID(bytes: [UInt8](repeating: number, count: 16)) }

    func attached(to host: any VMBusDeviceHost) {
        self.host = host
        events.append("attached")
    }

    func opened(_ channel: any ServiceChannel, userData: [UInt8]) -> Bool {
        events.append("opened \(channel.index) on \(channel.targetProcessor)")
        guard accepts else { return false }
        channels[channel.index] = channel
        if channel.index == 0, wantedSubChannels > 0 { host?.offerSubChannels(wantedSubChannels) }
        return true
    }

    func closed(_ channel: any ServiceChannel) {
        events.append("closed \(channel.index)")
        channels[channel.index] = nil
        held[channel.index] = nil
    }

    func reopened(_ channel: any ServiceChannel) {
        events.append("reopened \(channel.index) on \(channel.targetProcessor)")
        channels[channel.index] = channel
    }

    func tornDown(gpadl: UInt32) { events.append("torn down") }

    func ringChanged(_ channel: any ServiceChannel) {
        ringChanges += 1
        if let waiting = held[channel.index] {
            guard channel.complete(waiting.transaction, waiting.payload) else { return }
            held[channel.index] = nil
        }
        while channel.receive(into: &packet) {
            received += 1
            lastRanges = packet.ranges
            guard answers else { continue }
            guard channel.complete(packet.transaction, packet.payload) else {
                held[channel.index] = (packet.transaction, packet.payload)
                return
            }
        }
    }
}
