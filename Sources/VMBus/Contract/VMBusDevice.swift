import Basics
import DeviceModel

/// What an offer message tells the guest of a device (OFFERCHANNEL).
package struct ChannelOffer: Equatable, Sendable {
    /// Interface type, for example the SCSI controller's.
    package var interfaceType: GUID
    /// This one device; stable for the VM's life.
    package var interfaceInstance: GUID
    /// VMBUS_CHANNEL_… flags beyond those the server sets itself (for example 0x2000 for hv_sock offers, 0x10 for pipes).
    package var flags: UInt16
    /// The 120 bytes after the flags (user-defined data or pipe mode); shorter is padded with zeros.
    package var userDefined: [UInt8]

    package init(interfaceType: GUID, interfaceInstance: GUID, flags: UInt16 = 0, userDefined: [UInt8] = []) {
        (self.interfaceType, self.interfaceInstance) = (interfaceType, interfaceInstance)
        (self.flags, self.userDefined) = (flags, userDefined)
    }
}

/// A device behind a VMBus offer: a service. The server calls everything here in the device's pump.
package protocol VMBusDevice: AnyObject, Sendable {
    var offer: ChannelOffer { get }
    /// The context everything of this device runs in; several devices may share one.
    var pump: any ServicePump { get }

    /// The device stands on a bus from now on. Called once.
    func attached(to host: any VMBusDeviceHost)
    /// The guest opens a channel (index 0: the primary). `userData` are the 120 bytes of its request. false: refused.
    func opened(_ channel: any ServiceChannel, userData: [UInt8]) -> Bool
    /// The channel is closed, by the guest or because its ring is corrupt, the machine is reset or the bus is unloaded; its rings are
    /// gone. Channels of sub-offers are closed before the primary.
    func closed(_ channel: any ServiceChannel)
    /// The guest put packets into the ring, or made room where `send` had found none.
    func ringChanged(_ channel: any ServiceChannel)
    /// The guest tears this GPADL down: forget every `GuestBuffer` made from it.
    func tornDown(gpadl: UInt32)
    /// After a restore, before the device's own state is restored: this channel is open, without the guest's doing.
    func reopened(_ channel: any ServiceChannel)
}

extension VMBusDevice {
    package func attached(to host: any VMBusDeviceHost) {}
    package func tornDown(gpadl: UInt32) {}
}

/// What a device asks of its bus. Called from inside the device's pump.
package protocol VMBusDeviceHost: AnyObject, Sendable {
    /// Offers `count` sub-channels (indices 1 …) of this device's open primary channel. They go with it.
    func offerSubChannels(_ count: Int)
    /// Takes the offer back (hot remove); the device's channels are closed, and it is off the bus when the guest has let it go.
    func rescind()
    /// The guest's RAM.
    var memory: GuestMemory { get }
    /// The negotiated VMBus version as major << 16 | minor; 0 before negotiation.
    var version: UInt32 { get }
    var processorCount: Int { get }
}
