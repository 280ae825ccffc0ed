import Basics
import Glibc
import Persistence
import Storage

/// A VHD set: one disk with snapshots of its own. The `.vhds` file names the images beside it.
///
///     web.vhds                 this document
///     web_<id>.avhdx           the disk as it was made …
///     web_<id>.avhdx           … and what was written after each snapshot; the last one is the disk's own, the active one
///
/// A merge is written down before it begins: one that was cut is carried on by the next command that changes the set.
public struct DiskSet: Sendable {
    public struct Snapshot: Codable, Equatable, Sendable {
        public var id: GUID
        /// Name of the image that holds it.
        public var image: String
        /// Nanoseconds since the Unix epoch.
        public var creationTime: Int64
    }

    struct Document: Codable, Equatable {
        static let currentVersion = 1
        var version = Self.currentVersion
        /// Names of the images, each on the one before.
        var images: [String]
        /// Oldest first.
        var snapshots: [Snapshot] = []
        /// The image that is being written into the one below it; nil: none.
        var merging: String?
    }

    /// The `.vhds` file, absolute.
    public let path: String
    private(set) var document: Document
    private let folder: Folder

    /// Reads the set at `path`. Errors: `FileNotFound`, `DiskSetInvalid`, `DiskSetNewer`.
    public init(_ path: String) throws {
        self.path = DiskOperations.absolutePath(path)
        folder = try Folder(path: Paths.folder(of: self.path))
        document = try Self.read(Paths.name(of: self.path), in: folder)
    }

    private static func read(_ name: String, in folder: Folder) throws -> Document {
        let path = folder.path(of: name)
        func invalid(_ what: String) -> ManagementError {
            ManagementError(
                "DiskSetInvalid", .invalidData, "“\(path)” is no VHD set: \(what).",
                action: "Sets are made by New-VHD and Convert-VHD; those of Windows have another form.", target: path)
        }
        let found: Document
        do {
            found = try Persistence.Document.decode(
                Document.self, from: try folder.readFile(name, limit: 4 << 20), currentVersion: Document.currentVersion, path: path,
                corrupt: "DiskSetInvalid", newer: "DiskSetNewer")
        } catch let error as PersistenceError where error.identifier == "DiskSetInvalid" {
            throw invalid("it is not a document of ours")
        }
        let names = found.images
        guard !names.isEmpty, names.count <= DiskChain.greatestDepth, Set(names).count == names.count,
            names.allSatisfy({ !$0.isEmpty && !$0.contains("/") && $0 != ".." && DiskFormat.of(fileName: $0) == .vhdx })
        else { throw invalid("its images are not names of .avhdx files beside it") }
        guard found.snapshots.allSatisfy({ names.dropLast().contains($0.image) }),
            Set(found.snapshots.map(\.id)).count == found.snapshots.count,
            found.merging.map({ names.dropFirst().contains($0) }) ?? true
        else { throw invalid("its snapshots are not of its images") }
        return found
    }

    /// Every image, the first one first.
    public var paths: [String] { document.images.map { folder.path(of: $0) } }
    /// The image that the disk is now.
    public var activePath: String { folder.path(of: document.images.last ?? "") }
    public var snapshots: [Snapshot] { document.snapshots }

    /// The image that holds a snapshot, and those below it, the nearest first.
    public func paths(of snapshot: Snapshot) -> (path: String, parents: [String]) {
        let below = document.images.prefix { $0 != snapshot.image }
        return (folder.path(of: snapshot.image), below.reversed().map { folder.path(of: $0) })
    }

    /// The disk as a whole: of the active image, but for the kind, which is the first one's, and the room that all take.
    public func information() throws -> DiskInformation {
        let disks = DiskOperations()
        var information = try disks.information(activePath)
        for path in paths.dropLast() { information.fileSize += try disks.information(path).fileSize }
        information.kind = try paths.first.map { try disks.information($0).kind } ?? information.kind
        (information.path, information.parentPath) = (path, nil)
        return information
    }
}

// MARK: Changing it

extension DiskSet {
    /// Makes a set whose first image `fill` makes at the path that it gets.
    public static func make(_ path: String, filledBy fill: (String) throws -> Void) throws {
        let path = DiskOperations.absolutePath(path)
        let folder = try Folder(path: Paths.folder(of: path))
        guard !folder.exists(Paths.name(of: path)) else {
            throw ManagementError(
                "FileExists", .resourceExists, "“\(path)” exists already.", action: "Choose another name, or remove the file.", target: path
            )
        }
        let image = newImageName(Paths.name(of: path))
        try fill(folder.path(of: image))
        do {
            try write(Document(images: [image]), Paths.name(of: path), folder)
        } catch {
            try? folder.remove(image)
            throw error
        }
    }

    private static func newImageName(_ name: String) -> String { "\(name.dropLast(".vhds".count))_\(GUID()).avhdx" }

    private static func write(_ document: Document, _ name: String, _ folder: Folder) throws {
        let bytes = try Persistence.Document.encode(document)
        try folder.replaceFile(name) { try $0.write(bytes) }
    }

