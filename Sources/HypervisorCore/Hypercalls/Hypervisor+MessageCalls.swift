import Basics

/// Messages, event flags and interrupts between partitions (TLFS 11.9 to 11.11).
extension Hypervisor {
    /// HvCallPostMessage: connection, 0, type, size, 240 bytes. From a child to a port of the root's stack.
    func postMessage(_ call: CheckedCall) -> HypercallReply {
        let connection: UInt32 = call.word(0)
        let type: UInt32 = call.word(8)
        let size: UInt32 = call.word(12)
        // Type 0 is an empty slot, bit 31 the hypervisor's own.
        guard size <= UInt32(SyntheticMessage.payloadLimit), type != 0, type & 1 << 31 == 0 else {
            return HypercallReply(.invalidParameter)
        }
        guard case .message(let receive) = call.caller.machine?.ports.port(connection) else { return HypercallReply(.invalidConnectionID) }
        let payload = Array(call.input.bytes[16..<16 + Int(size)])
        return HypercallReply(
            receive(PostedMessage(connection: connection, type: type, payload: payload, processor: call.processor?.index ?? 0)))
    }

    /// HvCallSignalEvent: connection, flag number.
    func signalEvent(_ call: CheckedCall) -> HypercallReply {
        let connection: UInt32 = call.word(0)
        let flag: UInt16 = call.word(4)
        guard case .event(let flagCount, let receive) = call.caller.machine?.ports.port(connection) else {
            return HypercallReply(.invalidConnectionID)
        }
        guard Int(flag) < flagCount, call.word(6, as: UInt16.self) == 0 else { return HypercallReply(.invalidParameter) }
        receive(Int(flag))
        return HypercallReply(.success)
    }

    /// HvCallPostMessageDirect: id, VP, level, SINT, then the message as it lies in a slot.
    func postMessageDirect(_ call: CheckedCall) -> HypercallReply {
        guard let child = child(call.word(0), of: call.caller) else { return HypercallReply(.invalidPartitionID) }
        guard let target = target(call.word(8), in: child) else { return HypercallReply(.invalidVPIndex) }
        let type: UInt32 = call.word(20)
        let size: UInt8 = call.word(24)
        let sender: UInt64 = call.word(28)
        guard type != 0, Int(size) <= SyntheticMessage.payloadLimit else { return HypercallReply(.invalidParameter) }
        let message = SyntheticMessage(type: type, sender: sender, payload: Array(call.input.bytes[36..<36 + Int(size)]))
        return HypercallReply(
            target.synic.post(message, source: Int(call.word(16, as: UInt8.self)), buffer: .port(UInt32(truncatingIfNeeded: sender))))
    }

    /// HvCallSignalEventDirect: id, VP, level, SINT, flag; output: whether the flag was clear.
    func signalEventDirect(_ call: CheckedCall) -> HypercallReply {
        guard let child = child(call.word(0), of: call.caller) else { return HypercallReply(.invalidPartitionID) }
        guard let target = target(call.word(8), in: child) else { return HypercallReply(.invalidVPIndex) }
        let result = target.synic.signal(flag: Int(call.word(14, as: UInt16.self)), source: Int(call.word(13, as: UInt8.self)))
        // The stack hands over words and does not ask for the output.
        if case .words = call.input { return HypercallReply(result.status) }
        return HypercallReply(result.status, output: [UInt8](littleEndian: UInt64(result.isNew ? 1 : 0)))
    }

    /// HvCallAssertVirtualInterrupt: id, type, flags (level, logical), destination, vector, level.
    func assertVirtualInterrupt(_ call: CheckedCall) -> HypercallReply {
        guard let child = child(call.word(0), of: call.caller) else { return HypercallReply(.invalidPartitionID) }
        let type: UInt32 = call.word(8)
        let flags: UInt32 = call.word(12)
        let destination: UInt64 = call.word(16)
        let vector: UInt32 = call.word(24)
        guard let code = UInt8(exactly: type), let mode = InterruptCommand.Mode(rawValue: code), let vector = UInt8(exactly: vector),
            let destination = UInt32(exactly: destination)
        else { return HypercallReply(.invalidParameter) }
        var command = InterruptCommand(vector: vector, mode: mode, destination: destination)
        command.isWide = true
        (command.isLevel, command.isLogical) = (flags & 1 != 0, flags & 2 != 0)
        child.deliver(command, from: nil)
        return HypercallReply(.success)
    }

    private func target(_ index: UInt32, in child: Partition) -> VirtualProcessor? {
        let list = child.processors
        return Int(index) < list.count ? list[Int(index)] : nil
    }
}
