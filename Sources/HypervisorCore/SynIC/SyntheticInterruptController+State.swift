import DeviceModel
import FoundationEssentials

extension SyntheticInterruptController: StatefulUnit {
    /// Registers, waiting messages and the content of both pages.
    package struct State: Codable, Sendable, Equatable {
        package var control: UInt64
        package var eventFlagsPage: UInt64
        package var messagePage: UInt64
        package var sources: [UInt64]
        package var queues: [[QueuedMessage]]
        package var messages: Data
        package var eventFlags: Data
    }

    package static var stateVersion: Int { 1 }

    package func saveState() -> State {
        let now = inner.withLock { $0 }
        return State(
            control: now.registers.control, eventFlagsPage: now.registers.eventFlagsPage, messagePage: now.registers.messagePage,
            sources: now.registers.sources, queues: now.queues, messages: Data(messages.bytes), eventFlags: Data(eventFlags.bytes))
    }

    package func restoreState(_ state: State, version: Int) throws(StateError) {
        guard state.sources.count == Self.sourceCount, state.queues.count == Self.sourceCount,
            state.messages.count == OverlayPage.size, state.eventFlags.count == OverlayPage.size,
            state.queues.joined().allSatisfy({ $0.message.payload.count <= SyntheticMessage.payloadLimit })
        else { throw StateError(.inconsistent, unit: unitName, detail: "a source, queue or page has the wrong size") }
        let registers = Registers(
            control: state.control, eventFlagsPage: state.eventFlagsPage, messagePage: state.messagePage, sources: state.sources)
        inner.withLock { $0 = Inner(registers: registers, queues: state.queues) }
        waiting[0] = state.queues.enumerated().reduce(0) { $1.element.isEmpty ? $0 : $0 | 1 << UInt64($1.offset) }
        messages.write(0, Array(state.messages))
        eventFlags.write(0, Array(state.eventFlags))
        host.place(messages, at: state.messagePage & 1 != 0 ? state.messagePage & ~0xfff : nil)
        host.place(eventFlags, at: state.eventFlagsPage & 1 != 0 ? state.eventFlagsPage & ~0xfff : nil)
        host.autoEOIChanged(Self.autoEOIVectors(registers))
    }
}
