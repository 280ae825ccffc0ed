import Basics

/// A VM's past: its checkpoints, and the disk images that were made for them. All of it is part of the one configuration document, so that a
/// checkpoint, the disks that the VM goes on with and the merge of one that is gone each become true in one instant, by one rename.
///
/// ```
/// web.vhdx ──── web_A.avhdx ──── web_B.avhdx      images, each on its parent
///    │               │                │
///  first          second             now          whose drives name them
/// ```
extension VirtualMachineConfiguration {
    public struct Past: Codable, Equatable, Sendable {
        /// In the order in which they were made.
        public var checkpoints: [Checkpoint] = []
        /// The checkpoint that the VM's present comes from; nil: none.
        public var current: GUID?
        /// Every image that was made for a checkpoint, wherever it is in a tree. Images that are not here are the user's own, and are
        /// never deleted.
        public var images: [Image] = []
        /// Images that other VMs' disks stand on (linked clones): they are neither merged nor deleted. Written when a clone is made and
        /// looked over when checkpoints are removed.
        public var shared: [String]?
        /// Images of another VM that a linked clone's own stand on: never written.
        public var borrowed: [String]?
        /// Images that the user took from the VM's drives: they are neither merged nor deleted.
        public var detached: [String]?
        /// The image whose merge into its parent has begun: images on it may name that parent already, so this merge is ended before any
        /// other.
        public var merging: String?
        public init() {}

        var isEmpty: Bool { checkpoints.isEmpty && images.isEmpty }
    }

    public struct Checkpoint: Codable, Equatable, Sendable {
        public enum Kind: String, Codable, Sendable {
            /// The machine at one instant, with its memory where it ran.
            case standard = "Standard"
            /// Disks whose file systems the guest had made consistent; no memory.
            case production = "Production"
        }
        public var id: GUID
        public var name: String
        /// nil: the first of its tree.
        public var parentId: GUID?
        /// Nanoseconds since the Unix epoch.
        public var creationTime: Int64
        public var kind: Kind
        /// Made by a start of the VM, and removed by the next one.
        public var isAutomatic: Bool?
        /// nil: the VM was off, or the checkpoint is a production one.
        public var memory: MemoryImage?
        /// The VM at that instant, without a past.
        public var configuration: VirtualMachineConfiguration

        public init(
            id: GUID, name: String, parentId: GUID?, creationTime: Int64, kind: Kind, configuration: VirtualMachineConfiguration
        ) {
            (self.id, self.name, self.parentId, self.creationTime) = (id, name, parentId, creationTime)
            (self.kind, self.configuration) = (kind, configuration)
        }
    }

    /// A file of a machine's memory and state.
    public struct MemoryImage: Codable, Equatable, Sendable {
        /// Beneath the VM's folder, or absolute.
        public var path: String
        /// The images that it builds on, nearest first; empty: it is whole.
        public var parents: [String]
        public init(path: String, parents: [String] = []) { (self.path, self.parents) = (path, parents) }

        /// It and all that it needs.
        public var paths: [String] { [path] + parents }
    }

    /// A differencing image that was made for a checkpoint.
    public struct Image: Codable, Equatable, Sendable {
        public var path: String
        /// VHDX or VHD.
        public var format: String
        /// The image that it stands on.
        public var parent: String
        public init(path: String, format: String, parent: String) { (self.path, self.format, self.parent) = (path, format, parent) }
    }

    public var checkpoints: [Checkpoint] { past?.checkpoints ?? [] }

    public func checkpoint(_ id: GUID) -> Checkpoint? { checkpoints.first { $0.id == id } }

    /// Checkpoints whose parent is `id` (nil: those without one), in the order in which they were made.
    public func children(of id: GUID?) -> [Checkpoint] { checkpoints.filter { $0.parentId == id } }

    /// `id` and everything below it.
    public func subtree(of id: GUID) -> [Checkpoint] {
        var (found, queue) = ([Checkpoint](), [id])
        while let next = queue.popLast() {
            guard let checkpoint = checkpoint(next), !found.contains(where: { $0.id == next }) else { continue }
            found.append(checkpoint)
            queue += children(of: next).map(\.id)
        }
        return found
    }

    /// As it was at an instant: what a checkpoint keeps of it.
    public var withoutPast: VirtualMachineConfiguration {
        var copy = self
        (copy.past, copy.savedMemory, copy.formerSnapshotLocations, copy.moving) = (nil, nil, nil, nil)
        return copy
    }

    /// Takes checkpoints out of the tree; what hung on one hangs on its parent then.
    public mutating func removeCheckpoints(_ ids: Set<GUID>) {
        guard var past else { return }
        let parents = Dictionary(past.checkpoints.map { ($0.id, $0.parentId) }) { first, _ in first }
        let count = past.checkpoints.count
        func remaining(_ id: GUID?) -> GUID? {
            var (id, steps) = (id, 0)
            // A document may say anything, also that a checkpoint is its own ancestor.
            while let next = id, ids.contains(next), steps <= count {
                id = parents[next] ?? nil
                steps += 1
            }
            return id.flatMap { ids.contains($0) ? nil : $0 }
        }
        past.current = remaining(past.current)
        past.checkpoints.removeAll { ids.contains($0.id) }
        for index in past.checkpoints.indices { past.checkpoints[index].parentId = remaining(past.checkpoints[index].parentId) }
        self.past = past.isEmpty ? nil : past
    }

    /// Everything that stands in memory files' names, those of checkpoints and the one to start from.
    public var memoryPaths: Set<String> { Set(checkpoints.flatMap { $0.memory?.paths ?? [] } + (savedMemory?.paths ?? [])) }
}
