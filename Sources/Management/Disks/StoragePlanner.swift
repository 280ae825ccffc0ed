import Basics
import Glibc
import Persistence
import Storage

/// Finds out which files of a VM go where, and what stands in the way of it, before any is touched.
///
/// A disk's images move as a whole, because each names the one that it stands on:
///
/// ```
/// golden.vhdx ← web.vhdx ← web_A.avhdx ← web_B.avhdx      one move; golden, which the user made, is copied and stays
///                        ← web_C.avhdx
/// ```
struct StoragePlanner {
    private struct Image {
        var path: String
        var format: DiskFormat
        /// The image that it stands on, moved or not.
        var parent: String?
        var isUnmanaged = false
    }

    private let machine: VirtualMachine
    private let configuration: VirtualMachineConfiguration
    private let folder: VirtualMachineFolder
    private let destinations: StorageDestinations
    private var images: [String: Image] = [:]
    private var taken: Set<String> = []

    init(
        _ machine: VirtualMachine, _ configuration: VirtualMachineConfiguration, _ folder: VirtualMachineFolder,
        _ destinations: StorageDestinations
    ) throws {
        (self.machine, self.configuration, self.folder, self.destinations) = (machine, configuration, folder, destinations)
        try collect()
    }

    /// The moves in their order; none: everything is where it shall be.
    mutating func moves() throws -> [StorageMove] {
        var moves: [StorageMove] = []
        let named = destinations.images.map { (DiskOperations.absolutePath($0.source), DiskOperations.absolutePath($0.destination)) }
        for (source, _) in named where images[source] == nil {
            throw ManagementError(
                "DiskNotFound", .objectNotFound, "“\(source)” is no image under a hard disk of “\(configuration.name)”.",
                action: "Get-VMFile \(configuration.name) lists its files.", target: source)
        }
        for tree in trees() {
            let own = named.filter { entry in tree.contains { $0.path == entry.0 } }
            if let move = try move(of: tree, own) { moves.append(move) }
        }
        if let move = try memoryMove() { moves.append(move) }
        try checkUsers(moves)
        try checkRoom(moves)
        return moves
    }

    // MARK: What there is

    private mutating func collect() throws {
        let borrowed = Set(configuration.past?.borrowed ?? [])
        // What a merge leaves is deleted before the document forgets it.
        let left = ImageTree.plan(for: configuration).compactMap { if case .remove(let image) = $0 { image.path } else { nil } }
        let all = (configuration.past?.images ?? []).filter { !left.contains($0.path) || access($0.path, F_OK) == 0 }
        for image in all {
            guard let format = DiskFormat(rawValue: image.format) else { continue }
            images[image.path] = Image(path: image.path, format: format, parent: image.parent)
        }
        for image in all where images[image.parent] == nil && !borrowed.contains(image.parent) {
            guard let format = DiskFormat(rawValue: image.format) else { continue }
            images[image.parent] = Image(path: image.parent, format: format)
        }
        let drives = configuration.drives + configuration.checkpoints.flatMap(\.configuration.drives)
        for drive in drives.map(\.drive) where drive.kind == .hardDisk {
            guard let path = drive.path, let format = drive.format.flatMap({ DiskFormat(rawValue: $0) }), images[path] == nil else {
                continue
            }
            images[path] = Image(path: path, format: format)
        }
        // What the user's own disks stand on is known to them alone.
        for image in images.values.sorted(by: { $0.path < $1.path }) where image.parent == nil {
            let chain = try machine.host.withDisks(allowedParents: configuration.allowedParents) { try $0.chain(of: image.path) }
            for (child, parent) in zip(chain, chain.dropFirst()) {
                images[child.path]?.parent = parent.path
                if images[parent.path] == nil { images[parent.path] = Image(path: parent.path, format: parent.format, isUnmanaged: true) }
            }
        }
    }

    /// Images that hang together, parents first.
    private func trees() -> [[Image]] {
        var roots: [String: [(depth: Int, image: Image)]] = [:]
        for image in images.values {
            var (root, depth) = (image, 0)
            while let parent = root.parent.flatMap({ images[$0] }), depth <= images.count { (root, depth) = (parent, depth + 1) }
            roots[root.path, default: []].append((depth, image))
        }
        return roots.sorted { $0.key < $1.key }.map {
            $0.value.sorted { ($0.depth, $0.image.path) < ($1.depth, $1.image.path) }.map(\.image)
        }
    }

    // MARK: Where it goes

