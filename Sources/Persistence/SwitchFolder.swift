import Basics
import Glibc

/// One switch's folder.
///
/// ```
/// Switches/<id>/switch.json    the switch; replaced as a whole
///               switch.lock    held by the switch's process for life: held means alive
///               ports.sock     where workers connect their adapters
///               control.sock   where Management asks
///               switch.log     the process's standard error
///               capture.pcap   every frame, while the capture extension is enabled
///               mirror.pcap    what ports with port mirroring Source sent and got
/// ```
/// While its process lives it alone writes `switch.json`; otherwise a client does, holding the lock meanwhile.
package struct SwitchFolder: Sendable {
    package static let configurationName = "switch.json"
    package static let lockName = "switch.lock"
    package static let controlName = "control.sock"

    package let id: GUID
    package let folder: Folder

    package init(id: GUID, folder: Folder) { (self.id, self.folder) = (id, folder) }

    package func readConfiguration() throws -> SwitchConfiguration {
        try Self.decode(try folder.readFile(Self.configurationName), path: folder.path(of: Self.configurationName))
    }

    package static func decode(_ bytes: [UInt8], path: String) throws -> SwitchConfiguration {
        do {
            return try Document.decode(
                SwitchConfiguration.self, from: bytes, currentVersion: SwitchConfiguration.currentVersion, path: path,
                corrupt: "SwitchUnreadable", newer: "SwitchNewer")
        } catch let error as PersistenceError where error.identifier == "SwitchUnreadable" {
            throw PersistenceError(
                "SwitchUnreadable", .invalidData, error.message,
                action: "Restore the file from a backup, or remove the switch's folder and make the switch anew.", target: path)
        }
    }

    package func write(_ configuration: SwitchConfiguration) throws {
        try folder.replaceFile(Self.configurationName, with: try Document.encode(configuration))
    }

    /// True while the switch's process lives.
    package func isRunning() throws -> Bool { try FileLock.isHeld(Self.lockName, in: folder) }
}

extension Store {
    private static let switchesName = "Switches"

    private func switchesFolder(make: Bool) throws -> Folder? {
        do {
            return try folder.subfolder(Self.switchesName, make: make)
        } catch let error as PersistenceError where error.isNotFound && !make {
            return nil
        }
    }

    /// Ids of all switches.
    package func switchIds() throws -> [GUID] {
        guard let switches = try switchesFolder(make: false) else { return [] }
        return try switches.names().compactMap { GUID($0) }
    }

    /// The switch's folder; nil when there is none.
    package func switchFolder(_ id: GUID) throws -> SwitchFolder? {
        guard let switches = try switchesFolder(make: false) else { return nil }
        do {
            return SwitchFolder(id: id, folder: try switches.subfolder(id.description))
        } catch let error as PersistenceError where error.isNotFound {
            return nil
        }
    }

    /// The folders of all switches.
    package func switches() throws -> [SwitchFolder] { try switchIds().compactMap { try switchFolder($0) } }

    /// Call under the store's lock. The switch is there as a whole or not at all.
    package func create(_ configuration: SwitchConfiguration) throws {
        guard let switches = try switchesFolder(make: true) else { return }
        switches.sweep(".")
        let temporary = ".new-\(configuration.id)"
        do {
            try SwitchFolder(id: configuration.id, folder: try switches.subfolder(temporary, make: true)).write(configuration)
            try switches.rename(temporary, to: configuration.id.description)
        } catch {
            try? switches.removeTree(temporary)
            throw error
        }
        switches.synchronize()
        folder.synchronize()
    }

    /// Call under the store's lock. The switch is gone at once.
    package func removeSwitch(_ id: GUID) throws {
        guard let switches = try switchesFolder(make: false) else { return }
        try switches.rename(id.description, to: Self.removedPrefix + id.description)
        switches.synchronize()
        switches.sweep(Self.removedPrefix)
    }
}
