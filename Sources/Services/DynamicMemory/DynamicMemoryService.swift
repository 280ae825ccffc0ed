import Basics
import DeviceModel
import VMBus

/// Dynamic memory: takes memory from a guest that does not need it (ballooning) and gives it back or adds more, between the VM's minimum
/// and maximum, following what the guest says it has committed.
///
///     guest: version ▸ capabilities ▸ status every second
///     host:  balloon ▸ guest names pages, which go back to the host │ unballoon ▸ pages return │ hot add ▸ new pages behind the last
///
/// The guest's target is what it uses and the buffer on top of it. One request is under way at a time; steps are bounded, so that a guest's
/// wrong figure does no lasting harm.
package final class DynamicMemoryService: VMBusDevice, StatefulUnit, @unchecked Sendable {
    package struct Settings: Codable, Equatable, Sendable {
        /// Whether memory follows the demand at all; the figures below mean something only then. Bytes.
        package var isEnabled: Bool
        package var minimum: UInt64
        package var maximum: UInt64
        /// Percent of the demand that the guest gets on top of it.
        package var buffer: Int
        package init(isEnabled: Bool, minimum: UInt64, maximum: UInt64, buffer: Int) {
            (self.isEnabled, self.minimum, self.maximum, self.buffer) = (isEnabled, minimum, maximum, buffer)
        }
    }

    package struct State: Codable, Sendable {
        enum Phase: Int, Codable, Sendable { case closed, open, versioned, ready }
        enum Request: Codable, Equatable, Sendable {
            /// Pages that were asked for.
            case balloon(UInt64)
            case unballoon([PageRange])
            case hotAdd(PageRange)
        }
        var phase = Phase.closed
        var canBalloon = false, canHotAdd = false
        var transaction: UInt32 = 0
        var request: Request?
        /// Pages in the balloon, in the order they came.
        var ballooned: [PageRange] = []
        /// The guest's last report, in pages: free ones, and those in use without the balloon; nil: none yet.
        var available: UInt64?
        var committed: UInt64?
        /// Memory that the guest took behind what it began with. Between them may lie gaps that it was never told of: it takes whole blocks
        /// only. nil: saved before this was kept.
        var added: [PageRange]? = []
        /// The guest said that it cannot take more memory.
        var hotAddFailed = false
        /// Reports to let pass before the next step.
        var patience = 0
    }
    package static let stateVersion = 1
    package let unitName = "service.dynamicmemory"

    private typealias Message = DynamicMemoryMessage
    /// Linux takes memory in blocks of 128 MiB.
    private static let hotAddAlignment: UInt64 = 128 << 20
    /// Bytes of one step.
    private static let largestStep: UInt64 = 256 << 20
    /// A smaller difference is left as it is.
    private static let smallestStep: UInt64 = 8 << 20
    private static let mostRanges = 1 << 16
    /// Pages that a guest may say it uses: 64 TiB.
    private static let mostPages: UInt64 = 1 << 34

    package let offer = ChannelOffer(interfaceType: DynamicMemoryIdentity.interface, interfaceInstance: DynamicMemoryIdentity.instance)
    package let pump: any ServicePump
    private let memory: GuestMemory
    // Safety: all below belongs to the pump.
    private var settings: Settings
    private var state = State()
    /// `state.ballooned` for searching.
    private var held = PageRangeSet()
    private var channel: (any ServiceChannel)?
    private var packet = ReceivedPacket()

    package init(settings: Settings, memory: GuestMemory, pump: any ServicePump) {
        (self.settings, self.memory, self.pump) = (settings, memory, pump)
    }

    // MARK: What others see; in the pump

    /// Bytes of RAM the guest has, the balloon subtracted.
    package var assigned: UInt64 {
        let all = state.added.map { $0.reduce(memory.initialSize) { $0 + $1.count * GuestMemory.pageSize } } ?? memory.size
        return all - min(all, balloonedBytes)
    }
    /// Bytes the guest uses; nil: it has not said.
    package var demand: UInt64? {
        state.committed.map { $0 * GuestMemory.pageSize }
    }
    /// The guest's driver is there and has agreed on a version.
    package var isReady: Bool { state.phase == .ready }
    /// `OK`, `Low` (less than half of the buffer is there) or `Warning` (the demand is more than the guest has); empty: unknown.
    package var statusWord: String {
        guard settings.isEnabled, let demand else { return "" }
        if assigned < demand { return "Warning" }
        return assigned - demand < demand * UInt64(settings.buffer) / 200 ? "Low" : "OK"
    }

    package func set(_ settings: Settings) { self.settings = settings }

    /// Bytes of room that memory must have beyond its maximum, so that the maximum can be reached: added memory begins at a whole block.
    package static func gap(behind startup: UInt64) -> UInt64 {
        let high = startup - min(startup, GuestMemory.lowLimit)
        return (hotAddAlignment - high % hotAddAlignment) % hotAddAlignment
    }

    private var balloonedBytes: UInt64 { held.pageCount * GuestMemory.pageSize }

    // MARK: The channel

    package func opened(_ channel: any ServiceChannel, userData: [UInt8]) -> Bool {
        guard channel.index == 0 else { return false }
        self.channel = channel
        // What a driver before this one held is nobody's: Linux neither gives it back when that driver goes nor tells the next one.
        state.phase = .open
        state.request = nil
        (state.ballooned, held) = ([], PageRangeSet())
        return true
    }

    package func reopened(_ channel: any ServiceChannel) { self.channel = channel }

    package func closed(_ channel: any ServiceChannel) {
        self.channel = nil
        // What the guest took stays its memory without the driver; after a reset the machine has what it began with.
        let added = memory.size > memory.initialSize ? state.added : []
        (state, held) = (State(), PageRangeSet())
        state.added = added
    }

    package func ringChanged(_ channel: any ServiceChannel) {
        while channel.receive(into: &packet) {
            let kind: UInt16? = packet.payload.littleEndian(at: 0)
            let size: UInt16? = packet.payload.littleEndian(at: 2)
            guard let kind, let size, let transaction: UInt32 = packet.payload.littleEndian(at: 4), Int(size) >= Message.headerSize,
                Int(size) <= packet.payload.count
            else { return channel.fail("a dynamic memory message of a wrong size") }
            received(kind, transaction, Array(packet.payload[..<Int(size)]))
        }
    }

    private func reply(_ kind: UInt16, _ transaction: UInt32, _ body: [UInt8]) {
        if channel?.send(Message.make(kind, transaction: transaction, body)) == false {
            channel?.fail("a guest that does not read its dynamic memory messages")
        }
    }

    private func received(_ kind: UInt16, _ transaction: UInt32, _ message: [UInt8]) {
        switch kind {
        case Message.Kind.versionRequest:
            let version: UInt32 = message.littleEndian(at: 8) ?? 0
            let isAccepted = Message.versions.contains(version)
            if isAccepted { state.phase = .versioned }
            reply(Message.Kind.versionResponse, transaction, [UInt8](littleEndian: UInt64(isAccepted ? 1 : 0)))
        case Message.Kind.capabilities:
            let capabilities: UInt64 = message.littleEndian(at: 8) ?? 0
            let isAccepted = state.phase == .versioned || state.phase == .ready
            (state.canBalloon, state.canHotAdd) = (capabilities & 1 != 0, capabilities & 2 != 0)
            if isAccepted { state.phase = .ready }
            reply(Message.Kind.capabilitiesResponse, transaction, [UInt8](littleEndian: UInt64(isAccepted ? 1 : 0)))
        case Message.Kind.status where state.phase == .ready:
            state.available = message.littleEndian(at: 8)
            // The guest counts its balloon as committed. Cut before it becomes bytes: the figure is the guest's.
            let committed: UInt64 = message.littleEndian(at: 16) ?? 0
            let held = balloonedBytes / GuestMemory.pageSize
            state.committed = min(committed - min(committed, held), Self.mostPages)
            step()
        case Message.Kind.balloonResponse: ballooned(message)
        case Message.Kind.unballoonResponse:
            guard case .unballoon(let ranges) = state.request else { return }
            let returned = Set(ranges)
            state.ballooned.removeAll { returned.contains($0) }
            held = PageRangeSet(state.ballooned)
            state.request = nil
        case Message.Kind.hotAddResponse: added(message)
        default: break
        }
    }

    // MARK: Steps

    /// Asks for the next step towards the target, if none is under way.
    private func step() {
        guard settings.isEnabled, state.request == nil, let demand else { return }
        guard state.patience == 0 else {
            state.patience -= 1
            return
        }
        let wanted = min(max(demand + demand * UInt64(settings.buffer) / 100, settings.minimum), settings.maximum)
        let has = assigned
        if wanted > has + Self.smallestStep {
            if state.ballooned.isEmpty { hotAdd(wanted - has) } else { unballoon(wanted - has) }
        } else if has > wanted + 2 * Self.smallestStep, state.canBalloon {
            let bytes = min(has - wanted, Self.largestStep)
            let pages = bytes / GuestMemory.pageSize
            state.request = .balloon(pages)
            send(Message.Kind.balloonRequest, [UInt8](littleEndian: UInt32(pages)) + [UInt8](littleEndian: UInt32(0)))
        }
    }

    private static func isSane(_ range: PageRange) -> Bool { range.first < 1 << 40 && (1..<1 << 40).contains(range.count) }

    private func send(_ kind: UInt16, _ body: [UInt8]) {
        state.transaction &+= 1
        reply(kind, state.transaction, body)
    }

    private func unballoon(_ bytes: UInt64) {
        var pages = min(bytes, Self.largestStep) / GuestMemory.pageSize
        var ranges: [PageRange] = []
        // As many as a message holds beside its header: the ring's packets are small.
        for range in state.ballooned.reversed() where pages > 0 && ranges.count < 256 {
            ranges.append(range)
            pages -= min(pages, range.count)
        }
        state.request = .unballoon(ranges)
        send(
            Message.Kind.unballoonRequest,
            [UInt8](littleEndian: UInt32(0)) + [UInt8](littleEndian: UInt32(ranges.count))
                + ranges.flatMap { [UInt8](littleEndian: $0.wire) })
    }

    private func hotAdd(_ bytes: UInt64) {
        guard state.canHotAdd, !state.hotAddFailed else { return }
        // Behind the last byte above 4 GiB, from a whole block on; a gap before it is never told to the guest.
        let end = memory.highSize > 0 ? GuestMemory.highBase + memory.highSize : GuestMemory.highBase
        let start = (end + Self.hotAddAlignment - 1) / Self.hotAddAlignment * Self.hotAddAlignment
        let room = (memory.limitAddress > start ? memory.limitAddress - start : 0) / Self.hotAddAlignment * Self.hotAddAlignment
        let size = min((bytes + Self.hotAddAlignment - 1) / Self.hotAddAlignment * Self.hotAddAlignment, room, Self.largestStep)
        guard size > 0, memory.resize(to: memory.lowSize + (start - GuestMemory.highBase) + size) else { return }
        if memory.initialSize == memory.size - size - (start - end) { state.added = [] }
        let range = PageRange(first: start / GuestMemory.pageSize, count: size / GuestMemory.pageSize)
        state.request = .hotAdd(range)
        // The same pages are the region, so that the guest takes exactly these.
        send(Message.Kind.hotAddRequest, [UInt8](littleEndian: range.wire) + [UInt8](littleEndian: range.wire))
    }

    /// The guest names pages that it has set aside; they go back to the host.
    private func ballooned(_ message: [UInt8]) {
        guard case .balloon(let asked) = state.request else { return }
        // Bit 0: more messages follow; above it the number of ranges.
        let head: UInt32 = message.littleEndian(at: 12) ?? 0
        var taken: UInt64 = 0
        for index in 0..<Int(min(head >> 1, 4096)) {
            guard let wire: UInt64 = message.littleEndian(at: 16 + index * 8) else { break }
            let range = PageRange(wire: wire)
            let bytes = range.count * GuestMemory.pageSize
            guard range.count > 0, state.ballooned.count < Self.mostRanges, taken + range.count <= asked,
                memory.contains(range.first * GuestMemory.pageSize, count: bytes), held.insert(range)
            else { continue }
            memory.release(GuestRange(address: range.first * GuestMemory.pageSize, count: Int(bytes)))
            state.ballooned.append(range)
            taken += range.count
        }
        guard head & 1 == 0 else {
            state.request = .balloon(asked - taken)
            return
        }
        state.request = nil
        // A guest that could give little shall not be asked again at once.
        if taken * 2 < asked { state.patience = 30 }
    }

    private func added(_ message: [UInt8]) {
        guard case .hotAdd(let range) = state.request else { return }
        let pages: UInt32 = message.littleEndian(at: 8) ?? 0
        let result: UInt32 = message.littleEndian(at: 12) ?? 0
        state.request = nil
        let isTaken = result == 1 && pages > 0
        if !isTaken { state.hotAddFailed = true }
        if isTaken { state.added?.append(PageRange(first: range.first, count: min(UInt64(pages), range.count))) }
        if let added = state.added {
            // What it did not take goes, and with it the gap before it.
            let end = added.last.map { ($0.first + $0.count) * GuestMemory.pageSize - GuestMemory.highBase + memory.lowSize }
            _ = memory.resize(to: max(memory.initialSize, end ?? 0))
        } else {
            let taken = isTaken ? min(UInt64(pages), range.count) * GuestMemory.pageSize : 0
            let start = range.first * GuestMemory.pageSize - GuestMemory.highBase
            _ = memory.resize(to: max(memory.initialSize, memory.lowSize + start + taken))
        }
        // New memory has to be set up by the guest before its figures show it.
        state.patience = 5
    }

    // MARK: State

    package func saveState() throws(StateError) -> State { state }

    package func restoreState(_ state: State, version: Int) throws(StateError) {
        guard state.ballooned.count <= Self.mostRanges, state.committed ?? 0 <= Self.mostPages,
            state.ballooned.allSatisfy({ Self.isSane($0) && memory.contains($0.first << 12, count: $0.count << 12) })
        else { throw StateError(.inconsistent, unit: unitName, detail: "its balloon does not lie in RAM") }
        // Added memory lies above 4 GiB, what is about to be added too.
        func canBeAdded(_ range: PageRange) -> Bool {
            Self.isSane(range) && range.first << 12 >= GuestMemory.highBase && memory.contains(range.first << 12, count: range.count << 12)
        }
        guard state.added?.count ?? 0 <= Self.mostRanges, state.added?.allSatisfy(canBeAdded) ?? true else {
            throw StateError(.inconsistent, unit: unitName, detail: "its added memory does not lie in RAM")
        }
        if case .hotAdd(let range) = state.request, !canBeAdded(range) {
            throw StateError(.inconsistent, unit: unitName, detail: "the memory it adds does not lie in RAM")
        }
        guard (0...1000).contains(state.patience) else {
            throw StateError(.inconsistent, unit: unitName, detail: "it waits for ever")
        }
        let held = PageRangeSet(state.ballooned)
        guard held.count == state.ballooned.count else {
            throw StateError(.inconsistent, unit: unitName, detail: "its balloon holds pages twice")
        }
        (self.state, self.held) = (state, held)
    }
}

/// The service's ids, those of Hyper-V.
enum DynamicMemoryIdentity {
    static let interface = IntegrationIdentity.guid(0x5250_74dc, 0x8985, 0x46e2, 0x8057_a307_dc18_a502)
    static let instance = IntegrationIdentity.guid(0x1ecc_fd72, 0x4b41, 0x45ef, 0xb73a_4a6e_44c1_2924)
}
