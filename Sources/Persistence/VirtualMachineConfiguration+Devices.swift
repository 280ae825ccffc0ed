import Basics

/// The synthetic devices of a VM: what `Add-VMHardDiskDrive` and `Add-VMNetworkAdapter` write down.
extension VirtualMachineConfiguration {
    public struct SCSIController: Codable, Equatable, Sendable {
        /// VMBus instance id; stable for the VM's life.
        public var id: GUID
        /// In the order of their locations.
        public var drives: [Drive] = []
        public init(id: GUID) { self.id = id }
    }

    /// How SCSI controllers use the guest's virtual processors (Set-VMStorageSettings).
    public struct Storage: Codable, Equatable, Sendable {
        /// One channel for so many virtual processors; nil: each has its own, as far as there are channels.
        public var virtualProcessorsPerChannel: Int?
        public init() {}
    }

    /// A hard disk or DVD drive on a SCSI controller.
    public struct Drive: Codable, Equatable, Sendable {
        public enum Kind: String, Codable, Sendable {
            case hardDisk = "HardDisk"
            case dvd = "DVD"
        }
        public var kind: Kind
        /// LUN, 0 to 63.
        public var location: Int
        /// Absolute path of the image; nil: an empty DVD drive.
        public var path: String?
        /// VHDX, VHD, RAW or ISO: fixed when the disk is attached, never probed.
        public var format: String?
        /// Parents outside the image's folder that the user named.
        public var allowedParents: [String]?
        /// The resource pool it belongs to; nil: the primordial one.
        public var pool: GUID?
        public init(kind: Kind, location: Int, path: String? = nil, format: String? = nil) {
            (self.kind, self.location, self.path, self.format) = (kind, location, path, format)
        }
    }

    /// A synthetic network adapter.
    public struct NetworkAdapter: Codable, Equatable, Sendable {
        /// VMBus instance id; stable for the adapter's life.
        public var id: GUID
        public var name = "Network Adapter"
        /// Twelve hexadecimal digits; drawn when the adapter is made.
        public var macAddress: String
        public var dynamicMacAddress = true
        /// The switch it is connected to; nil: not connected.
        public var switchId: GUID?
        /// The switch's name when it was connected, for messages.
        public var switchName: String?
        /// The resource pool it belongs to; nil: the primordial one.
        public var pool: GUID?
        public var vlan: VLAN?
        public var macAddressSpoofing = false
        public var dhcpGuard = false
        public var routerGuard = false
        /// None, Source or Destination.
        public var portMirroring = "None"
        /// Bits per second; nil: no limit.
        public var maximumBandwidth: UInt64?
        public var accessRules: [AccessRule]?
        /// Networks that the guest divides its traffic into, in place of `vlan`; nil: it does not.
        public var isolation: Isolation?
        /// Which of these networks belong together.
        public var routingDomains: [RoutingDomain]?
        /// The device of the switch's team that its frames leave by; nil: the switch chooses.
        public var teamMember: String?
        /// Rules about ports and protocols, too.
        public var extendedRules: [ExtendedRule]?
        /// What a network controller calls the port; nil: nothing.
        public var profile: PortProfile?
        public init(id: GUID, macAddress: String) { (self.id, self.macAddress) = (id, macAddress) }
    }

    /// The identity that a network controller gives a port (“Ethernet Switch Port Profile Settings”): kept for programs that read it.
    public struct PortProfile: Codable, Equatable, Sendable {
        public var profileName = ""
        public var profileId = ""
        public var vendorName = ""
        public var vendorId = ""
        public var profileData = 0
        public var netCfgInstanceId = ""
        public var cdnLabelId = 0
        public var cdnLabelString = ""
        public init() {}
    }

    public struct VLAN: Codable, Equatable, Sendable {
        /// Untagged, Access or Trunk.
        public var mode: String
        public var accessId: Int?
        public var nativeId: Int?
        /// Trunk: the allowed ids.
        public var allowedIds: [Int]?
        public init(mode: String) { self.mode = mode }
    }

    /// Isolation by VLAN ids (Set-VMNetworkAdapterIsolation).
    public struct Isolation: Codable, Equatable, Sendable {
        /// The network of untagged frames; 0: the untagged one.
        public var defaultId = 0
        /// Whether untagged frames pass where the guest tags by itself.
        public var allowsUntagged = false
        /// The guest tags its frames with the ids of its routing domains.
        public var isMultiTenant = false
        public init() {}
    }

    /// Networks of one tenant (Add-VMNetworkAdapterRoutingDomainMapping).
    public struct RoutingDomain: Codable, Equatable, Sendable {
        public var id: GUID
        public var name: String
        /// VLAN ids, with a name each.
        public var isolationIds: [Int]
        public var isolationNames: [String]
        public init(id: GUID, name: String, isolationIds: [Int], isolationNames: [String]) {
            (self.id, self.name, self.isolationIds, self.isolationNames) = (id, name, isolationIds, isolationNames)
        }
    }

    /// An entry of the port's access control list (Add-VMNetworkAdapterAcl).
    public struct AccessRule: Codable, Equatable, Sendable {
        /// Allow, Deny or Meter.
        public var action: String
        /// Inbound or Outbound (Both is written as two).
        public var direction: String
        /// Addresses with optional prefix (“10.0.0.0/8”, “ANY”), or a MAC address.
        public var localAddress: String?
        public var remoteAddress: String?
        public init(action: String, direction: String) { (self.action, self.direction) = (action, direction) }
    }

    /// An entry of the port's extended access control list (Add-VMNetworkAdapterExtendedAcl).
    public struct ExtendedRule: Codable, Equatable, Sendable {
        /// Allow or Deny.
        public var action: String
        /// Inbound or Outbound.
        public var direction: String
        /// Addresses with optional prefix; nil: any.
        public var localAddress: String?
        public var remoteAddress: String?
        /// A port or a range like 80-90; nil: any.
        public var localPort: String?
        public var remotePort: String?
        /// A number of RFC 790's list; nil: any.
        public var transport: Int?
        /// Of the rules that match, the one with the greatest weight decides; one of each direction.
        public var weight: Int
        /// What a connection that it lets through answers comes through, too.
        public var isStateful = false
        /// Seconds without a frame after which that ends.
        public var idleSessionTimeout: Int?
        public init(action: String, direction: String, weight: Int) {
            (self.action, self.direction, self.weight) = (action, direction, weight)
        }
    }

    /// The SCSI controllers by their numbers; a VM from before there were disks has one, whose id comes from the VM's.
    public var controllers: [SCSIController] {
        get {
            if let scsiControllers { return scsiControllers }
            var bytes = id.bytes
            for (position, byte) in "scsi".utf8.enumerated() { bytes[position] ^= byte }
            return [SCSIController(id: GUID(bytes: bytes))]
        }
        set { scsiControllers = newValue }
    }

    /// The network adapters in the order they were added.
    public var adapters: [NetworkAdapter] {
        get { networkAdapters ?? [] }
        set { networkAdapters = newValue }
    }

    /// A drive with its controller's number and id.
    public struct PlacedDrive: Equatable, Sendable {
        public var number: Int
        public var controller: GUID
        public var drive: Drive
    }

    /// Every drive, by controller and location.
    public var drives: [PlacedDrive] {
        controllers.enumerated().flatMap { number, controller in
            controller.drives.map { PlacedDrive(number: number, controller: controller.id, drive: $0) }
        }
    }
}
