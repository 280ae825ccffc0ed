import Basics
import Glibc

/// A disk image that is served to this host, as it is written down.
package struct MountRecord: Codable, Equatable, Sendable {
    package static let currentVersion = 1
    package var version = currentVersion
    /// Its number in the store, from 0.
    package var number: UInt32
    /// The image's absolute path.
    package var path: String
    package var isReadOnly: Bool
    /// Device and inode: the image by whatever name.
    package var device: UInt64
    package var file: UInt64
    /// The server.
    package var processId: Int32?
    /// The kernel's device that it is connected to, like /dev/nbd0.
    package var devicePath: String?

    package init(number: UInt32, path: String, isReadOnly: Bool, device: UInt64, file: UInt64) {
        (self.number, self.path, self.isReadOnly, self.device, self.file) = (number, path, isReadOnly, device, file)
    }
}

/// What a disk's server is told: `disk NAME JSON`. Numbers are its own descriptors.
package struct MountOptions: Codable, Sendable {
    package struct Image: Codable, Sendable {
        package var descriptor: Int32
        package var path: String
        package var format: String
        package init(descriptor: Int32, path: String, format: String) {
            (self.descriptor, self.path, self.format) = (descriptor, path, format)
        }
    }
    package var folder: Int32
    /// Holds `mount.lock`.
    package var lock: Int32
    /// Where one `ReadyReport` goes.
    package var ready: Int32
    package var isReadOnly: Bool
    /// The disk's own image first; open and locked.
    package var images: [Image]

    package init(folder: Int32, lock: Int32, ready: Int32, isReadOnly: Bool, images: [Image]) {
        (self.folder, self.lock, self.ready, self.isReadOnly, self.images) = (folder, lock, ready, isReadOnly, images)
    }
}

/// One mounted disk's folder.
///
/// ```
/// Mounts/<number>/mount.json     which image it is
///                 mount.lock     held by the server for life: held means mounted
///                 nbd.sock       where NBD clients connect
///                 control.sock   where Management asks for the end
///                 mount.log      the server's standard error
/// ```
package struct MountFolder: Sendable {
    package static let recordName = "mount.json"
    package static let lockName = "mount.lock"
    package static let socketName = "nbd.sock"
    package static let controlName = "control.sock"
    package static let logName = "mount.log"

    package let number: UInt32
    package let folder: Folder

    package init(number: UInt32, folder: Folder) { (self.number, self.folder) = (number, folder) }

    package func readRecord() throws -> MountRecord {
        try Document.decode(
            MountRecord.self, from: try folder.readFile(Self.recordName, limit: 1 << 20), currentVersion: MountRecord.currentVersion,
            path: folder.path(of: Self.recordName), corrupt: "MountUnreadable", newer: "MountNewer")
    }

    package func write(_ record: MountRecord) throws {
        try folder.replaceFile(Self.recordName, with: try Document.encode(record), .whole)
    }

    /// True while the server lives.
    package func isServed() throws -> Bool { try FileLock.isHeld(Self.lockName, in: folder) }
}

extension Store {
    private static let mountsName = "Mounts"

    private func mountsFolder(make: Bool) throws -> Folder? {
        do {
            return try folder.subfolder(Self.mountsName, make: make)
        } catch let error as PersistenceError where error.isNotFound && !make {
            return nil
        }
    }

    /// The folders of all mounted disks, by number; of some the server may have ended.
    package func mounts() throws -> [MountFolder] {
        guard let mounts = try mountsFolder(make: false) else { return [] }
        return try mounts.names().compactMap { UInt32($0) }.sorted().compactMap { number in
            do {
                return MountFolder(number: number, folder: try mounts.subfolder(String(number)))
            } catch let error as PersistenceError where error.isNotFound {
                return nil
            }
        }
    }

    /// Call under the store's lock. Makes the folder of the lowest free number.
    package func makeMount() throws -> MountFolder? {
        let taken = Set(try mounts().map(\.number))
        guard let mounts = try mountsFolder(make: true), let number = (0...UInt32(taken.count)).first(where: { !taken.contains($0) })
        else { return nil }
        return MountFolder(number: number, folder: try mounts.subfolder(String(number), make: true))
    }

    /// Call under the store's lock, when nobody serves it any more.
    package func removeMount(_ number: UInt32) throws { try mountsFolder(make: false)?.removeTree(String(number)) }
}
