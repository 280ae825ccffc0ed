import Basics
import CHost
import DeviceModel
import Synchronization

/// What the SynIC asks of its VP.
package protocol SyntheticInterruptHost: AnyObject {
    /// Requests an edge-triggered interrupt; from any thread.
    func requestInterrupt(vector: UInt8)
    /// Puts an overlay page at a guest-physical address or takes it away. Called on the VP's thread with no lock held.
    func place(_ overlay: OverlayPage, at address: UInt64?)
    func autoEOIChanged(_ vectors: [UInt8])
    /// Partition reference time in 100 ns.
    var referenceTime: UInt64 { get }
}

/// The synthetic interrupt controller of one VP (TLFS chapter 11): sixteen sources, a page of message slots, a page of event flags.
///
/// Registers change on the VP's thread; messages and flags come from any thread. Neither a page nor a message is ever read back as truth:
/// only the slot's type says whether it is free.
package final class SyntheticInterruptController: @unchecked Sendable {
    package static let sourceCount = 16
    /// Message buffers per port (TLFS 11.5.2).
    package static let buffersPerPort = 16

    enum SourceBits {
        static let masked: UInt64 = 1 << 16, autoEOI: UInt64 = 1 << 17, polling: UInt64 = 1 << 18
    }
    struct Registers: Codable, Equatable, Sendable {
        var control: UInt64 = 0
        var eventFlagsPage: UInt64 = 0
        var messagePage: UInt64 = 0
        var sources = [UInt64](repeating: SourceBits.masked, count: SyntheticInterruptController.sourceCount)
    }
    struct Inner {
        var registers = Registers()
        var queues = [[QueuedMessage]](repeating: [], count: SyntheticInterruptController.sourceCount)
    }

    package let unitName: String
    package let messages: OverlayPage
    package let eventFlags: OverlayPage
    let inner = Mutex(Inner())
    /// Bit n: messages wait for slot n. Lets an EOI pass without the lock.
    let waiting = AtomicWords(count: 1)
    let host: any SyntheticInterruptHost

    package init(processor: Int, host: any SyntheticInterruptHost) {
        self.host = host
        unitName = "vp.\(processor).synic"
        messages = OverlayPage(.messages, processor: processor, isGuestWritable: true)
        eventFlags = OverlayPage(.eventFlags, processor: processor, isGuestWritable: true)
    }

    /// State at creation and reset: disabled, all sources masked, pages empty and taken away.
    package func reset() {
        inner.withLock { $0 = Inner() }
        waiting[0] = 0
        messages.clear()
        eventFlags.clear()
        host.place(messages, at: nil)
        host.place(eventFlags, at: nil)
        host.autoEOIChanged([])
    }

    // MARK: Registers (TLFS 11.8). nil and false: #GP

    func readMSR(_ index: UInt32) -> UInt64? {
        let registers = inner.withLock { $0.registers }
        return switch index {
        case SyntheticMSR.synicControl: registers.control
        case SyntheticMSR.synicVersion: 1
        case SyntheticMSR.eventFlagsPage: registers.eventFlagsPage
        case SyntheticMSR.messagePage: registers.messagePage
        case SyntheticMSR.endOfMessage: 0
        case SyntheticMSR.source0...SyntheticMSR.source15: registers.sources[Int(index - SyntheticMSR.source0)]
        default: nil
        }
    }

    func writeMSR(_ index: UInt32, _ value: UInt64) -> Bool {
        switch index {
        case SyntheticMSR.synicControl: inner.withLock { $0.registers.control = value }
        case SyntheticMSR.eventFlagsPage:
            inner.withLock { $0.registers.eventFlagsPage = value }
            host.place(eventFlags, at: value & 1 != 0 ? value & ~0xfff : nil)
        case SyntheticMSR.messagePage:
            inner.withLock { $0.registers.messagePage = value }
            host.place(messages, at: value & 1 != 0 ? value & ~0xfff : nil)
            endOfMessage()
        case SyntheticMSR.endOfMessage: endOfMessage()
        case SyntheticMSR.source0...SyntheticMSR.source15:
            guard value & SourceBits.masked != 0 || value & 0xff >= 16 else { return false }
            let vectors = inner.withLock { inner in
                inner.registers.sources[Int(index - SyntheticMSR.source0)] = value
                return Self.autoEOIVectors(inner.registers)
            }
            host.autoEOIChanged(vectors)
        default: return false
        }
        return true
    }

    static func autoEOIVectors(_ registers: Registers) -> [UInt8] {
        registers.sources.filter { $0 & SourceBits.masked == 0 && $0 & SourceBits.autoEOI != 0 }.map { UInt8($0 & 0xff) }
    }

    // MARK: Messages

    /// Queues a message for a source and delivers it at once if the slot is free. Any thread.
    package func post(_ message: SyntheticMessage, source: Int, buffer: QueuedMessage.Buffer) -> HypercallStatus {
        guard source >= 0, source < Self.sourceCount else { return .invalidParameter }
        let (status, vector): (HypercallStatus, UInt8?) = inner.withLock { inner in
            switch buffer {
            case .port(let port):
                guard inner.registers.control & 1 != 0, inner.registers.messagePage & 1 != 0 else { return (.invalidSynICState, nil) }
                let used = inner.queues.joined().count { if case .port(port) = $0.buffer { true } else { false } }
                guard used < Self.buffersPerPort else { return (.insufficientBuffers, nil) }
            case .timer(let number, due: _):
                // The timer's only buffer is in use: this expiration is lost (TLFS 11.5.1).
                let isUsed = inner.queues.joined().contains { if case .timer(number, due: _) = $0.buffer { true } else { false } }
                if isUsed { return (.success, nil) }
            }
            inner.queues[source].append(QueuedMessage(buffer: buffer, message: message))
            return (.success, deliver(&inner, source))
        }
        if let vector { host.requestInterrupt(vector: vector) }
        return status
    }

    /// A write of the EOM register: every queue whose slot is free delivers its first message.
    package func endOfMessage() {
        guard waiting[0] != 0 else { return }
        let vectors: [UInt8] = inner.withLock { inner in
            (0..<Self.sourceCount).compactMap { inner.queues[$0].isEmpty ? nil : deliver(&inner, $0) }
        }
        for vector in vectors { host.requestInterrupt(vector: vector) }
    }

    /// Puts the first message of a queue into its slot if that is free, else marks the slot; the vector to request, if any.
    private func deliver(_ inner: inout Inner, _ source: Int) -> UInt8? {
        // Before the slot is looked at: an EOM that comes meanwhile must find the queue.
        waiting.or(0, 1 << UInt64(source))
        defer { if inner.queues[source].isEmpty { waiting.and(0, ~(1 << UInt64(source))) } }
        guard let first = inner.queues[source].first, inner.registers.control & 1 != 0, inner.registers.messagePage & 1 != 0 else {
            return nil
        }
        let slot = source * SyntheticMessage.slotSize
        if messages.load32(slot) != 0 {
            _ = messages.or8(slot + 5, 1)
            lv_fence()
            // The guest frees the slot, then looks at the flag: after setting the flag the slot must be looked at once more.
            guard messages.load32(slot) == 0 else { return nil }
        }
        inner.queues[source].removeFirst()
        write(first, slot: slot, morePending: !inner.queues[source].isEmpty)
        let register = inner.registers.sources[source]
        guard register & (SourceBits.masked | SourceBits.polling) == 0 else { return nil }
        return UInt8(register & 0xff)
    }

    /// Fills a slot; the type, which makes it valid, comes last.
    private func write(_ queued: QueuedMessage, slot: Int, morePending: Bool) {
        var payload = queued.message.payload
        if case .timer(let number, let due) = queued.buffer {
            payload =
                [UInt8](littleEndian: UInt32(truncatingIfNeeded: number)) + [0, 0, 0, 0] + [UInt8](littleEndian: due)
                + [UInt8](littleEndian: host.referenceTime)
        }
        messages.write(slot + 16, payload)
        messages.store64(slot + 8, queued.message.sender)
        messages.store8(slot + 4, UInt8(payload.count))
        messages.store8(slot + 5, morePending ? 1 : 0)
        lv_fence()
        messages.store32(slot, queued.message.type)
    }

    // MARK: Event flags

    /// Sets an event flag (0–2047) of a source and requests its interrupt if it was clear. Any thread.
    package func signal(flag: Int, source: Int) -> (status: HypercallStatus, isNew: Bool) {
        guard source >= 0, source < Self.sourceCount, flag >= 0, flag < 2048 else { return (.invalidParameter, false) }
        let registers = inner.withLock { $0.registers }
        let register = registers.sources[source]
        guard registers.control & 1 != 0, registers.eventFlagsPage & 1 != 0,
            register & SourceBits.masked == 0 || register & SourceBits.polling != 0
        else { return (.invalidSynICState, false) }
        let bit: UInt8 = 1 << UInt8(flag & 7)
        guard eventFlags.or8(source * 256 + flag / 8, bit) & bit == 0 else { return (.success, false) }
        if register & SourceBits.polling == 0 { host.requestInterrupt(vector: UInt8(register & 0xff)) }
        return (.success, true)
    }
}
