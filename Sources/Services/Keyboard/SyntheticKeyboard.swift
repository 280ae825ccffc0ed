import Basics
import DeviceModel
import VMBus

/// The synthetic keyboard (Linux: drivers/input/serio/hyperv-keyboard.c).
///
///     packets are bare messages:   0 u32 type, then
///     1 protocol request    4 u32 version (major in the high half)        the guest's, first
///     2 protocol response   4 u32 accepted
///     3 event               4 u16 code   6 u16 reserved   8 u32 flags     a key's make or break
///     4 indicators          4 u16 lamps  6 u16 reserved                   the guest's
///
/// Keys wait in a bounded queue until the guest's driver has agreed on the version, and while its ring is full.
/// Everything is called in the pump's context, also by the worker (`pump.perform`).
package final class SyntheticKeyboard: VMBusDevice, StatefulUnit, @unchecked Sendable {
    package struct State: Codable, Sendable {
        /// The guest's driver has agreed on the version.
        var isConnected = false
        var queue: [Keystroke] = []
        var indicators = KeyboardIndicators()
        /// A protocol response that found no room: accepted or not.
        var unsentResponse: Bool?
    }

    private enum MessageType { static let request: UInt32 = 1, response: UInt32 = 2, event: UInt32 = 3, indicators: UInt32 = 4 }
    private enum Flags { static let isBreak: UInt32 = 2, e0: UInt32 = 4, e1: UInt32 = 8 }
    private static let version: UInt32 = 1 << 16
    package static let queueLimit = 256
    private static let packetsPerRun = 64
    private static let keptBytes = 65_536

    package static let stateVersion = 1
    package let unitName = "service.keyboard"
    package let pump: any ServicePump
    package let offer = ChannelOffer(
        interfaceType: IntegrationIdentity.guid(0xf912_ad6d, 0x2b17, 0x48ea, 0xbd65_f927_a61c_7684),
        interfaceInstance: IntegrationIdentity.guid(0xd34b_2567, 0xb9b6, 0x42b9, 0x8778_0a4e_c0b9_55bf), flags: 0x10,
        userDefined: [4, 0, 0, 0])
    /// Called in the pump when the guest has changed its lamps.
    package var onIndicatorsChange: ((KeyboardIndicators) -> Void)?
    private var state = State()
    private var channel: (any ServiceChannel)?
    private var packet = ReceivedPacket()

    package init(pump: any ServicePump) { self.pump = pump }

    package var isConnected: Bool { state.isConnected }
    package var indicators: KeyboardIndicators { state.indicators }

    // MARK: Typing

    /// Sends keys, or queues them while the guest is not ready. Returns how many there was room for.
    package func send(_ keys: [Keystroke]) -> Int {
        let count = min(keys.count, Self.queueLimit - state.queue.count)
        state.queue += keys.prefix(count)
        sendQueue()
        return count
    }

    /// Types bytes of scan code set 1; false, and nothing is typed, when they end in a prefix or the queue has no room for all.
    package func type(scanCodes: [UInt8]) -> Bool { sendAll(Keystroke.parse(scanCodes: scanCodes)) }

    /// Types text on a US keyboard; false, and nothing is typed, when a character is on no key or the queue has no room for all.
    package func type(text: String) -> Bool { sendAll(USKeyboardLayout.keystrokes(text)) }

    /// Presses keys together and releases them in reverse.
    package func press(_ keys: [Keystroke]) -> Bool { sendAll(Keystroke.chord(keys)) }

    private func sendAll(_ keys: [Keystroke]?) -> Bool {
        guard let keys, keys.count <= Self.queueLimit - state.queue.count else { return false }
        return send(keys) == keys.count
    }

    private func sendQueue() {
        guard let channel, state.isConnected, state.unsentResponse == nil else { return }
        var sent = 0
        for key in state.queue {
            guard channel.send(Self.event(key)) else { break }
            sent += 1
        }
        state.queue.removeFirst(sent)
    }

    private static func event(_ key: Keystroke) -> [UInt8] {
        var fields = IntegrationFields()
        fields.append(MessageType.event)
        fields.append(key.code)
        fields.append(UInt16(0))
        fields.append((key.isBreak ? Flags.isBreak : 0) | (key.e0 ? Flags.e0 : 0) | (key.e1 ? Flags.e1 : 0))
        return fields.bytes
    }

    // MARK: The channel

    package func opened(_ channel: any ServiceChannel, userData: [UInt8]) -> Bool {
        guard self.channel == nil, channel.index == 0 else { return false }
        self.channel = channel
        return true
    }

    package func reopened(_ channel: any ServiceChannel) {
        if channel.index == 0 { self.channel = channel }
    }

    /// Keys that wait are for a guest that is gone.
    package func closed(_ channel: any ServiceChannel) {
        guard channel === self.channel else { return }
        self.channel = nil
        state = State()
    }

    package func ringChanged(_ channel: any ServiceChannel) {
        guard channel === self.channel else { return }
        if let response = state.unsentResponse { respond(response) }
        for _ in 0..<Self.packetsPerRun {
            guard channel.receive(into: &packet) else { return sendQueue() }
            if packet.completionRequested { _ = channel.complete(packet.transaction, []) }
            if packet.kind == .inBand { received(IntegrationFields(packet.payload)) }
            if packet.payload.capacity > Self.keptBytes { packet.payload = [] }
            guard channel === self.channel else { return }
        }
        pump.post { [weak self] in
            if let self, let channel = self.channel { self.ringChanged(channel) }
        }
    }

    private func received(_ fields: IntegrationFields) {
        switch fields.value(at: 0, as: UInt32.self) {
        case MessageType.request:
            guard let version = fields.value(at: 4, as: UInt32.self) else { return }
            state.isConnected = version == Self.version
            respond(state.isConnected)
        case MessageType.indicators:
            guard let flags = fields.value(at: 4, as: UInt16.self) else { return }
            let indicators = KeyboardIndicators(flags: flags)
            guard indicators != state.indicators else { return }
            state.indicators = indicators
            onIndicatorsChange?(indicators)
        default: break
        }
    }

    private func respond(_ isAccepted: Bool) {
        var fields = IntegrationFields()
        fields.append(MessageType.response)
        fields.append(isAccepted ? UInt32(1) : 0)
        state.unsentResponse = channel?.send(fields.bytes) == true ? nil : isAccepted
    }

    // MARK: Saved state

    package func saveState() throws(StateError) -> State { state }

    package func restoreState(_ state: State, version: Int) throws(StateError) {
        guard !state.isConnected || channel != nil else {
            throw StateError(.inconsistent, unit: unitName, detail: "it talks on a channel that is not open")
        }
        guard state.queue.count <= Self.queueLimit else {
            throw StateError(.inconsistent, unit: unitName, detail: "its queue is longer than it can be")
        }
        self.state = state
        pump.post { [weak self] in self?.sendQueue() }
    }
}
