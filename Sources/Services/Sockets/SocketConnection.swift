import Basics
import CHost
import DeviceModel
import VMBus

#if canImport(Glibc)
    import Glibc
#endif

/// One hv_sock connection: a VMBus channel on the guest's side, a Unix stream socket on the host's.
///
///     packet, either way   │ type u32 = 1 │ bytes u32 │ data, at most 16 KiB to the guest │        bytes = 0: nothing more comes (FIN)
///
/// What one side cannot take now stays on the other: in the guest's ring, in the socket, and at most one packet here.
final class SocketConnection: VMBusDevice, @unchecked Sendable {
    private static let headerSize = 8
    private static let largestPacket = 16 << 10
    /// VMBUS_CHANNEL_TLNPI_PROVIDER_OFFER.
    private static let offerFlags: UInt16 = 0x2000

    let offer: ChannelOffer
    let pump: any ServicePump
    /// Called once, when both sides are done with each other.
    private let onEnd: (SocketConnection) -> Void
    /// Hears what comes from the host's program; set before the device is on the bus.
    var onInput: ((SocketInput) -> Void)?

    // Safety: all below belongs to the pump.
    /// nil: the host's side is gone (a restored machine's connections begin so).
    private var socket: Int32?
    private var channel: (any ServiceChannel)?
    private var packet = ReceivedPacket()
    private var buffer = [UInt8](repeating: 0, count: SocketConnection.largestPacket)
    /// Bytes of the guest that the socket had no room for.
    private var unwritten: ArraySlice<UInt8> = []
    /// Bytes of the host, at the start of `buffer`, that the ring had no room for.
    private var unsent = 0
    /// What the host's program hears when the guest takes the connection.
    private var greeting: [UInt8]
    /// Partition time until which the guest must have taken it; nil: it has.
    private(set) var deadline: UInt64?
    private var guestHasEnded = false, hostHasEnded = false, hostIsDeaf = false, finIsSent = false, hasEnded = false

    init(
        service: GUID, instance: GUID, fromHost: Bool, socket: Int32?, greeting: [UInt8], deadline: UInt64, pump: any ServicePump,
        onEnd: @escaping (SocketConnection) -> Void
    ) {
        // The pipe's mode, then the first byte of its user's: who asked for the connection.
        offer = ChannelOffer(
            interfaceType: service, interfaceInstance: instance, flags: Self.offerFlags, userDefined: [0, 0, 0, 0, fromHost ? 1 : 0])
        (self.socket, self.pump, self.onEnd) = (socket, pump, onEnd)
        (self.greeting, self.deadline) = (greeting, deadline)
        hostHasEnded = socket == nil
    }

    func opened(_ channel: any ServiceChannel, userData: [UInt8]) -> Bool {
        guard channel.index == 0 else { return false }
        self.channel = channel
        deadline = nil
        if let socket, !greeting.isEmpty { _ = lv_send(socket, greeting, greeting.count, nil, 0) }
        watch()
        return true
    }

    func reopened(_ channel: any ServiceChannel) {
        self.channel = channel
        deadline = nil
        // The host's program is not there any more.
        pump.post { [weak self] in self?.tellEnd() }
    }

    func closed(_ channel: any ServiceChannel) {
        self.channel = nil
        end()
    }

    func ringChanged(_ channel: any ServiceChannel) {
        toHost()
        if unsent > 0 { toGuest() }
        if hostHasEnded { tellEnd() }
        watch()
    }

    // MARK: Guest → host

