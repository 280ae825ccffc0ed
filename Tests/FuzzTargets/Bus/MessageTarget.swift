import Basics
import VMBus
import VMBusTestSupport

extension FuzzTarget {
    /// The control plane: offers, GPADLs, open, close, rescind, re-offer, unload, socket connects, in any order and with any numbers.
    static let vmbusMessages = FuzzTarget(
        "vmbus-messages", "steps of a guest's VMBus driver: an action, then its numbers", maximumLength: 2048, seeds: MessageSteps.seeds
    ) { MessageSteps.run($0) }
}

private enum MessageSteps {
    /// At most so many steps of one case are played.
    private static let limit = 96

    static func run(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let bus = GuestBus(processors: 2, megabytes: 4)
        let pump = bus.makePump()
        let devices = (1...3).map { EchoService(pump: pump, number: UInt8($0)) }
        devices[0].subChannels = 2
        for device in devices { promise(bus.server.add(device)) }
        bus.server.onConnectRequest = { request in
            let first = request.service.bytes.first ?? 0
            if first & 1 == 0 { request.refuse() } else { request.answer(status: UInt32(first >> 1)) }
            if first & 2 != 0 { request.refuse() }
        }
        promise(bus.connect())
        if input.flag() { _ = bus.freshOffers() }
        for _ in 0..<limit where !input.isEmpty { step(&input, bus, devices) }
        promise(bus.notes.count <= 256, "a guest cannot fill the log")
        // A driver that behaves is served, whatever came before.
        bus.transport.messageRoom = 16
        bus.advance(milliseconds: 100)
        promise(bus.unload(), "an unload is answered")
        bus.inbox.removeAll()
        promise(bus.connect(), "a new driver connects")
        bus.nextPage = 0x10_0000
        let offer = bus.freshOffers().first { $0.instance == devices[1].offer.interfaceInstance }
        promise(offer.flatMap { bus.open($0) }?.exchange([1]) != nil, "its channel works")
        bus.server.close()
    }

    private static func step(_ input: inout FuzzInput, _ bus: GuestBus, _ devices: [EchoService]) {
        func relid(_ input: inout FuzzInput) -> UInt32 {
            let byte = input.byte()
            return byte < 0xF0 ? UInt32(byte & 15) : input.interesting()
        }
        func gpadl(_ input: inout FuzzInput) -> UInt32 { UInt32(input.byte() & 7) }
        switch input.choice(20) {
        case 0: bus.post(input.take(Int(input.byte())), connection: input.flag() ? 1 : 4)
        case 1: bus.post(GuestBus.contact([0x5_0003, 0x4_0000, 0x5_0000, input.number()][input.choice(4)]), connection: 4)
        case 2: bus.post(GuestBus.message(3))
        case 3: header(&input, bus, relid(&input), gpadl(&input))
        case 4: body(&input, bus, gpadl(&input))
        case 5, 6:
            let words = (relid(&input), input.interesting(), gpadl(&input), UInt32(input.byte() & 3), UInt32(input.byte() & 7))
            bus.post(GuestBus.message(5, words.0, words.1, words.2, words.3, words.4) + [UInt8](repeating: 0, count: 120))
        case 7: bus.post(GuestBus.message(7, relid(&input)))
        case 8: bus.post(GuestBus.message(11, relid(&input), gpadl(&input)))
        case 9: bus.post(GuestBus.message(13, relid(&input)))
        case 10: bus.post(GuestBus.message(22, relid(&input), input.interesting()))
        case 11: bus.post(GuestBus.message(21, input.number()) + input.padded(28))
        case 12: bus.post(GuestBus.message(16))
        case 13: for _ in 0...input.byte() & 3 { bus.transport.guestSignals(0x1000 &+ relid(&input)) }
        case 14: bus.server.remove(devices[2])
        case 15: _ = bus.server.add(devices[2])
        case 16: bus.advance(milliseconds: UInt64(input.byte()))
        case 17: bus.transport.messageRoom = input.flag() ? 16 : 0
        case 18: bus.post(GuestBus.message(input.interesting() & 31, input.interesting(), input.interesting(), input.interesting()))
        default:
            // What a guest makes the host remember is bounded.
            guard let saved = try? bus.saved() else { fatalError("the bus can always be saved") }
            promise(saved[0].payload.utf8.count < 4 << 20, "the state stays small")
        }
        bus.run()
        if bus.inbox.count > 64 { bus.inbox.removeAll() }
    }

    /// The first message of a GPADL: sizes that mostly fit its pages.
    private static func header(_ input: inout FuzzInput, _ bus: GuestBus, _ relid: UInt32, _ gpadl: UInt32) {
        let pages = Int(input.byte() & 31)
        var (size, ranges, count, offset) = (UInt16(8 + pages * 8), UInt16(1), UInt32(pages * 4096), UInt32(0))
        if input.byte() > 0xC0 {
            (size, ranges, count, offset) = (input.number(), input.number(), input.interesting(), input.interesting())
        }
        var bytes = GuestBus.message(8, relid, gpadl) + little(size) + little(ranges) + little(count) + little(offset)
        for _ in 0..<min(pages, 26) { bytes += page(&input) }
        bus.post(bytes)
    }

    private static func body(_ input: inout FuzzInput, _ bus: GuestBus, _ gpadl: UInt32) {
        var bytes = GuestBus.message(9, 0, gpadl)
        for _ in 0..<Int(input.byte()) % 29 { bytes += page(&input) }
        bus.post(bytes)
    }

    /// Mostly a page of RAM above the first MiB.
    private static func page(_ input: inout FuzzInput) -> [UInt8] {
        let byte = input.byte()
        return little(byte < 0xFC ? UInt64(0x100) + UInt64(byte) : [0, 0x400, .max, .max >> 12][Int(byte & 3)])
    }

    static func seeds() -> [[UInt8]] {
        let pages = [UInt8](0..<8)
        // Offers; a GPADL of eight pages; open, signal, close, tear down.
        let plain: [UInt8] = [1, 3, 1, 1, 8, 0] + pages + [5, 1, 1, 1, 0, 4, 13, 0, 1, 7, 1, 8, 1, 1]
        let large: [UInt8] = [1, 3, 2, 2, 30, 0] + [UInt8](0..<26) + [4, 2, 4, 40, 41, 42, 43, 5, 2, 1, 2, 0, 15, 19]
        let other: [UInt8] =
            [1, 14, 9, 3, 15, 16, 255, 10, 1, 1, 11] + [UInt8](repeating: 5, count: 32) + [12, 1, 0, 2, 0, 16, 8, 0, 0, 0]
        return [plain, plain + large.dropFirst(), large + other.dropFirst(), other + plain.dropFirst()]
    }
}
