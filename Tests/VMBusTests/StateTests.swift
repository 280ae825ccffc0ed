import Basics
import DeviceModel
import Testing
import VMBus
import VMBusTestSupport

/// Save and restore of a bus in use.
@Suite struct StateTests {
    private func device(_ bus: GuestBus, _ number: UInt8, pump: ManualPump? = nil) -> EchoDevice {
        let device = EchoDevice(pump: pump ?? bus.makePump(), instance: EchoDevice.instance(number))
        #expect(bus.server.add(device))
        return device
    }

    @Test func channelsGoOnInAnotherMachine() throws {
        let bus = GuestBus(processors: 3)
        let first = device(bus, 1)
        first.wantedSubChannels = 1
        _ = device(bus, 2)
        #expect(bus.connect())
        let offers = bus.requestOffers()
        let primary = try #require(bus.open(offers[0], processor: 2))
        let sub = try #require(bus.newOffers().first.flatMap { bus.open($0, processor: 1, scattered: true) })
        #expect(primary.exchange([1, 2, 3]) != nil)
        let gpadl = try #require(bus.establish(gpadlOn: sub, address: bus.allocate(pages: 30), pages: 30))
        // A GPADL that is half told, packets and a message that nobody has looked at.
        bus.post(GuestBus.message(8, offers[1].relid, 0x77, 8 + 16 | 1 << 16, 8192, 0, 0x200, 0))
        #expect(primary.send([9], transaction: 5) && sub.send([8], transaction: 6))
        #expect(bus.transport.guestPosts(GuestBus.message(11, 1, 4711), connection: 4))

        let saved = try bus.saved()
        #expect(try bus.saved() == saved)
        #expect(saved.map(\.name) == ["vmbus"])

        let other = GuestBus(copying: bus)
        let pump = other.makePump()
        let restored = device(other, 1, pump: pump)
        _ = device(other, 2, pump: pump)
        try other.restore(saved)
        #expect(restored.events == ["attached", "reopened 0 on 2", "reopened 1 on 1"])
        #expect(try other.saved() == saved)
        #expect(restored.host?.version == 0x5_0003)
        #expect(restored.channels[1]?.buffer(gpadl: gpadl)?.count == 30 * 4096)
        other.run()
        #expect(other.take(12).map { GuestBus.word($0, 0) } == 4711)
        let (primary2, sub2) = (other.channel(copying: primary), other.channel(copying: sub))
        #expect(primary2.receive()?.transaction == 5)
        #expect(sub2.receive()?.transaction == 6)
        #expect(primary2.exchange([4])?.payload.first == 4)
        other.post(GuestBus.message(9, 0, 0x77, 0x201, 0))
        #expect(try GuestBus.word(#require(other.take(10)), 2) == 0)
        // The former machine goes on as well.
        bus.run()
        #expect(primary.receive()?.transaction == 5)
        #expect(other.unload())
        #expect(restored.channels.isEmpty)
    }

    @Test func aStreamSurvivesManyRestores() throws {
        var bus = GuestBus()
        var echo = device(bus, 1)
        #expect(bus.connect())
        var channel = try #require(bus.requestOffers().first.flatMap { bus.open($0, sendPages: 3, receivePages: 2) })
        var random = SeededRandom(seed: 4)
        var (sent, answered): (UInt64, UInt64) = (0, 0)
        for _ in 0..<150 {
            for _ in 0..<Int.random(in: 0...60, using: &random) {
                let length = Int.random(in: 0...700, using: &random)
                guard channel.send([UInt8](repeating: UInt8(truncatingIfNeeded: sent), count: length), transaction: sent) else { break }
                sent += 1
            }
            if Bool.random(using: &random) { bus.run() }
            if Bool.random(using: &random) {
                for packet in channel.receiveAll() {
                    #expect(packet.transaction == answered)
                    #expect(packet.payload.allSatisfy { $0 == UInt8(truncatingIfNeeded: answered) || $0 == 0 })
                    answered += 1
                }
            }
            // What the echo holds back is its own state: only save when it holds nothing.
            if echo.holdsNothing {
                let saved = try bus.saved()
                let next = GuestBus(copying: bus)
                echo = device(next, 1)
                try next.restore(saved)
                channel = next.channel(copying: channel)
                bus = next
            }
        }
        for _ in 0..<100 where answered < sent {
            bus.run()
            for packet in channel.receiveAll() {
                #expect(packet.transaction == answered)
                answered += 1
            }
        }
        #expect(sent > 200)
        #expect(answered == sent)
    }

    @Test func messagesThatFoundNoRoomAreKept() throws {
        let bus = GuestBus()
        bus.transport.messageRoom = 2
        for number in 1...9 { _ = device(bus, UInt8(number)) }
        #expect(bus.connect())
        _ = bus.transport.guestPosts(GuestBus.message(3), connection: 4)
        bus.pump.run()
        let saved = try bus.saved()
        let other = GuestBus(copying: bus)
        for number in 1...9 { _ = device(other, UInt8(number)) }
        try other.restore(saved)
        other.advance(milliseconds: 100)
        #expect(other.offers.count == 9)
        #expect(other.take(4) != nil)
    }

