import VMBus

/// One channel of an adapter with what waits on it in either direction. Used only inside the adapter's pump.
final class NetworkQueue {
    /// Packets of the guest that wait for room in the switch, at most.
    static let mostHeld = 256
    /// Ranges in one packet to the guest, at most, except where one frame needs more.
    static let rangesPerPacket = 128

    let channel: any ServiceChannel
    var index: Int { channel.index }
    var statistics = NetworkAdapterStatistics.Queue()

    /// The packet read last; its arrays are used again for the next.
    var packet = ReceivedPacket()
    /// Packets of the guest's that the switch had no room for, oldest first, and how many bytes of the first one's RNDIS messages are done.
    var held: [ReceivedPacket] = []
    var position = 0
    /// Packets used up, whose arrays are used again.
    var spare: [ReceivedPacket] = []
    /// Completions that found no room in the guest's ring, oldest first: one, or after a restore those of the packets that were held.
    var owed: [Completion] = []
    /// The completion of a small send that goes with the next thing the guest is told (`NetworkAdapter+Transmit`, “Late answers”).
    var late: Completion?
    /// It was late already when the adapter's timer was armed.
    var isLateMarked = false

    struct Completion: Codable, Equatable, Sendable {
        var transaction: UInt64
        var message: [UInt8]
    }

    /// A filled section of the receive buffer that is not in the guest's ring yet.
    struct Filled: Codable, Equatable, Sendable {
        var section: UInt32
        /// Bytes of its RNDIS message.
        var count: UInt32
        /// The last of the sections that must be told in one packet.
        var endsFrame: Bool
    }
    var filled: [Filled] = []
    /// For one packet: its ranges and sections. Kept for their room.
    var ranges: [(offset: UInt32, count: UInt32)] = []
    var sections: [UInt32] = []

    init(_ channel: any ServiceChannel) { self.channel = channel }

    /// Puts a completion into the guest's ring, behind the late one, now or when there is room.
    func complete(_ transaction: UInt64, _ message: [UInt8]) {
        payLate()
        if !owed.isEmpty || !channel.complete(transaction, message) { owed.append(Completion(transaction: transaction, message: message)) }
    }

    /// Keeps a completion until the guest is told something else, or `payLate`. Precondition: there is no late one.
    func completeLate(_ transaction: UInt64, _ message: [UInt8]) { late = Completion(transaction: transaction, message: message) }

    func payLate() {
        guard let completion = late else { return }
        (late, isLateMarked) = (nil, false)
        complete(completion.transaction, completion.message)
    }

    /// Puts the owed completions into the ring; false: there is no room for all.
    func payOwed() -> Bool {
        while let completion = owed.first {
            guard channel.complete(completion.transaction, completion.message) else { return false }
            owed.removeFirst()
        }
        return true
    }

    /// Keeps the packet read last until the switch has room.
    func hold() {
        held.append(packet)
        packet = spare.popLast() ?? ReceivedPacket()
    }
}
