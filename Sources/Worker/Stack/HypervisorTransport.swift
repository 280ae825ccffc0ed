import HypervisorCore
import VMBus

/// The way from the VMBus server to its guest: hypercalls of the root partition, checked and counted like a guest's.
final class HypervisorTransport: VMBusTransport {
    /// HvMessageType of VMBus messages (TLFS 11.8: types above 0 and below bit 31 are the partitions' own).
    private static let messageType: UInt32 = 1
    private let hypervisor: Hypervisor
    private let child: Partition
    private let crossings: CrossingCounters

    init(hypervisor: Hypervisor, child: Partition, crossings: CrossingCounters) {
        (self.hypervisor, self.child, self.crossings) = (hypervisor, child, crossings)
    }

    var processorCount: Int { child.processors.count }

    func post(_ payload: [UInt8], processor: Int, source: Int) -> Bool {
        crossings.countRoot()
        let message = SyntheticMessage(type: Self.messageType, payload: payload)
        return hypervisor.postMessage(as: hypervisor.root, to: child, processor: processor, source: source, message) != .insufficientBuffers
    }

    func signal(flag: Int, processor: Int, source: Int) {
        crossings.countRoot()
        // A guest that masked the source or named one that is not there gets nothing.
        _ = hypervisor.signalEvent(as: hypervisor.root, to: child, processor: processor, source: source, flag: flag)
    }

    func openSignalPort(connection: UInt32, action: @escaping @Sendable () -> Void) -> Bool {
        let port = Port.event(flagCount: 1) { [crossings] _ in
            crossings.countPort()
            action()
        }
        return hypervisor.createPort(as: hypervisor.root, connection: connection, of: child, port) == .success
    }

    func closeSignalPort(connection: UInt32) { _ = hypervisor.deletePort(as: hypervisor.root, connection: connection, of: child) }

    func openMessagePort(connection: UInt32, action: @escaping @Sendable ([UInt8], Int) -> Bool) -> Bool {
        let port = Port.message { [crossings] in
            crossings.countPort()
            return action($0.payload, $0.processor) ? .success : .insufficientBuffers
        }
        return hypervisor.createPort(as: hypervisor.root, connection: connection, of: child, port) == .success
    }

    func closeMessagePort(connection: UInt32) { _ = hypervisor.deletePort(as: hypervisor.root, connection: connection, of: child) }
}
