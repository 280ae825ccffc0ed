import Basics
import Glibc

/// A store: everything one user's (or test's) VMs need, in one folder.
///
/// ```
/// STORE/store.json        {version, id}
///       store.lock        guards names and partition ids
///       names.json        id → last known name, for VMs whose configuration cannot be read; the configurations themselves decide
///       partitions.json   the next partition id
///       host.json         what users decided for the whole store (HostSettings)
///       vms/<id>/         one folder per VM (VirtualMachineFolder); .new-<id> and .removed-<id> are being made and removed
/// ```
package final class Store: Sendable {
    package static let currentVersion = 1
    package static let lockName = "store.lock"
    private static let descriptionName = "store.json"
    private static let namesName = "names.json"
    private static let partitionsName = "partitions.json"
    private static let machinesName = "vms"
    static let removedPrefix = ".removed-"

    package let folder: Folder
    package let id: GUID

    private struct Description: Codable {
        var version: Int
        var id: GUID
    }
    private struct Partitions: Codable {
        var version: Int
        var next: UInt64
    }

    private init(folder: Folder, id: GUID) { (self.folder, self.id) = (folder, id) }

    /// Opens the store; nil when there is none and `create` is false.
    package static func open(path: String, create: Bool) throws -> Store? {
        if create {
            do {
                try Folder.make(path: path)
            } catch let error as PersistenceError {
                throw notWritable(path, error)
            }
        }
        let folder: Folder
        do {
            folder = try Folder(path: path)
        } catch let error as PersistenceError where error.isNotFound {
            return nil
        } catch let error as PersistenceError {
            throw PersistenceError(
                "StoreUnreadable", error.category, "The store “\(path)” cannot be opened: \(error.message)",
                action: "Name another store with --store or LUNAVISOR_STORE.", target: path)
        }
        if let id = try readDescription(folder) { return Store(folder: folder, id: id) }
        guard create else {
            return folder.exists(machinesName) ? Store(folder: folder, id: GUID(bytes: .init(repeating: 0, count: 16))) : nil
        }
        do {
            let lock = try FileLock.wait(lockName, in: folder)
            defer { withExtendedLifetime(lock) {} }
            if let id = try readDescription(folder) { return Store(folder: folder, id: id) }
            let id = GUID()
            try folder.replaceFile(descriptionName, with: try Document.encode(Description(version: currentVersion, id: id)))
            return Store(folder: folder, id: id)
        } catch let error as PersistenceError where error.category == .permissionDenied {
            throw notWritable(path, error)
        }
    }

    private static func readDescription(_ folder: Folder) throws -> GUID? {
        let bytes: [UInt8]
        do {
            bytes = try folder.readFile(descriptionName, limit: 1 << 20)
        } catch let error as PersistenceError where error.isNotFound {
            return nil
        }
        do {
            return try Document.decode(
                Description.self, from: bytes, currentVersion: currentVersion, path: folder.path(of: descriptionName),
                corrupt: "StoreUnreadable", newer: "StoreNewer"
            ).id
        } catch let error as PersistenceError where error.identifier == "StoreUnreadable" {
            throw PersistenceError(
                "StoreUnreadable", .invalidData, error.message,
                action: "Remove that one file while nothing runs: it is made anew, and the VMs stay.", target: folder.path)
        }
    }

    private static func notWritable(_ path: String, _ error: PersistenceError) -> PersistenceError {
        guard error.identifier != "DiskFull" else { return error }
        return PersistenceError(
            "StoreNotWritable", .permissionDenied, "The store “\(path)” cannot be written: \(error.message)",
            action: "Check its owner and mode, or name another store with --store or LUNAVISOR_STORE.", target: path)
    }

    /// Runs `body` under the store's lock.
    package func locked<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            let lock = try FileLock.wait(Self.lockName, in: folder)
            defer { withExtendedLifetime(lock) {} }
            return try body()
        } catch let error as PersistenceError where error.category == .permissionDenied && error.identifier != "StoreNotWritable" {
            throw Self.notWritable(folder.path, error)
        }
    }

    /// The folder that holds the VMs' folders; nil when there never was one.
    private func machines(make: Bool) throws -> Folder? {
        do {
            return try folder.subfolder(Self.machinesName, make: make)
        } catch let error as PersistenceError where error.isNotFound && !make {
            return nil
        }
    }

    /// Ids of all VMs, readable or not.
    package func machineIds() throws -> [GUID] { try machines(make: false)?.names().compactMap { GUID($0) } ?? [] }

    /// nil when the VM is not (any more) there.
    package func machine(_ id: GUID) throws -> VirtualMachineFolder? {
        do {
            guard let folder = try machines(make: false)?.subfolder(id.description) else { return nil }
            return VirtualMachineFolder(id: id, folder: folder)
        } catch let error as PersistenceError where error.isNotFound {
            return nil
        }
    }

    /// Where the VM's configuration lies, or would.
    package func configurationPath(_ id: GUID) -> String { "\(machinePath(id))/\(VirtualMachineFolder.configurationName)" }

    package func machinePath(_ id: GUID) -> String { folder.path(of: "\(Self.machinesName)/\(id)") }

    /// Call under the store's lock, when the name has been found free. The folder appears complete or not at all, with what `fill` puts
    /// into it.
    package func create(
        _ configuration: VirtualMachineConfiguration, event: VirtualMachineEvent, fill: (VirtualMachineFolder) throws -> Void = { _ in }
    ) throws {
        guard let machines = try machines(make: true) else { return }
        machines.sweep(".")
        let temporary = ".new-\(configuration.id)"
        do {
            let new = VirtualMachineFolder(id: configuration.id, folder: try machines.subfolder(temporary, make: true))
            try new.write(configuration)
            try fill(new)
            try EventLog(folder: new.folder).append(event)
            try machines.rename(temporary, to: configuration.id.description)
        } catch {
            try? machines.removeTree(temporary)
            throw error
        }
        machines.synchronize()
        folder.synchronize()
        remember(name: configuration.name, of: configuration.id)
    }

    /// Call under the VM's `folder.lock`. The VM is gone at once; when a kill interrupts the removal of its files, the next removal, start
    /// or new VM ends it.
    package func remove(_ id: GUID) throws {
        guard let machines = try machines(make: false) else { return }
        try machines.rename(id.description, to: Self.removedPrefix + id.description)
        machines.synchronize()
        machines.sweep(Self.removedPrefix)
        remember(name: nil, of: id)
    }

    /// Draws a partition id under the store's lock; ids are never used twice while the host runs.
    package func drawPartitionId() throws -> UInt64 {
        try locked {
            try? machines(make: false)?.sweep(Self.removedPrefix)
            let next = max(try nextPartitionId(), 2)
            try folder.replaceFile(Self.partitionsName, with: try Document.encode(Partitions(version: 1, next: next + 1)), .none)
            return next
        }
    }

    /// What a power cut left of the file does not matter: no partition of before runs any more. Those that do run say which ids they have.
    private func nextPartitionId() throws -> UInt64 {
        guard let bytes = try? folder.readFile(Self.partitionsName, limit: 1 << 16) else { return 2 }
        do {
            return try Document.decode(
                Partitions.self, from: bytes, currentVersion: 1, path: folder.path(of: Self.partitionsName), corrupt: "StoreUnreadable",
                newer: "StoreNewer"
            ).next
        } catch let error as PersistenceError where error.identifier == "StoreUnreadable" {
            return try machineIds().compactMap { try machine($0)?.readRunRecord()?.partitionId }.reduce(1, max) + 1
        }
    }

    /// Last known names by id text; only a hint, so a file that cannot be read or written counts as empty.
    package func rememberedNames() -> [String: String] {
        guard let bytes = try? folder.readFile(Self.namesName, limit: 1 << 24) else { return [:] }
        return (try? Document.decode(Names.self, from: bytes, currentVersion: 1, path: "", corrupt: "", newer: ""))?.names ?? [:]
    }

    private struct Names: Codable {
        var version: Int
        var names: [String: String]
    }

    /// Call under the store's lock.
    package func remember(name: String?, of id: GUID) {
        var names = rememberedNames()
        names[id.description] = name
        guard let bytes = try? Document.encode(Names(version: 1, names: names)) else { return }
        try? folder.replaceFile(Self.namesName, with: bytes, .none)
    }
}
