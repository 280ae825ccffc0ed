import Basics

/// What users decide for a whole store: `host.json`. Fields are only ever added, as Optionals.
package struct HostSettings: Codable, Equatable, Sendable {
    package static let currentVersion = 1
    private static let fileName = "host.json"

    package var version = Self.currentVersion
    /// Where new disks go whose names say no folder; nil: `disks` in the store.
    package var virtualHardDiskPath: String?
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

    /// Call under the store's lock.
    package func write(in store: Store) throws { try store.folder.replaceFile(Self.fileName, with: try Document.encode(self)) }
}
