import Basics

/// A named set of VMs, or of such sets: what `New-VMGroup` makes. It changes nothing about its members.
public struct VirtualMachineGroup: Codable, Equatable, Sendable {
    public enum Kind: String, Codable, Sendable, CaseIterable {
        /// Holds VMs.
        case machines = "VMCollectionType"
        /// Holds groups of VMs.
        case groups = "ManagementCollectionType"
    }

    public var id: GUID
    public var name: String
    public var kind: Kind
    /// Ids of its VMs, or of its groups, in the order in which they came in.
    public var members: [GUID] = []

    public init(id: GUID, name: String, kind: Kind) { (self.id, self.name, self.kind) = (id, name, kind) }
}

/// The groups of a store: `groups.json`.
package struct GroupDocument: Codable, Equatable, Sendable {
    package static let currentVersion = 1
    private static let fileName = "groups.json"

    package var version = Self.currentVersion
    package var groups: [VirtualMachineGroup] = []
    package init() {}

    /// Those of a store; none where there is no document.
    package static func read(in store: Store) throws -> GroupDocument {
        let bytes: [UInt8]
        do {
            bytes = try store.folder.readFile(fileName, limit: 16 << 20)
        } catch let error as PersistenceError where error.isNotFound {
            return GroupDocument()
        }
        return try Document.decode(
            GroupDocument.self, from: bytes, currentVersion: currentVersion, path: store.folder.path(of: fileName),
            corrupt: "StoreUnreadable", newer: "StoreNewer")
    }

    /// Call under the store's lock.
    package func write(in store: Store) throws { try store.folder.replaceFile(Self.fileName, with: try Document.encode(self)) }
}
