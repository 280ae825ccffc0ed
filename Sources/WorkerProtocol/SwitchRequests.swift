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

/// Begins to test whether another machine answers an adapter's, in place of the test before; IPv4 addresses in numbers.
package struct SwitchProbeRequest: WorkerRequest {
    package typealias Reply = Done
    package static let name = "switchProbe"
    package var adapterId: GUID
    package var sender: UInt32
    package var receiver: UInt32
    /// Twelve hexadecimal digits; nil: it is asked for.
    package var nextHop: String?
    package var sequence: UInt16
    package var payload: Int
    /// The VLAN of an adapter that has several; nil: its own.
    package var network: Int?

    package init(adapterId: GUID, sender: UInt32, receiver: UInt32, sequence: UInt16, payload: Int) {
        (self.adapterId, self.sender, self.receiver, self.sequence, self.payload) = (adapterId, sender, receiver, sequence, payload)
    }
}

/// How far that test is.
package struct SwitchProbeResultRequest: WorkerRequest {
    package struct Reply: Codable, Sendable {
        /// Whether the other's MAC address is known.
        package var isResolved: Bool
        /// Nanoseconds from question to answer; nil: there is none yet.
        package var roundTrip: UInt64?
        package init(isResolved: Bool, roundTrip: UInt64?) { (self.isResolved, self.roundTrip) = (isResolved, roundTrip) }
    }
    package static let name = "switchProbeResult"
    package init() {}
}

/// Ends the switch's process; its ports go dead.
package struct SwitchStopRequest: WorkerRequest {
    package typealias Reply = Done
    package static let name = "switchStop"
    package init() {}
}
