import FoundationEssentials

/// Files of a VM that go to other places together: one rename of the configuration makes all of it true.
///
/// ```
/// announce the copies → copy, parents first → the configuration names the copies, and what they left → delete that → forget it
/// ```
/// Cut off before the rename, the VM has its old files and the copies are known; behind it, it has the new ones and the old are known.
public struct StorageMove: Codable, Equatable, Sendable {
    public struct File: Codable, Equatable, Sendable {
        /// As the configuration names it.
        public var source: String
        /// Absolute.
        public var destination: String
        /// VHDX, VHD or RAW; nil: memory.
        public var format: String?
        /// The image that the copy will stand on, where it will be then; nil: none.
        public var parent: String?
        /// Bytes that it takes.
        public var size: UInt64
        /// The configuration does not name it: a parent of a disk that the user made on another.
        public var isUnmanaged = false
        /// It is not deleted when its copy is in use.
        public var staysAtSource = false

        public init(source: String, destination: String, format: String?, parent: String?, size: UInt64) {
            (self.source, self.destination, self.format, self.parent, self.size) = (source, destination, format, parent, size)
        }
    }
    /// Parents before what stands on them.
    public var files: [File]
    /// Where the memory of checkpoints lies from then on; nil: where it did.
    public var snapshotFileLocation: String?

    public init(files: [File], snapshotFileLocation: String? = nil) {
        (self.files, self.snapshotFileLocation) = (files, snapshotFileLocation)
    }

    /// Bytes that are copied.
    public var size: UInt64 { files.map(\.size).reduce(0, &+) }
}

extension StorageMove {
    /// Moves as a client tells them to a worker.
    package static func encode(_ moves: [StorageMove]) throws -> String { String(decoding: try Document.encodeLine(moves), as: UTF8.self) }

    package static func decode(_ text: String) throws -> [StorageMove] {
        do {
            return try JSONDecoder().decode([StorageMove].self, from: Data(text.utf8))
        } catch {
            throw PersistenceError("StorageMoveInvalid", .invalidData, "A move of storage cannot be read: \(Document.reason(error)).")
        }
    }
}

extension VirtualMachineConfiguration {
    /// What a move of the VM's storage has made or left and nothing needs.
    public struct Moving: Codable, Equatable, Sendable {
        public struct Copy: Codable, Equatable, Sendable {
            public var path: String
            public var source: String
        }
        public struct Left: Codable, Equatable, Sendable {
            public var path: String
            /// Number of the file: another one that has its name meanwhile is not ours.
            public var file: UInt64
            public init(path: String, file: UInt64) { (self.path, self.file) = (path, file) }
        }
        /// Copies that are being made.
        public var copies: [Copy]?
        /// Files that were moved from here.
        public var left: [Left]?

        public init(copies: [Copy]? = nil, left: [Left]? = nil) { (self.copies, self.left) = (copies, left) }
    }

    /// Whether a plan, made of the configuration as it was a moment ago, still fits: it names files of the VM, and with each all that stands
    /// on it.
    public func admits(_ move: StorageMove) -> Bool {
        let images = past?.images ?? []
        let drives = drives + checkpoints.flatMap(\.configuration.drives)
        let named = Set(drives.compactMap(\.drive.path)).union(images.map(\.path)).union(images.map(\.parent))
        let moved = Set(move.files.filter { $0.format != nil }.map(\.source))
        return moving == nil && images.allSatisfy { !moved.contains($0.parent) || moved.contains($0.path) }
            && move.files.allSatisfy { file in
                file.format == nil ? memoryPaths.contains(file.source) : file.isUnmanaged != named.contains(file.source)
            }
    }

    /// Writes down which copies are about to be made.
    public mutating func announce(_ move: StorageMove) {
        moving = Moving(copies: move.files.map { Moving.Copy(path: $0.destination, source: $0.source) })
    }

    /// Names the copies in place of the files, which are `left` behind. Everything that stands in the configuration of an image or a memory
    /// file goes with it.
    public mutating func complete(_ move: StorageMove, left: [Moving.Left]) {
        let places = Dictionary(move.files.map { ($0.source, $0.destination) }) { first, _ in first }
        mapPaths { places[$0] ?? $0 }
        if let merging = past?.merging { past?.merging = places[merging] ?? merging }
        mapAllowedParents { places[$0] ?? $0 }
        if let location = move.snapshotFileLocation {
            snapshotFileLocation = location
            for index in checkpoints.indices { past?.checkpoints[index].configuration.snapshotFileLocation = location }
        }
        moving = left.isEmpty ? nil : Moving(left: left)
    }

    private mutating func mapAllowedParents(_ new: (String) -> String) {
        mapOwnAllowedParents(new)
        for index in checkpoints.indices { past?.checkpoints[index].configuration.mapOwnAllowedParents(new) }
    }

    private mutating func mapOwnAllowedParents(_ new: (String) -> String) {
        guard var controllers = scsiControllers else { return }
        for number in controllers.indices {
            for index in controllers[number].drives.indices {
                controllers[number].drives[index].allowedParents = controllers[number].drives[index].allowedParents?.map(new)
            }
        }
        scsiControllers = controllers
    }
}
