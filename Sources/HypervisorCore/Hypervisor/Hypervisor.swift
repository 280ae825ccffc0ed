import DeviceModel
import Synchronization

/// One hypervisor instance: the root partition and its children, and the one way into it, `call`.
///
/// The virtualization stack calls as the root and guests call as their partition, with the same dispatch, checks and status codes.
/// Typed functions here are the stack's shorthand for such calls.
package final class Hypervisor: Sendable {
    package static let rootID: UInt64 = 1
    /// VPs of one partition at most: one bank of a processor set, and what eight-bit APIC ids carry with room to spare.
    package static let processorLimit = 64

    /// Processors of the host, which the root partition shows as its own.
    package let logicalProcessors: Int
    private let drawPartitionIdentifier: @Sendable () -> UInt64?
    private let table = Mutex<[Partition]>([])

    /// `drawPartitionIdentifier` gives ids of children, from 2 and never one in use; nil: there is none.
    package init(logicalProcessors: Int, drawPartitionIdentifier: @escaping @Sendable () -> UInt64?) {
        self.logicalProcessors = logicalProcessors
        self.drawPartitionIdentifier = drawPartitionIdentifier
        let root = Partition(id: Self.rootID, parentID: nil, privileges: .root, hypervisor: self)
        root.become(.active)
        table.withLock { $0 = [root] }
    }

    /// The partition whose code is the virtualization stack of this process.
    package var root: Partition {
        table.withLock { list in
            guard let root = list.first else { preconditionFailure("the root partition is never removed") }
            return root
        }
    }

    /// All partitions in the order of their ids.
    package var partitions: [Partition] { table.withLock { $0 } }

    package func partition(_ id: UInt64) -> Partition? { table.withLock { list in list.first { $0.id == id } } }

    func addChild(of parent: Partition) -> Partition? {
        guard let id = drawPartitionIdentifier(), id > Self.rootID else { return nil }
        let child = Partition(id: id, parentID: parent.id, privileges: .child, hypervisor: self)
        return table.withLock { list in
            guard !list.contains(where: { $0.id == id }) else { return nil }
            list.append(child)
            list.sort { $0.id < $1.id }
            return child
        }
    }

    func remove(_ partition: Partition) { table.withLock { $0.removeAll { $0 === partition && !partition.isRoot } } }
}