    /// Lets `body` change the document, with nobody else doing so, after a merge that was cut is carried on.
    private mutating func change<Result>(_ disks: DiskOperations, _ body: (inout DiskSet) throws -> Result) throws -> Result {
        let name = Paths.name(of: path)
        guard folder.exists(name) else { throw PersistenceError.system(ENOENT, "read", path: path) }
        var lock = try FileLock.wait(name, in: folder)
        // Whoever changed it meanwhile has put another file in its place.
        while !lock.hasName { lock = try FileLock.wait(name, in: folder) }
        defer { withExtendedLifetime(lock) {} }
        document = try Self.read(name, in: folder)
        try carryOn(disks)
        return try body(&self)
    }

    private mutating func store(_ new: Document) throws {
        try Self.write(new, Paths.name(of: path), folder)
        document = new
    }

    /// Keeps the disk as it is now; what is written from now on goes into another image. No machine may have it.
    public mutating func makeSnapshot(_ disks: DiskOperations) throws -> Snapshot {
        try change(disks) { set in
            let (old, new) = (set.document.images.last ?? "", Self.newImageName(Paths.name(of: set.path)))
            guard set.document.images.count < DiskChain.greatestDepth - 1 else {
                throw ManagementError(
                    "DiskSetFull", .invalidOperation, "“\(set.path)” has \(set.document.snapshots.count) snapshots; more are not possible.",
                    action: "Remove some: Remove-VHDSnapshot", target: set.path)
            }
            // A machine that writes to the disk has it locked.
            try disks.checkUnused(set.folder.path(of: old))
            try disks.createChild(of: set.folder.path(of: old), at: set.folder.path(of: new))
            let snapshot = Snapshot(id: GUID(), image: old, creationTime: HostTime.wall())
            var document = set.document
            document.images.append(new)
            document.snapshots.append(snapshot)
            do { try set.store(document) } catch {
                try? set.folder.remove(new)
                throw error
            }
            return snapshot
        }
    }

    /// Forgets snapshots. What was written after one goes into its image. Throws `VHDSnapshotNotFound`.
    public mutating func removeSnapshots(_ ids: [GUID], _ disks: DiskOperations) throws {
        try change(disks) { set in
            for id in ids {
                guard let position = set.document.snapshots.firstIndex(where: { $0.id == id }) else {
                    throw ManagementError(
                        "VHDSnapshotNotFound", .objectNotFound, "“\(set.path)” has no snapshot \(id).",
                        action: "Get-VHDSnapshot '\(set.path)' lists those it has.", target: id.description)
                }
                var document = set.document
                let image = document.snapshots.remove(at: position).image
                // Another snapshot of the same image, made before anything was written, still needs it.
                if let place = document.images.firstIndex(of: image), !document.snapshots.contains(where: { $0.image == image }) {
                    document.merging = document.images[place + 1]
                    // Before anything is said: what cannot be merged now stays as it is.
                    for image in document.images[place...] { try disks.checkUnused(set.folder.path(of: image)) }
                }
                try set.store(document)
                try set.carryOn(disks)
            }
        }
    }

    /// Ends a merge that was begun: the image goes into the one below it, and what stood on it stands there.
    private mutating func carryOn(_ disks: DiskOperations) throws {
        guard let merging = document.merging, let place = document.images.firstIndex(of: merging), place > 0 else { return }
        let below = folder.path(of: document.images[place - 1])
        if folder.exists(merging) {
            for image in document.images[(place - 1)...] { try disks.checkUnused(folder.path(of: image)) }
            try disks.merge(folder.path(of: merging), into: below)
        }
        if place + 1 < document.images.count {
            try disks.setParent(folder.path(of: document.images[place + 1]), to: below, ignoringIdentifier: true)
        }
        var new = document
        for index in new.snapshots.indices where new.snapshots[index].image == merging {
            new.snapshots[index].image = document.images[place - 1]
        }
        new.images.remove(at: place)
        new.merging = nil
        try store(new)
    }

    /// Makes every image as small as it can be.
    public mutating func optimize(_ disks: DiskOperations) throws {
        try change(disks) { set in
            for path in set.paths where try disks.information(path).kind != .fixed { try disks.compact(path) }
        }
    }

    /// Removes the set with its images. No machine may have it.
    public mutating func remove() throws {
        try change(DiskOperations()) { set in
            try DiskOperations().checkUnused(set.activePath)
            try set.folder.remove(Paths.name(of: set.path))
            for image in set.document.images.reversed() { try set.folder.remove(image) }
        }
    }
}

extension VirtualMachine {
    /// Refuses what would have to know the images of a VHD set: they are the set's own.
    func checkNoDiskSet(_ configuration: VirtualMachineConfiguration, _ what: String) throws {
        guard let path = configuration.drives.compactMap(\.drive.path).first(where: { DiskFormat.isSet(fileName: $0) }) else { return }
        throw ManagementError(
            "DiskSetAttached", .invalidOperation, "“\(configuration.name)” cannot \(what): its disk “\(path)” is a VHD set.",
            action: "Sets have snapshots of their own (New-VHDSnapshot); Convert-VHD makes a plain disk of one.", target: configuration.name
        )
    }
}