    private mutating func move(of tree: [Image], _ named: [(source: String, destination: String)]) throws -> StorageMove? {
        let place: String
        if let first = named.first {
            place = Paths.folder(of: first.destination)
            if let other = named.first(where: { Paths.folder(of: $0.destination) != place }) {
                throw ManagementError(
                    "StorageDestinationInvalid", .invalidArgument,
                    "“\(first.source)” and “\(other.source)” stand on the same disk and cannot go to different folders.",
                    action: "Name one of them; what it stands on and what stands on it goes into the same folder.",
                    target: other.destination)
            }
        } else if let folder = destinations.folder {
            place = DiskOperations.absolutePath(folder) + "/" + ExportManifest.disksName
        } else {
            return nil
        }
        var places: [String: String] = [:]
        for image in tree {
            if let (_, wanted) = named.first(where: { $0.source == image.path }) {
                guard DiskFormat.of(fileName: wanted) == image.format else {
                    throw ManagementError(
                        "DiskFormatInvalid", .invalidArgument,
                        "“\(wanted)” is no name for “\(image.path)”, which is a \(image.format.rawValue) image: the name's end says the format.",
                        action: "Convert-VHD changes formats.", target: wanted)
                }
                places[image.path] = wanted
            } else {
                places[image.path] = newPath(in: place, for: Paths.name(of: image.path), of: image.path)
            }
        }
        if tree.allSatisfy({ places[$0.path] == $0.path }) { return nil }
        let parents = Set(tree.compactMap(\.parent))
        var files: [StorageMove.File] = []
        for image in tree {
            let parent = image.parent.map { places[$0] ?? $0 }
            var file = try file(image.path, to: places[image.path] ?? "", format: image.format.rawValue, parent: parent, image.path)
            file.isUnmanaged = image.isUnmanaged
            file.staysAtSource = destinations.keepsParents && parents.contains(image.path)
            if image.isUnmanaged, !destinations.removesUnmanaged { file.staysAtSource = true }
            files.append(file)
        }
        return StorageMove(files: files)
    }

    private func newPath(in folder: String, for name: String, of source: String) -> String {
        let dot = name.lastIndex(of: ".") ?? name.endIndex
        var (path, number) = ("\(folder)/\(name)", 1)
        // Two disks of one name; what lies there already is refused.
        while taken.contains(path), path != source {
            number += 1
            path = "\(folder)/\(name[..<dot])-\(number)\(name[dot...])"
        }
        return path
    }

    private mutating func file(
        _ source: String, to destination: String, format: String?, parent: String?, _ absolute: String
    ) throws -> StorageMove.File {
        var (status, there) = (stat(), stat())
        guard stat(absolute, &status) == 0 else { throw PersistenceError.system(errno, "read", path: absolute) }
        if lstat(destination, &there) == 0 {
            let isSame = there.st_ino == status.st_ino && there.st_dev == status.st_dev
            throw ManagementError(
                isSame ? "StorageSamePlace" : "StorageDestinationExists", .resourceExists,
                isSame
                    ? "“\(absolute)” lies in “\(Paths.folder(of: destination))” already, but not everything that belongs to it does."
                    : "“\(destination)” exists already; a move never replaces anything.",
                action: "Give another folder" + (isSame ? "." : ", or remove it."), target: destination)
        }
        taken.insert(destination)
        return StorageMove.File(
            source: source, destination: destination, format: format, parent: parent, size: UInt64(clamping: status.st_blocks) * 512)
    }

    private mutating func memoryMove() throws -> StorageMove? {
        guard let wanted = destinations.snapshots ?? destinations.folder.map({ $0 + "/" + ExportManifest.memoryName }) else { return nil }
        let location = DiskOperations.absolutePath(wanted)
        let others = try machine.host.filesSharedWithOthers(configuration, memory: (configuration.savedMemory?.paths ?? []).map(absolute))
        let ofCheckpoints = Set(configuration.checkpoints.flatMap { $0.memory?.paths ?? [] })
        var files: [StorageMove.File] = []
        for path in configuration.memoryPaths.sorted() {
            // Memory of another VM's checkpoint, from which a clone has yet to go on, is not this VM's.
            guard ofCheckpoints.contains(path) || others[absolute(path)] == nil else { continue }
            let destination = "\(location)/\(configuration.id)/\(Paths.name(of: path))"
            if destination != path { files.append(try file(path, to: destination, format: nil, parent: nil, absolute(path))) }
        }
        guard !files.isEmpty || configuration.snapshotFileLocation != location else { return nil }
        return StorageMove(files: files, snapshotFileLocation: location)
    }

    private func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : folder.folder.path(of: path) }

    // MARK: What stands in the way

    private func checkUsers(_ moves: [StorageMove]) throws {
        let memory = moves.flatMap(\.files).filter { $0.format == nil }.map { absolute($0.source) }
        let shared = try machine.host.filesSharedWithOthers(configuration, memory: memory)
        for file in moves.flatMap(\.files) where !file.isUnmanaged {
            let other =
                try shared[absolute(file.source)]
                ?? (file.format == nil ? nil : machine.host.users(of: file.source).first { $0 != machine }?.name)
            guard let other else { continue }
            throw ManagementError(
                "StorageShared", .resourceBusy, "“\(other)” uses “\(absolute(file.source))”, too, so it cannot be moved.",
                action: "Take the disk from “\(other)”, or remove “\(other)” if it is a clone.", target: file.source)
        }
    }

    private func checkRoom(_ moves: [StorageMove]) throws {
        var needed: [UInt64: (path: String, bytes: UInt64, free: UInt64)] = [:]
        for file in moves.flatMap(\.files) {
            var (place, status) = (Paths.folder(of: file.destination), stat())
            while stat(place, &status) != 0, place != "/" { place = Paths.folder(of: place) }
            guard let free = Paths.freeBytes(at: place) else { continue }
            needed[UInt64(status.st_dev), default: (place, 0, free)].bytes += file.size
        }
        for (path, bytes, free) in needed.values where bytes > free {
            throw ManagementError(
                "NotEnoughSpace", .resourceUnavailable,
                "Under “\(path)” there are \(free >> 20) MiB free, and what would be moved there takes \(bytes >> 20) MiB.",
                action: "Make room, or give another folder.", target: path)
        }
    }
}
