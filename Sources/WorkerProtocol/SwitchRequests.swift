import Basics

/// What the process of a running switch says of it.
public struct SwitchStatus: Codable, Equatable, Sendable {
    public var processId: Int32
    /// The host's adapter on an internal switch, or the TAP device of an external one.
    public var hostInterface: String?
    public var ports: [SwitchPortStatistics]

    public init(processId: Int32, hostInterface: String?, ports: [SwitchPortStatistics]) {
        (self.processId, self.hostInterface, self.ports) = (processId, hostInterface, ports)
    }
}

/// What a connected port did since it was connected. In: from the guest to the switch; out: to the guest.
public struct SwitchPortStatistics: Codable, Equatable, Sendable {
    public var adapterId: GUID
    public var virtualMachineId: GUID
    public var virtualMachineName: String
    public var adapterName: String
    public var macAddress: String
    public var framesIn: UInt64 = 0, bytesIn: UInt64 = 0
    /// Refused by the port's settings.
    public var droppedIn: UInt64 = 0
    public var framesOut: UInt64 = 0, bytesOut: UInt64 = 0
    /// Refused by the port's access list, or the guest was not fast enough.
    public var droppedOut: UInt64 = 0
    public var meters: [Meter] = []

    public init(adapterId: GUID, virtualMachineId: GUID, virtualMachineName: String, adapterName: String, macAddress: String) {
        (self.adapterId, self.virtualMachineId, self.virtualMachineName) = (adapterId, virtualMachineId, virtualMachineName)
        (self.adapterName, self.macAddress) = (adapterName, macAddress)
    }

    /// A Meter rule of the access list and the bytes it counted.
    public struct Meter: Codable, Equatable, Sendable {
        /// Inbound or Outbound.
        public var direction: String
        public var localAddress: String?
        public var remoteAddress: String?
        public var bytes: UInt64
        public init(direction: String, localAddress: String?, remoteAddress: String?, bytes: UInt64) {
            (self.direction, self.localAddress, self.remoteAddress, self.bytes) = (direction, localAddress, remoteAddress, bytes)
        }
    }
}

package struct SwitchStatusRequest: WorkerRequest {
    package typealias Reply = SwitchStatus
    package static let name = "switchStatus"
    package init() {}
}

/// Gives a running switch another configuration, as a whole or not at all; it writes the document to its folder itself.
package struct SwitchConfigureRequest: WorkerRequest {
    package typealias Reply = Done
    package static let name = "switchConfigure"
    /// A `switch.json` (Persistence owns its form).
    package var document: String
    package init(document: String) { self.document = document }
}

/// Ends the switch's process; its ports go dead.
package struct SwitchStopRequest: WorkerRequest {
    package typealias Reply = Done
    package static let name = "switchStop"
    package init() {}
}
