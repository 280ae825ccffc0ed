import Basics

/// What a switch must know of an adapter's port. It travels as JSON; fields are only ever added, as Optionals.
package struct PortSettings: Codable, Equatable, Sendable {
    package var adapterId: GUID
    package var virtualMachineId: GUID
    package var virtualMachineName: String
    package var adapterName: String
    /// Twelve hexadecimal digits.
    package var macAddress: String
    package var vlan = PortVLAN.untagged
    package var macAddressSpoofing = false
    package var dhcpGuard = false
    package var routerGuard = false
    /// None, Source or Destination.
    package var mirroring = "None"
    /// Bits per second that the guest may send; nil: no limit.
    package var maximumBandwidth: UInt64?
    package var accessRules: [PortAccessRule] = []
    /// Name of the uplink that its frames leave by, where the switch has several; nil: the switch chooses.
    package var teamMember: String?
    /// nil: none.
    package var extendedRules: [PortExtendedRule]?
    /// False: the cable is out; the link is down and frames are dropped both ways.
    package var isConnected = true

    package init(adapterId: GUID, virtualMachineId: GUID, virtualMachineName: String, adapterName: String, macAddress: String) {
        (self.adapterId, self.virtualMachineId, self.virtualMachineName) = (adapterId, virtualMachineId, virtualMachineName)
        (self.adapterName, self.macAddress) = (adapterName, macAddress)
    }

    /// Throws a `NetworkError` that names the first setting that cannot be.
    package func check() throws {
        _ = try PortRules(self)
    }
}

/// Which virtual networks a port belongs to.
package enum PortVLAN: Codable, Equatable, Sendable {
    /// Untagged frames only; tagged ones are dropped.
    case untagged
    /// Untagged at the port, tagged with this id on trunks.
    case access(Int)
    /// Frames carry their tags; untagged ones belong to `native` (0: to the untagged network).
    case trunk(native: Int, allowed: [Int])
}

/// An entry of a port's access control list.
package struct PortAccessRule: Codable, Equatable, Sendable {
    /// Allow, Deny or Meter.
    package var action: String
    /// Inbound (to the guest) or Outbound (from it).
    package var direction: String
    /// The guest's side: an address with optional prefix, “ANY”, a MAC address; nil: any.
    package var localAddress: String?
    package var remoteAddress: String?

    package init(action: String, direction: String, localAddress: String? = nil, remoteAddress: String? = nil) {
        (self.action, self.direction, self.localAddress, self.remoteAddress) = (action, direction, localAddress, remoteAddress)
    }
}

/// An entry of a port's extended access control list: what passes by address, protocol and port.
package struct PortExtendedRule: Codable, Equatable, Sendable {
    package var isAllowing: Bool
    /// To the guest; else from it.
    package var isInbound: Bool
    /// An address with optional prefix; nil: any.
    package var localAddress: String?
    package var remoteAddress: String?
    /// First and last; nil: any.
    package var localPorts: ClosedRange<Int>?
    package var remotePorts: ClosedRange<Int>?
    /// Number of the protocol; nil: any.
    package var transport: Int?
    /// The greatest of those that match decides.
    package var weight: Int
    /// Seconds for which the answers of a connection that it let through pass after its last frame; nil: it keeps no connections.
    package var idleTimeout: Int?

    package init(isAllowing: Bool, isInbound: Bool, weight: Int) {
        (self.isAllowing, self.isInbound, self.weight) = (isAllowing, isInbound, weight)
    }
}

/// An Ethernet address in the low 48 bits, first byte highest.
package struct MACAddress: Hashable, Sendable {
    package var value: UInt64
    package init(value: UInt64) { self.value = value }

    /// Twelve hexadecimal digits, with or without `-` or `:` between the pairs.
    package init?(_ text: String) {
        let digits = text.utf8.filter { $0 != 45 && $0 != 58 }
        let separators = text.utf8.count - digits.count
        guard digits.count == 12, separators == 0 || separators == 5,
            let value = UInt64(String(decoding: digits, as: UTF8.self), radix: 16), digits.allSatisfy({ $0 != 43 })
        else { return nil }
        self.value = value
    }

    /// A group's address: broadcast or multicast.
    package var isGroup: Bool { value >> 40 & 1 != 0 }
}
