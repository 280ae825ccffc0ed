import Basics

/// What a machine's configuration says of a synthetic network adapter.
package struct NetworkAdapterSettings: Sendable {
    /// When TCP segments that crossed the switch as one are also given to the guest as one.
    package enum Coalescing: Sendable {
        /// As the guest says (OID_TCP_OFFLOAD_PARAMETERS). Linux 6.1 says no when its driver starts, because it looks at its interface's
        /// features before it sets them, although `ethtool -k` then shows large-receive-offload on; it says yes after `ethtool -K eth0 lro
        /// off` and `on`, and after a change of MTU or channels. Its word is kept: with coalescing a receiver takes about an eighth less
        /// processor time, but the driver asks for 128 KiB in one piece for each large frame, and hands it to TCP without the size of its
        /// segments, of which Linux says once: “Driver has suspect GRO implementation”.
        case guestChoice
        /// As soon as the guest's driver can take them (NVSP 6.1 with the capability). Frames that such a guest forwards are too long.
        case always
        case never
    }

    /// Identity of the device on the bus; stable for the machine's life.
    package var instance: GUID
    /// The adapter's own MAC address, six bytes.
    package var address: [UInt8]
    /// The name told to the guest (Linux: ifalias), unless it is the default.
    package var name: String
    /// Channels the guest may use, the primary included; never more than it has processors.
    package var maximumQueues: Int
    /// Bytes of IP packet that the guest may set its MTU to.
    package var maximumTransmissionUnit: Int
    package var coalescing: Coalescing

    /// An address that is not six bytes is made of zeros or cut; numbers out of range are moved into it (1…64 queues, MTU 576…65521).
    package init(
        instance: GUID, address: [UInt8], name: String = "Network Adapter", maximumQueues: Int = 8, maximumTransmissionUnit: Int = 9000,
        coalescing: Coalescing = .guestChoice
    ) {
        (self.instance, self.name, self.coalescing) = (instance, name, coalescing)
        self.address = Array((address + [0, 0, 0, 0, 0, 0]).prefix(6))
        self.maximumQueues = min(max(1, maximumQueues), 64)
        self.maximumTransmissionUnit = min(max(576, maximumTransmissionUnit), 65521)
    }
}

/// What went through an adapter since its machine was created.
package struct NetworkAdapterStatistics: Codable, Equatable, Sendable {
    /// The counters of one channel. “Sent” is from the guest, “received” is to the guest.
    package struct Queue: Codable, Equatable, Sendable {
        package var sentFrames: UInt64 = 0
        package var sentBytes: UInt64 = 0
        /// NVSP messages that carried the sent frames: fewer where the guest put several into one.
        package var sentMessages: UInt64 = 0
        package var receivedFrames: UInt64 = 0
        package var receivedBytes: UInt64 = 0
        /// Packets in the guest's ring that carried the received frames.
        package var receivedMessages: UInt64 = 0
        /// Large frames that were cut, or given in coalesced form.
        package var cutFrames: UInt64 = 0
        package var coalescedFrames: UInt64 = 0
        /// Frames of the guest that were dropped: no link, or not to be sent as they were.
        package var droppedSends: UInt64 = 0
        /// Times that the switch had no room and the guest's frames waited.
        package var heldSends: UInt64 = 0
        /// Frames that the guest could not take: larger than its MTU or a whole receive buffer, or badly formed.
        package var droppedReceives: UInt64 = 0
        /// Frames that the guest's packet filter did not ask for.
        package var filteredReceives: UInt64 = 0
        /// Times that frames waited because the guest held all of its receive buffer or did not read its ring.
        package var starvations: UInt64 = 0
        /// Messages of the guest that were not as the protocol wants them.
        package var malformed: UInt64 = 0
        package init() {}

        static func += (left: inout Queue, right: Queue) {
            left.sentFrames &+= right.sentFrames
            left.sentBytes &+= right.sentBytes
            left.sentMessages &+= right.sentMessages
            left.receivedFrames &+= right.receivedFrames
            left.receivedBytes &+= right.receivedBytes
            left.receivedMessages &+= right.receivedMessages
            left.cutFrames &+= right.cutFrames
            left.coalescedFrames &+= right.coalescedFrames
            left.droppedSends &+= right.droppedSends
            left.heldSends &+= right.heldSends
            left.droppedReceives &+= right.droppedReceives
            left.filteredReceives &+= right.filteredReceives
            left.starvations &+= right.starvations
            left.malformed &+= right.malformed
        }
    }

    package var total = Queue()
    /// By channel, the primary first.
    package var queues: [Queue] = []
    /// The guest's driver has the adapter in use.
    package var guestIsReady = false
    /// NVSP version; 0 before one was agreed on.
    package var version: UInt32 = 0
    /// The address that the guest uses.
    package var currentAddress: [UInt8] = []
    package init() {}
}
