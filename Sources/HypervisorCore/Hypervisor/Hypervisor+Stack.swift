import Basics
import DeviceModel

/// What the virtualization stack does, spelled as functions; each is one or more hypercalls of `caller`.
extension Hypervisor {
    /// Creates a child and gives it its memory, time and devices.
    package func createPartition(as caller: Partition, _ configuration: PartitionConfiguration) throws(HypervisorError) -> Partition {
        let reply = try perform(.createPartition, as: caller, [UInt8](repeating: 0, count: 16))
        let id: UInt64 = reply.output.littleEndian(at: 0) ?? 0
        guard let child = partition(id) else { throw HypervisorError(.invalidPartitionID, call: HypercallCode.createPartition.name) }
        child.provide(configuration)
        return child
    }

    /// Creates VPs 0 … `count` − 1. Their engines are made here.
    package func createVirtualProcessors(as caller: Partition, in child: Partition, count: Int) throws(HypervisorError) {
        for index in 0..<max(count, 1) {
            try perform(
                .createVP, as: caller, [UInt8](littleEndian: child.id) + [UInt8](littleEndian: UInt32(clamping: index)) + [0, 0, 0, 0])
        }
    }

    /// Makes the child active: its VPs may run.
    package func initialisePartition(as caller: Partition, _ child: Partition) throws(HypervisorError) {
        try perform(.initializePartition, as: caller, [UInt8](littleEndian: child.id))
    }

    /// Finalises and deletes a child. None of its VPs may be inside `runSlice`.
    package func deletePartition(as caller: Partition, _ child: Partition) throws(HypervisorError) {
        try perform(.finalizePartition, as: caller, [UInt8](littleEndian: child.id))
        try perform(.deletePartition, as: caller, [UInt8](littleEndian: child.id))
    }

    /// Posts a message to a source of a child's VP. `insufficientBuffers`: the guest has not taken the sixteen before it yet.
    package func postMessage(
        as caller: Partition, to child: Partition, processor: Int, source: Int, _ message: SyntheticMessage
    ) -> HypercallStatus {
        guard let index = UInt32(exactly: processor), let source = UInt8(exactly: source) else { return .invalidParameter }
        var input = [UInt8](littleEndian: child.id) + [UInt8](littleEndian: index) + [0, 0, 0, 0, source, 0, 0, 0]
        input += [UInt8](littleEndian: message.type) + [UInt8(message.payload.count), 0, 0, 0] + [UInt8](littleEndian: message.sender)
        input += message.payload + [UInt8](repeating: 0, count: SyntheticMessage.payloadLimit - message.payload.count + 4)
        return call(as: caller, control: HypercallControl(.postMessageDirect), parameters: .bytes(input)).status
    }

    /// Sets an event flag of a source of a child's VP.
    package func signalEvent(as caller: Partition, to child: Partition, processor: Int, source: Int, flag: Int) -> HypercallStatus {
        guard let index = UInt32(exactly: processor), let source = UInt8(exactly: source), let flag = UInt16(exactly: flag)
        else { return .invalidParameter }
        // VP, level, SINT, flag.
        let target = UInt64(index) | UInt64(source) << 40 | UInt64(flag) << 48
        return call(as: caller, control: HypercallControl(.signalEventDirect), parameters: .words(child.id, target)).status
    }

    /// Asserts an interrupt at a child's local APICs.
    package func assertInterrupt(as caller: Partition, to child: Partition, _ command: InterruptCommand) -> HypercallStatus {
        let flags: UInt32 = (command.isLevel ? 1 : 0) | (command.isLogical ? 2 : 0)
        let input =
            [UInt8](littleEndian: child.id) + [UInt8](littleEndian: UInt32(command.mode.rawValue)) + [UInt8](littleEndian: flags)
            + [UInt8](littleEndian: UInt64(command.destination)) + [UInt8](littleEndian: UInt32(command.vector)) + [0, 0, 0, 0]
        return call(as: caller, control: HypercallControl(.assertVirtualInterrupt), parameters: .bytes(input)).status
    }

    /// All partitions, for a caller that may see them.
    package func information(as caller: Partition) throws(HypervisorError) -> [PartitionInformation] {
        guard caller.privileges.contains(.createPartitions) else {
            throw HypervisorError(.accessDenied, call: HypercallCode.getNextChildPartition.name)
        }
        return partitions.map(\.information)
    }

    @discardableResult
    private func perform(_ code: HypercallCode, as caller: Partition, _ input: [UInt8]) throws(HypervisorError) -> HypercallReply {
        let reply = call(as: caller, control: HypercallControl(code), parameters: .bytes(input))
        guard reply.status == .success else { throw HypervisorError(reply.status, call: code.name, detail: reply.detail) }
        return reply
    }
}