    private func toHost() {
        while let channel, writeOut(), !guestHasEnded, channel.receive(into: &packet) {
            guard packet.payload.count >= Self.headerSize else { return channel.fail("an hv_sock packet without a header") }
            let count = packet.payload[4..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
            guard count <= packet.payload.count - Self.headerSize else { return channel.fail("an hv_sock packet shorter than it says") }
            if count == 0 {
                guestHasEnded = true
                if let socket { shutdown(socket, Int32(SHUT_WR)) }
            } else if socket != nil {
                unwritten = packet.payload[Self.headerSize..<Self.headerSize + count]
            }
        }
        endWhenDone()
    }

    /// Writes what is left; true: nothing is left.
    private func writeOut() -> Bool {
        guard let socket, !hostIsDeaf else {
            unwritten = []
            return true
        }
        while !unwritten.isEmpty {
            let count = unwritten.withUnsafeBytes { lv_send(socket, $0.baseAddress, $0.count, nil, 0) }
            if count < unwritten.count { onInput?(.took(max(count, 0))) }
            if count == -Int(EAGAIN) { return false }
            guard count > 0 else {
                // Nobody reads any more: the guest's words go nowhere. What the host said before is still to be read.
                unwritten = []
                hostIsDeaf = true
                return true
            }
            unwritten = unwritten.dropFirst(count)
        }
        return true
    }

    // MARK: Host → guest

    private func toGuest() {
        while let channel, let socket {
            if unsent > 0 {
                // When there is no room, the attempt makes the ring tell of it.
                guard send(unsent) else { return }
                unsent = 0
            }
            guard !hostHasEnded else { return tellEnd() }
            // Two packets fit into the ring, so that the guest reads one while the other is written.
            let wanted = min(channel.capacity / 2 - Self.headerSize, Self.largestPacket)
            guard wanted > 0 else { return channel.fail("an hv_sock ring that holds nothing") }
            let count = buffer.withUnsafeMutableBytes { recv(socket, $0.baseAddress, wanted, Int32(MSG_DONTWAIT)) }
            if count < 0, errno == EAGAIN || errno == EINTR { return }
            if count > 0 { unsent = count } else { hostHasEnded = true }
            onInput?(count > 0 ? .bytes(Array(buffer[..<count])) : .end)
        }
    }

    private func send(_ count: Int) -> Bool {
        guard let channel else { return false }
        var header: (UInt32, UInt32) = (UInt32(1).littleEndian, UInt32(count).littleEndian)
        return withUnsafeBytes(of: &header) { header in
            buffer.withUnsafeBytes { data in
                channel.send(
                    .inBand, transaction: 0, completionRequested: false, payload: header,
                    UnsafeRawBufferPointer(rebasing: data.prefix(count)))
            }
        }
    }

    /// Says once that nothing more comes from the host; later when there is no room now.
    private func tellEnd() {
        if !finIsSent, unsent == 0 { finIsSent = send(0) }
        endWhenDone()
    }

    /// Watches the socket for what either direction waits for, and for nothing else: an ended one would be ready for ever.
    private func watch() {
        guard let socket else { return }
        var events: Int32 = 0
        if !hostHasEnded, unsent == 0 { events |= Int32(POLLIN) }
        if !unwritten.isEmpty { events |= Int32(POLLOUT) }
        pump.watch(socket, events: events == 0 ? nil : Int16(events)) { [weak self] in
            guard let self else { return }
            toHost()
            toGuest()
            if hostHasEnded { tellEnd() }
            watch()
        }
    }

    private func endWhenDone() {
        if finIsSent, guestHasEnded || socket == nil, unwritten.isEmpty { end() }
    }

    /// Both sides are done with each other, or the guest did not take the connection.
    func end() {
        guard !hasEnded else { return }
        hasEnded = true
        if let socket, deadline != nil, !greeting.isEmpty {
            let words = Array("ERROR nobody in the guest listens on port \(SocketEndpoint.port(of: offer.interfaceType) ?? 0)\n".utf8)
            _ = lv_send(socket, words, words.count, nil, 0)
        }
        // The bus takes the device in another thread: the guest must see the last words before it hears of that.
        channel?.flush()
        dropSocket()
        onEnd(self)
    }

    /// Takes the host's end away. Precondition: in the pump.
    func dropSocket() {
        guard let socket else { return }
        pump.watch(socket, events: nil) {}
        close(socket)
        self.socket = nil
        hostHasEnded = true
    }
}
