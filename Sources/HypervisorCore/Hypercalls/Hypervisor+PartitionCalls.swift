import Basics

/// Calls of a parent on its children (TLFS chapters 4 and 7, and the calls in Linux's `hvhdk.h`).
extension Hypervisor {
    /// HvCallCreatePartition: input flags and proximity domain (0), output the id.
    func createPartition(_ call: CheckedCall) -> HypercallReply {
        guard call.word(0, as: UInt64.self) == 0 else { return HypercallReply(.invalidParameter) }
        guard let child = addChild(of: call.caller) else {
            return HypercallReply(.insufficientMemory, detail: "there is no partition id left")
        }
        return HypercallReply(.success, output: [UInt8](littleEndian: child.id))
    }

    /// HvCallInitializePartition, HvCallFinalizePartition, HvCallDeletePartition: input the id.
    func changePartition(_ code: HypercallCode, _ call: CheckedCall) -> HypercallReply {
        guard let child = child(call.word(0), of: call.caller) else { return HypercallReply(.invalidPartitionID) }
        switch (code, child.state) {
        case (.initializePartition, .uninitialized):
            guard !child.processors.isEmpty else { return HypercallReply(.invalidPartitionState, detail: "it has no processor") }
            child.become(.active)
        case (.finalizePartition, _): child.become(.finalized)
        case (.deletePartition, .finalized):
            remove(child)
            child.dissolve()
        default: return HypercallReply(.invalidPartitionState)
        }
        return HypercallReply(.success)
    }

    /// HvCallCreateVp: input id and index. Indices come in order.
    func createVP(_ call: CheckedCall) -> HypercallReply {
        guard let child = child(call.word(0), of: call.caller) else { return HypercallReply(.invalidPartitionID) }
        guard child.state == .uninitialized, child.machine != nil else { return HypercallReply(.invalidPartitionState) }
        guard Int(call.word(8, as: UInt32.self)) == child.processors.count, child.processors.count < Self.processorLimit else {
            return HypercallReply(.invalidVPIndex)
        }
        do {
            try child.addProcessor()
        } catch {
            return HypercallReply(.insufficientMemory, detail: String(describing: error))
        }
        return HypercallReply(.success)
    }

    /// HvCallGetPartitionProperty: the privilege flags, and no other property yet.
    func getPartitionProperty(_ call: CheckedCall) -> HypercallReply {
        let id: UInt64 = call.word(0)
        let isSelf = id == call.caller.id || id == .max
        guard let subject = isSelf ? call.caller : child(id, of: call.caller) else { return HypercallReply(.invalidPartitionID) }
        // HvPartitionPropertyPrivilegeFlags.
        guard call.word(8, as: UInt32.self) == 0x0001_0000 else { return HypercallReply(.unknownProperty) }
        return HypercallReply(.success, output: [UInt8](littleEndian: subject.privileges.rawValue))
    }

    /// HvCallGetNextChildPartition: input parent and previous child (0: none), output the next child's id or 0.
    func getNextChildPartition(_ call: CheckedCall) -> HypercallReply {
        guard call.word(0, as: UInt64.self) == call.caller.id else { return HypercallReply(.invalidPartitionID) }
        let previous: UInt64 = call.word(8)
        let next = partitions.first { $0.parentID == call.caller.id && $0.id > previous }
        return HypercallReply(.success, output: [UInt8](littleEndian: next?.id ?? 0))
    }
}
