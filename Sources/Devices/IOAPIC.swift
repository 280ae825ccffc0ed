import DeviceModel

/// Intel 82093AA I/O APIC with the end-of-interrupt register of later ones (version 0x20; Intel ICH data sheets, "I/O APIC").
///
///     0x00 index   0x10 data   0x40 end of interrupt (vector)
///     index 0 id   1 version   2 arbitration   0x10 + 2n, 0x11 + 2n redirection entry n
///
///     entry: 0-7 vector  8-10 delivery mode  11 logical  12 status  13 active low  14 remote IRR  15 level  16 masked  56-63 destination
///
/// Departure: the data sheet loses an edge at a masked input. We keep it until the entry is unmasked, as other hypervisors do: a guest
/// that masks an entry while it moves it to another processor would else wait for ever for a device whose line stays high.
package final class IOAPIC: MemoryDevice, EndOfInterruptListener, StatefulUnit {
    package static let pinCount = 24
    /// Bytes of its register page.
    package static let size: UInt64 = 0x1000

    package struct State: Codable, Sendable {
        var index: UInt8 = 0
        var id: UInt8 = 0
        var entries = [UInt64](repeating: Entry.masked, count: IOAPIC.pinCount)
        /// Input levels, a bit per pin.
        var levels: UInt32 = 0
        /// Edges that came to masked entries, a bit per pin; absent: none.
        var maskedEdges: UInt32?
    }

    private enum Entry {
        static let logical: UInt64 = 1 << 11, remoteIRR: UInt64 = 1 << 14, level: UInt64 = 1 << 15, masked: UInt64 = 1 << 16
        static let writable: UInt64 = 0xff00_0000_0001_afff
    }

    package let unitName = "ioapic"
    package static let stateVersion = 1
    private let sink: any InterruptMessageSink
    private var state = State()

    package init(sink: any InterruptMessageSink) { self.sink = sink }

    /// Input `pin`, 0 to 23.
    package func line(_ pin: Int) -> any InterruptLine { Pin(controller: self, number: pin) }

    private final class Pin: InterruptLine {
        unowned let controller: IOAPIC
        let number: Int
        init(controller: IOAPIC, number: Int) { (self.controller, self.number) = (controller, number) }
        func set(_ level: Bool) { controller.set(number, level) }
    }

    private func set(_ pin: Int, _ high: Bool) {
        guard pin >= 0, pin < Self.pinCount else { return }
        let bit = UInt32(1) << UInt32(pin)
        let wasHigh = state.levels & bit != 0
        guard high != wasHigh else { return }
        state.levels ^= bit
        guard high else { return }
        let entry = state.entries[pin]
        if entry & Entry.masked != 0, entry & Entry.level == 0 {
            state.maskedEdges = (state.maskedEdges ?? 0) | bit
        } else {
            deliver(pin)
        }
    }

    /// Sends entry `pin`'s message unless it is masked or waits for an end of interrupt.
    private func deliver(_ pin: Int) {
        let entry = state.entries[pin]
        guard entry & Entry.masked == 0, entry & Entry.remoteIRR == 0 else { return }
        let isLevel = entry & Entry.level != 0
        if isLevel { state.entries[pin] |= Entry.remoteIRR }
        let deliveryMode = UInt32(truncatingIfNeeded: entry >> 8) & 7
        var address: UInt64 = 0xfee0_0000 | (entry >> 56) << 12
        if entry & Entry.logical != 0 { address |= 1 << 2 }
        if deliveryMode == 1 { address |= 1 << 3 }
        var data = UInt32(truncatingIfNeeded: entry) & 0xff | deliveryMode << 8
        if isLevel { data |= 1 << 15 | 1 << 14 }
        sink.send(InterruptMessage(address: address, data: data))
    }

    private func deliverIfHigh(_ pin: Int) {
        guard state.entries[pin] & Entry.level != 0, state.levels & (1 << UInt32(pin)) != 0 else { return }
        deliver(pin)
    }

    /// An edge that came while the entry was masked is sent when it is unmasked.
    private func deliverMaskedEdge(_ pin: Int) {
        let bit = UInt32(1) << UInt32(pin)
        guard let edges = state.maskedEdges, edges & bit != 0, state.entries[pin] & Entry.masked == 0 else { return }
        state.maskedEdges = edges & ~bit
        if state.entries[pin] & Entry.level == 0 { deliver(pin) }
    }

    package func endOfInterrupt(vector: UInt8) {
        for pin in 0..<Self.pinCount {
            let entry = state.entries[pin]
            guard UInt8(truncatingIfNeeded: entry) == vector, entry & Entry.remoteIRR != 0 else { continue }
            state.entries[pin] &= ~Entry.remoteIRR
            deliverIfHigh(pin)
        }
    }

    // MARK: Registers

    package func readMemory(_ offset: UInt64, size: Int) -> UInt64 {
        switch offset & ~3 {
        case 0x00: UInt64(state.index)
        case 0x10: UInt64(readRegister(state.index))
        default: 0
        }
    }

    package func writeMemory(_ offset: UInt64, size: Int, value: UInt64) {
        switch offset {
        case 0x00: state.index = UInt8(truncatingIfNeeded: value)
        case 0x10: writeRegister(state.index, UInt32(truncatingIfNeeded: value))
        case 0x40: endOfInterrupt(vector: UInt8(truncatingIfNeeded: value))
        default: break
        }
    }

    private func readRegister(_ index: UInt8) -> UInt32 {
        switch index {
        case 0, 2: return UInt32(state.id) << 24
        case 1: return UInt32(Self.pinCount - 1) << 16 | 0x20
        case 0x10..<UInt8(0x10 + 2 * Self.pinCount):
            let entry = state.entries[Int(index - 0x10) / 2]
            return UInt32(truncatingIfNeeded: index & 1 == 0 ? entry : entry >> 32)
        default: return 0
        }
    }

    private func writeRegister(_ index: UInt8, _ value: UInt32) {
        switch index {
        case 0: state.id = UInt8(value >> 24) & 0x0f
        case 0x10..<UInt8(0x10 + 2 * Self.pinCount):
            let pin = Int(index - 0x10) / 2
            var entry = state.entries[pin]
            let half = UInt64(value)
            let mask: UInt64 = Entry.writable & (index & 1 == 0 ? 0xffff_ffff : 0xffff_ffff << 32)
            entry = entry & ~mask | (index & 1 == 0 ? half : half << 32) & mask
            if entry & Entry.level == 0 { entry &= ~Entry.remoteIRR }
            state.entries[pin] = entry
            deliverMaskedEdge(pin)
            deliverIfHigh(pin)
        default: break
        }
    }

    // MARK: Life

    package func reset() {
        let levels = state.levels
        state = State()
        state.levels = levels
    }

    package func saveState() throws(StateError) -> State { state }

    package func restoreState(_ state: State, version: Int) throws(StateError) {
        guard state.entries.count == Self.pinCount else {
            throw StateError(.inconsistent, unit: unitName, detail: "\(state.entries.count) redirection entries")
        }
        self.state = state
    }
}
