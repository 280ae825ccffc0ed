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
        public var vlan: VLAN?
        public var macAddressSpoofing = false
        public var dhcpGuard = false
        public var routerGuard = false
        /// None, Source or Destination.
        public var portMirroring = "None"
        /// Bits per second; nil: no limit.
        public var maximumBandwidth: UInt64?
        public var accessRules: [AccessRule]?
        public init(id: GUID, macAddress: String) { (self.id, self.macAddress) = (id, macAddress) }
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
