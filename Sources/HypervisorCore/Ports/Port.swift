import Synchronization

/// A message a guest posted (HvCallPostMessage), copied out and checked.
package struct PostedMessage: Equatable, Sendable {
    package var connection: UInt32
    package var type: UInt32
    package var payload: [UInt8]
    /// The VP that posted it.
    package var processor: Int

    package init(connection: UInt32, type: UInt32, payload: [UInt8], processor: Int) {
        (self.connection, self.type, self.payload, self.processor) = (connection, type, payload, processor)
    }
}

/// The receiving end of a connection from a child: a service of the virtualization stack.
///
/// Handlers run on the thread of the VP that made the call, must not block, and answer with the status the guest gets.
package enum Port: Sendable {
    case message(@Sendable (PostedMessage) -> HypercallStatus)
    /// Flags 0 … `flagCount` − 1.
    case event(flagCount: Int, @Sendable (_ flag: Int) -> Void)
}

/// The connections of one partition, by their 24-bit id.
final class PortTable: Sendable {
    private let ports = Mutex<[UInt32: Port]>([:])

    /// false: the id is taken.
    func add(_ connection: UInt32, _ port: Port) -> Bool {
        ports.withLock { table in
            guard table[connection] == nil else { return false }
            table[connection] = port
            return true
        }
    }

    func remove(_ connection: UInt32) -> Bool { ports.withLock { $0.removeValue(forKey: connection) != nil } }

    func port(_ connection: UInt32) -> Port? { ports.withLock { $0[connection] } }
}

extension Hypervisor {
    /// Creates a port owned by the caller and connects `child` to it: HvCallCreatePort and HvCallConnectPort in one, because the root's
    /// receiving end is code of this process and not a SINT.
    package func createPort(as caller: Partition, connection: UInt32, of child: Partition, _ port: Port) -> HypercallStatus {
        guard caller.privileges.contains([.createPort, .connectPort]) else { return .accessDenied }
        guard child.parentID == caller.id, let machine = child.machine else { return .invalidPartitionID }
        guard connection != 0, connection < 1 << 24 else { return .invalidConnectionID }
        return machine.ports.add(connection, port) ? .success : .invalidPortID
    }

    /// Takes a connection and its port away.
    package func deletePort(as caller: Partition, connection: UInt32, of child: Partition) -> HypercallStatus {
        guard caller.privileges.contains([.createPort, .connectPort]) else { return .accessDenied }
        guard child.parentID == caller.id, let machine = child.machine else { return .invalidPartitionID }
        return machine.ports.remove(connection) ? .success : .invalidPortID
    }
}
