import VMBus
import VMBusTestSupport

extension FuzzTarget {
    /// Ring headers, packet descriptors, page lists and indices that change between the host's reads.
    static let rings = FuzzTarget(
        "rings", "writes into a channel's two rings and their headers, signals, and writes that happen while the host reads",
        maximumLength: 4096, seeds: RingSteps.seeds
    ) { RingSteps.run($0) }
}

private final class RingSteps {
    private static let limit = 128
    private let bus = GuestBus(processors: 2, megabytes: 4)
    private let device: EchoService
    /// What the guest writes while the host is between two packets.
    private var later: [() -> Void] = []

    private init() {
        device = EchoService(pump: bus.makePump(), number: 1)
        promise(bus.server.add(device))
        promise(bus.connect())
    }

    static func run(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let steps = RingSteps()
        steps.play(&input)
        steps.device.between = {}
        steps.bus.server.close()
    }

    private func play(_ input: inout FuzzInput) {
        guard let offer = bus.freshOffers().first, let channel = bus.open(offer, sendPages: 3, receivePages: 3, scattered: input.flag())
        else { fatalError("the channel opens") }
        device.between = { [unowned self] in if !later.isEmpty { later.removeFirst()() } }
        for _ in 0..<Self.limit where !input.isEmpty { step(&input, channel) }
        channel.signal()
        bus.run()
        promise(device.packet.payload.count <= 2 * 4096 && device.packet.ranges.count <= 8192, "a packet fits its ring")
        device.between = {}
        promise(bus.close(channel), "the close is answered")
        bus.nextPage = 0x10_0000
        promise(bus.open(offer)?.exchange([1]) != nil, "the channel works again")
    }

    private func step(_ input: inout FuzzInput, _ channel: GuestChannel) {
        let ring = input.flag() ? channel.outbound : channel.inbound
        switch input.choice(10) {
        case 0, 1: packet(&input, channel)
        case 2: field(&input, ring)()
        case 3: later.append(field(&input, ring))
        case 4: write(&input, ring)()
        case 5: later.append(write(&input, ring))
        case 6:
            channel.signal()
            bus.run()
        case 7: _ = channel.send(input.take(Int(input.byte())), transaction: 1, completionRequested: input.flag())
        case 8: bus.advance(milliseconds: UInt64(input.byte()))
        default: lists(&input, channel)
        }
        if later.count > 32 { later.removeFirst() }
        if input.byte() & 3 == 0 {
            channel.signal()
            bus.run()
        }
    }

    /// A header word becomes something else.
    private func field(_ input: inout FuzzInput, _ ring: GuestRing) -> () -> Void {
        let (place, kind) = (input.choice(5), input.flag())
        let value = kind ? UInt32(input.number(UInt16.self)) * 8 % 16384 : input.interesting()
        return {
            switch place {
            case 0: ring.writeIndex = value
            case 1: ring.readIndex = value
            case 2: ring.interruptMask = value
            case 3: ring.pendingSendSize = value
            default: ring.features = value
            }
        }
    }

    /// Bytes anywhere in the ring.
    private func write(_ input: inout FuzzInput, _ ring: GuestRing) -> () -> Void {
        let (place, bytes) = (Int(input.number(UInt16.self)) * 8 % ring.size, input.take(Int(input.byte() & 31)))
        return { ring.put(bytes, at: place) }
    }

    /// A packet at the write index whose descriptor is nearly right.
    private func packet(_ input: inout FuzzInput, _ channel: GuestChannel) {
        let ring = channel.outbound
        let payload = input.take(Int(input.byte()) * 4)
        let length = (16 + payload.count + 7) / 8 * 8
        var words: [UInt16] = [input.pick([6, 7, 9, 11]), 2, UInt16(length / 8), UInt16(input.byte() & 3)]
        switch input.byte() {
        case 0xE0...0xE7: words[0] = input.number()
        case 0xE8...0xEF: words[1] = input.number()
        case 0xF0...0xFF: words[2] = input.number()
        case 0xC0...0xDF: words[1] = UInt16(input.byte())
        default: break
        }
        var bytes = words.flatMap { little($0) } + little(UInt64(input.byte())) + payload
        bytes += [UInt8](repeating: 0, count: length - bytes.count)
        advance(ring, with: bytes)
    }

    /// A direct packet with page buffers or a list that are nearly right.
    private func lists(_ input: inout FuzzInput, _ channel: GuestChannel) {
        let isList = input.flag()
        let ranges = Int(input.byte() & 7)
        var bytes: [UInt8] = []
        for _ in 0..<ranges {
            bytes += little(UInt32(input.flag() ? UInt32(input.number(UInt16.self)) : input.interesting()))
            bytes += little(input.flag() ? UInt32(input.byte()) : input.interesting())
            for _ in 0..<(isList ? input.choice(5) : 1) {
                bytes += little(input.byte() < 0xF0 ? UInt64(input.byte()) + 0x100 : UInt64(input.interesting()) << 20)
            }
        }
        let count = input.byte() < 0xE0 ? UInt32(ranges) : input.interesting()
        let start = 24 + bytes.count
        let packet =
            little(UInt16(9)) + little(UInt16(input.byte() < 0xF0 ? UInt16(start / 8) : UInt16(input.byte())))
            + little(UInt16(start / 8 + 1)) + little(UInt16(1)) + little(UInt64(2)) + little(UInt32(input.byte() & 1)) + little(count)
            + bytes
            + [UInt8](repeating: 1, count: 8)
        advance(channel.outbound, with: packet)
    }

    private func advance(_ ring: GuestRing, with bytes: [UInt8]) {
        let old = Int(ring.writeIndex) % ring.size & ~7
        ring.put(bytes + little(UInt64(old) << 32), at: old)
        ring.writeIndex = UInt32((old + bytes.count + 8) % ring.size)
    }

    static func seeds() -> [[UInt8]] {
        let packet: [UInt8] = [1, 0, 4] + [UInt8](repeating: 7, count: 16) + [0, 1, 0, 5, 0]
        let direct: [UInt8] = [1, 9, 0, 1, 1, 64, 0, 1, 16, 0, 3, 0, 0, 0, 0]
        let index: [UInt8] = [1, 2, 0, 1, 4, 0, 0]
        let changes: [UInt8] = [1, 3, 0, 1, 8, 0, 1, 1, 3, 1, 1, 2, 0, 1, 1, 5, 2, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1]
        return [
            [0] + packet + packet + direct, [1] + packet + index + packet, [0] + changes + packet + packet + packet,
            [0] + direct + direct + changes,
        ]
    }
}