    @Test func aMissingDeviceIsAnErrorAndAnAdditionalOneIsOffered() throws {
        let bus = GuestBus()
        _ = device(bus, 1)
        #expect(bus.connect())
        let offer = try #require(bus.requestOffers().first)
        let saved = try bus.saved()
        let without = GuestBus(copying: bus)
        _ = device(without, 2)
        #expect(throws: StateError.self) { try without.restore(saved) }
        let with = GuestBus(copying: bus)
        _ = device(with, 2)
        _ = device(with, 1)
        try with.restore(saved)
        let fresh = try #require(with.newOffers().first)
        #expect(fresh.instance == EchoDevice.instance(2) && fresh.relid != offer.relid)
        #expect(with.open(offer) != nil)
        #expect(with.open(fresh) != nil)
    }

    @Test func aChannelThatFailedStaysClosed() throws {
        let bus = GuestBus()
        let echo = device(bus, 1)
        #expect(bus.connect())
        let channel = try #require(bus.requestOffers().first.flatMap { bus.open($0) })
        echo.pump.perform { echo.channels[0]?.fail("a test") }
        bus.run()
        #expect(echo.events.last == "closed 0")
        let saved = try bus.saved()
        let other = GuestBus(copying: bus)
        let restored = device(other, 1)
        try other.restore(saved)
        #expect(restored.events == ["attached"])
        #expect(other.close(other.channel(copying: channel)))
        #expect(other.open(channel.offer) != nil)
    }

    @Test func contradictionsInASavedStateAreErrors() throws {
        let bus = GuestBus()
        _ = device(bus, 1)
        #expect(bus.connect())
        _ = try #require(bus.requestOffers().first.flatMap { bus.open($0) })
        let saved = try bus.saved()[0]
        let changes = [
            ("\"relid\":1", "\"relid\":5000"), ("\"gpadl\":", "\"gpadl\":1"), ("\"count\":32768", "\"count\":99999"),
            ("\"targetProcessor\":0", "\"targetProcessor\":7"), ("\"channel\":\"open\"", "\"channel\":\"closing\""),
            ("\"nextRelid\":2", "\"nextRelid\":0"), ("\"source\":2", "\"source\":99"), ("\"missing\":0", "\"missing\":-1"),
            ("\"processor\":0", "\"processor\":-1"), ("\"phase\":\"connected\"", "\"phase\":\"odd\""),
        ]
        for (what, with) in changes {
            var changed = saved
            changed.payload = String(decoding: Self.replace(Array(saved.payload.utf8), Array(what.utf8), Array(with.utf8)), as: UTF8.self)
            #expect(changed.payload != saved.payload, "\(what)")
            let other = GuestBus(copying: bus)
            _ = device(other, 1)
            #expect(throws: StateError.self, "\(with)") { try other.restore([changed]) }
        }
    }

    @Test func pageListsAreRunsAndVersion1HadNumbers() throws {
        let bus = GuestBus()
        _ = device(bus, 1)
        #expect(bus.connect())
        let channel = try #require(bus.requestOffers().first.flatMap { bus.open($0, scattered: true) })
        _ = try #require(bus.establish(gpadlOn: channel, address: bus.allocate(pages: 600), pages: 600))
        let saved = try bus.saved()[0]
        let lists = saved.payload.split(separator: "\"pages\":\"").dropFirst().map { $0.prefix { $0 != "\"" } }
        #expect(lists.count == 2 && lists.contains { $0.contains(",") })
        // Six hundred neighbours are one run.
        let long = try #require(lists.first { $0.hasSuffix("+258") })
        var first = saved
        first.version = 1
        for list in lists {
            let numbers = try list.split(separator: ",").flatMap { run -> Range<UInt64> in
                let parts = try run.split(separator: "+").map { try #require(UInt64($0, radix: 16)) }
                return parts[0]..<parts[0] + (parts.count > 1 ? parts[1] : 1)
            }
            let text = "[" + numbers.map(String.init).joined(separator: ",") + "]"
            first.payload = String(
                decoding: Self.replace(Array(first.payload.utf8), Array("\"\(list)\"".utf8), Array(text.utf8)), as: UTF8.self)
        }
        let other = GuestBus(copying: bus)
        _ = device(other, 1)
        try other.restore([first])
        #expect(try other.saved() == [saved])

        for wrong in ["", "x", "1+", "+1", "1,,g", "ffffffffffffffff+2", "0+ffffffffff", "1+2+3", "200+257"] {
            var changed = saved
            changed.payload = String(
                decoding: Self.replace(Array(saved.payload.utf8), Array("\"\(long)\"".utf8), Array("\"\(wrong)\"".utf8)), as: UTF8.self)
            let other = GuestBus(copying: bus)
            _ = device(other, 1)
            #expect(throws: StateError.self, "\(wrong)") { try other.restore([changed]) }
        }
    }

    private static func replace(_ text: [UInt8], _ what: [UInt8], _ with: [UInt8]) -> [UInt8] {
        var (result, position): ([UInt8], Int) = ([], 0)
        while position < text.count {
            if text[position...].starts(with: what) {
                result += with
                position += what.count
            } else {
                result.append(text[position])
                position += 1
            }
        }
        return result
    }
}
