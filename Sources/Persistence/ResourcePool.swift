import Basics

/// A named part of what the host has, for accounting and for choosing: what `New-VMResourcePool` makes.
public struct ResourcePool: Codable, Equatable, Sendable {
    public enum Kind: String, Codable, Sendable, CaseIterable {
        case memory = "Memory"
        case processor = "Processor"
        case ethernet = "Ethernet"
        case hardDisk = "VHD"
        case disc = "ISO"
        case floppy = "VFD"

        /// Images of drives lie in its paths.
        public var hasPaths: Bool { [.hardDisk, .disc, .floppy].contains(self) }
    }

    /// The pool of each kind that holds everything; it is never written down.
    public static let primordial = "Primordial"

    public var id: GUID
    public var name: String
    public var kind: Kind
    public var parents: [String] = [Self.primordial]
    public var isMetered = false
    /// Folders, absolute.
    public var paths: [String] = []
    public var switches: [GUID] = []

    public init(id: GUID, name: String, kind: Kind) { (self.id, self.name, self.kind) = (id, name, kind) }
}

/// The pools of a store: `pools.json`.
package struct PoolDocument: Codable, Equatable, Sendable {
    package static let currentVersion = 1
    private static let fileName = "pools.json"

    package var version = Self.currentVersion
    package var pools: [ResourcePool] = []
    /// Kinds whose primordial pool is metered.
    package var meteredPrimordials: [ResourcePool.Kind]?
    package init() {}

    /// Those of a store; none where there is no document.
    package static func read(in store: Store) throws -> PoolDocument {
        let bytes: [UInt8]
        do {
            bytes = try store.folder.readFile(fileName, limit: 16 << 20)
        } catch let error as PersistenceError where error.isNotFound {
            return PoolDocument()
        }
        return try Document.decode(
            PoolDocument.self, from: bytes, currentVersion: currentVersion, path: store.folder.path(of: fileName),
            corrupt: "StoreUnreadable", newer: "StoreNewer")
    }

    /// Call under the store's lock.
    package func write(in store: Store) throws { try store.folder.replaceFile(Self.fileName, with: try Document.encode(self)) }
}

extension VirtualMachineConfiguration {
    /// Ids of the pools of that kind that the VM takes from; nil stands for the primordial one.
    public func pools(_ kind: ResourcePool.Kind) -> [GUID?] {
        switch kind {
        case .memory, .processor: [resourcePools?[kind.rawValue]]
        case .ethernet: adapters.map(\.pool)
        case .hardDisk: drives.filter { $0.drive.kind == .hardDisk }.map(\.drive.pool)
        case .disc: drives.filter { $0.drive.kind == .dvd }.map(\.drive.pool)
        case .floppy: generation == 1 ? [resourcePools?[kind.rawValue]] : []
        }
    }
}

extension VirtualMachineConfiguration {
    /// Puts the VM's memory, processors or floppy into a pool.
    public mutating func setPool(_ id: GUID?, _ kind: ResourcePool.Kind) {
        var pools = resourcePools ?? [:]
        pools[kind.rawValue] = id
        resourcePools = pools.isEmpty ? nil : pools
    }
}
