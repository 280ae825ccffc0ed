import Basics

/// What users decide for a whole store: `host.json`. Fields are only ever added, as Optionals.
public struct HostSettings: Codable, Equatable, Sendable {
    package static let currentVersion = 1
    private static let fileName = "host.json"

    package var version = Self.currentVersion
    /// Where new disks go whose names say no folder; nil: `disks` in the store.
    public var virtualHardDiskPath: String?
    /// Where new VMs get a folder for their disks and checkpoints; nil: they get none, and these lie in the store.
    public var virtualMachinePath: String?
    /// The range that MAC addresses are drawn from; nil: all with Microsoft's prefix.
    public var macAddressMinimum: String?
    public var macAddressMaximum: String?
    /// Seconds between two writings of what running VMs used; nil: `defaultMeteringInterval`.
    public var resourceMeteringSaveInterval: Int?
    /// What new VMs have as theirs; nil: `Microkernel`.
    public var architecture: Architecture?
    /// VMs that ran when the host was stopped, for the next start; nil: none.
    package var runningAtStop: [GUID]?
    package init() {}

    /// Those of a store; the defaults where none were written.
    package static func read(in store: Store) throws -> HostSettings {
        let bytes: [UInt8]
        do {
            bytes = try store.folder.readFile(fileName, limit: 1 << 20)
        } catch let error as PersistenceError where error.isNotFound {
            return HostSettings()
        }
        return try Document.decode(
            HostSettings.self, from: bytes, currentVersion: currentVersion, path: store.folder.path(of: fileName),
            corrupt: "StoreUnreadable", newer: "StoreNewer")
    }

    /// The range that MAC addresses are drawn from, where one was set.
    public var macAddressRange: ClosedRange<UInt64>? {
        guard macAddressMinimum != nil || macAddressMaximum != nil else { return nil }
        let lower = MACAddress.number(macAddressMinimum ?? Self.macAddresses.lowerBound) ?? 0
        let upper = MACAddress.number(macAddressMaximum ?? Self.macAddresses.upperBound) ?? 0
        return lower <= upper ? lower...upper : nil
    }

    public static let defaultMeteringInterval = 60

    /// What MAC addresses are drawn from when nothing was set.
    public static let macAddresses = MACAddress.dynamicPrefix + "000000"..."\(MACAddress.dynamicPrefix)FFFFFF"

    /// Call under the store's lock.
    package func write(in store: Store) throws { try store.folder.replaceFile(Self.fileName, with: try Document.encode(self)) }
}
