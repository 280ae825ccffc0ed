import Basics
import FoundationEssentials

/// The open files under a VM's devices that a client hands to its worker, which opens no path itself: image files with their locks and
/// folders, and the folders of switches.
///
/// ```
/// at start     descriptor n has the role `.handed(n)`; this document lies in the file of the role `.handover`
/// while it runs  this document is part of a ConfigureRequest; descriptor n is the n-th that came with the request
/// ```
public struct DeviceHandover: Codable, Equatable, Sendable {
    public var disks: [DiskHandover] = []
    public var ports: [PortHandover] = []
    /// The folders in which the images of hard disks lie, so that a worker can make images beside them and delete its own.
    public var folders: [FolderHandover]?
    public init() {}

    private var numbers: [Int] {
        disks.flatMap(\.chain).map(\.descriptor) + ports.map(\.descriptor) + (folders ?? []).map(\.descriptor)
    }

    /// How many descriptors belong to it: numbers 0 to this, exclusive.
    public var descriptorCount: Int {
        let highest = numbers.max() ?? -1
        // The numbers are a peer's: any.
        return highest == .max ? .max : highest + 1
    }

    /// True when every descriptor below `count` is used exactly once and none beyond it: what a worker checks before it uses any.
    public func uses(exactly count: Int) -> Bool {
        numbers.sorted() == Array(0..<max(count, 0))
    }

    public func encoded() throws -> [UInt8] { Array(try JSONEncoder().encode(self)) }

    public init(encoded bytes: [UInt8]) throws { self = try JSONDecoder().decode(Self.self, from: Data(bytes)) }
}

/// One attached image, opened and locked.
public struct DiskHandover: Codable, Equatable, Sendable {
    /// The SCSI controller's id.
    public var controller: GUID
    /// LUN, 0 to 63.
    public var location: Int
    /// `HardDisk` or `DVD`, as in the configuration.
    public var kind: String
    public var readOnly: Bool
    /// The image first, its parents behind it.
    public var chain: [ImageFile]

    public init(controller: GUID, location: Int, kind: String, readOnly: Bool, chain: [ImageFile]) {
        (self.controller, self.location, self.kind, self.readOnly, self.chain) = (controller, location, kind, readOnly, chain)
    }

    /// One file of a chain.
    public struct ImageFile: Codable, Equatable, Sendable {
        /// Number of the descriptor (`DeviceHandover`).
        public var descriptor: Int
        /// For messages.
        public var path: String
        /// VHDX, VHD, RAW or ISO.
        public var format: String
        public init(descriptor: Int, path: String, format: String) {
            (self.descriptor, self.path, self.format) = (descriptor, path, format)
        }
    }
}

/// A folder in which images lie.
public struct FolderHandover: Codable, Equatable, Sendable {
    /// Absolute.
    public var path: String
    /// Number of the descriptor (`DeviceHandover`).
    public var descriptor: Int

    public init(path: String, descriptor: Int) { (self.path, self.descriptor) = (path, descriptor) }
}

/// The switch that an adapter's port is on.
public struct PortHandover: Codable, Equatable, Sendable {
    /// The adapter's id.
    public var adapter: GUID
    public var switchId: GUID
    /// Number of the descriptor of the switch's folder (`DeviceHandover`).
    public var descriptor: Int

    public init(adapter: GUID, switchId: GUID, descriptor: Int) {
        (self.adapter, self.switchId, self.descriptor) = (adapter, switchId, descriptor)
    }
}
