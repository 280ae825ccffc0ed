import DeviceModel
import Services
import Testing
import VMBus
import VMBusTestSupport

@Suite struct SyntheticKeyboardTests {
    private let pump = ManualPump()
    private let keyboard: SyntheticKeyboard
    private let channel = BareChannel()

    init() { keyboard = SyntheticKeyboard(pump: pump) }

    private func message(_ words: [UInt32]) -> [UInt8] {
        words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (UInt32($0) * 8)) } }
    }

    private func open() {
        _ = keyboard.opened(channel, userData: [])
        keyboard.ringChanged(channel)
    }

    private func connect() {
        open()
        channel.put(message([1, 0x10000]), transaction: 77, completionRequested: true)
        keyboard.ringChanged(channel)
    }

    @Test func theVersionIsAccepted() {
        connect()
        #expect(keyboard.isConnected)
        #expect(channel.sent == [message([2, 1])])
        #expect(channel.completed == [77])
    }

    @Test func anotherVersionIsRefused() {
        open()
        channel.put(message([1, 0x20000]))
        keyboard.ringChanged(channel)
        #expect(!keyboard.isConnected)
        #expect(channel.sent == [message([2, 0])])
        channel.put(message([1, 0x10000]))
        keyboard.ringChanged(channel)
        #expect(keyboard.isConnected)
    }

    @Test func keysWaitForTheGuest() {
        #expect(keyboard.type(scanCodes: [0x1e, 0x9e, 0xe0, 0x48, 0xe0, 0xc8, 0xe1, 0x1d]))
        open()
        #expect(channel.sent.isEmpty)
        channel.put(message([1, 0x10000]))
        keyboard.ringChanged(channel)
        #expect(
            Array(channel.sent.dropFirst()) == [
                message([3, 0x1e, 0]), message([3, 0x1e, 2]), message([3, 0x48, 4]), message([3, 0x48, 6]), message([3, 0x1d, 8]),
            ])
    }

    @Test func theQueueIsBounded() {
        let key = Keystroke(code: 1)
        #expect(keyboard.send(Array(repeating: key, count: 300)) == 256)
        #expect(keyboard.send([key]) == 0)
        #expect(!keyboard.type(scanCodes: [1]))
        #expect(!keyboard.type(scanCodes: [0xe0]))
        connect()
        #expect(channel.sent.count == 257)
        channel.room = 0
        #expect(keyboard.type(text: "ls\n"))
        #expect(channel.sent.count == 257)
        channel.room = 100
        keyboard.ringChanged(channel)
        #expect(channel.sent.count == 257 + 6)
    }

    @Test func textIsTypedOnAUSKeyboard() {
        connect()
        #expect(!keyboard.type(text: "ä"))
        #expect(keyboard.type(text: "aB!\t"))
        let codes = channel.sent.dropFirst().map { [$0.get(UInt16.self, at: 4), $0.get(UInt16.self, at: 8)] }
        #expect(
            codes == [
                [0x1e, 0], [0x1e, 2], [0x2a, 0], [0x30, 0], [0x30, 2], [0x2a, 2], [0x2a, 0], [0x02, 0], [0x02, 2], [0x2a, 2], [0x0f, 0],
                [0x0f, 2],
            ])
        let all = (0x20..<0x7f).map { String(UnicodeScalar(UInt8($0))) }.joined()
        for character in all { #expect(keyboard.type(text: String(character)), "\(character)") }
        #expect(keyboard.press([Keystroke(code: 0x1d), Keystroke(code: 0x38), Keystroke(code: 0x53, e0: true)]))
        #expect(channel.sent.suffix(6).map { $0.get(UInt16.self, at: 4) } == [0x1d, 0x38, 0x53, 0x53, 0x38, 0x1d])
        #expect(channel.sent.suffix(4).map { $0.get(UInt32.self, at: 8) } == [4, 6, 2, 2])
    }

    @Test func lampsAreTold() {
        connect()
        var told: [KeyboardIndicators] = []
        keyboard.onIndicatorsChange = { told.append($0) }
        channel.put(message([4, 6]))
        channel.put(message([4, 6]))
        keyboard.ringChanged(channel)
        #expect(told.count == 1 && keyboard.indicators.numLock && keyboard.indicators.capsLock && !keyboard.indicators.scrollLock)
    }

    @Test func aSavedKeyboardGoesOn() throws {
        connect()
        channel.room = 0
        #expect(keyboard.type(text: "a"))
        let copy = SyntheticKeyboard(pump: pump)
        let other = BareChannel()
        copy.reopened(other)
        try copy.restore(from: keyboard.savedUnit())
        pump.run()
        #expect(other.sent == [message([3, 0x1e, 0]), message([3, 0x1e, 2])])
        #expect(copy.isConnected)
        #expect(throws: StateError.self) { try SyntheticKeyboard(pump: pump).restore(from: keyboard.savedUnit()) }
    }

    @Test func hostilePacketsAreIgnored() throws {
        var random = IntegrationRandom(state: 7)
        open()
        for turn in 0..<5000 {
            var packet = (0..<Int.random(in: 0..<24, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
            if packet.count >= 4, turn % 2 == 0 { packet.replaceSubrange(0..<4, with: [UInt8(turn % 6), 0, 0, 0]) }
            channel.put(packet, kind: PacketKind(rawValue: turn % 9 == 0 ? 9 : 6))
            keyboard.ringChanged(channel)
            _ = keyboard.send([Keystroke(code: 1)])
            channel.room = turn % 5 == 0 ? 0 : 100
        }
        #expect(try keyboard.savedUnit().payload.utf8.count < 100_000)
        keyboard.closed(channel)
        #expect(!keyboard.isConnected)
    }
}
