import Basics

/// One disk of a VM that goes on in a new image, so that the one it had keeps what it holds.
public struct DiskFork: Equatable, Sendable {
    public var controller: GUID
    public var location: Int
    /// The new image; its parent is the one that is kept.
    public var image: VirtualMachineConfiguration.Image
    /// Parents outside the image's folder that the drive may open.
    public var allowedParents: [String]
}

extension VirtualMachineConfiguration {
    /// The forks by which a VM leaves the state of `source` (its own present, or a checkpoint's configuration) behind: one for each hard
    /// disk. Throws `CheckpointNotPossible` for disks whose format has no differencing images.
    ///
    /// - Parameters:
    ///   - id: makes the new images' names unique.
    ///   - folder: where they lie; nil: beside their parents.
    public func forks(of source: VirtualMachineConfiguration, id: GUID, folder: String? = nil) throws -> [DiskFork] {
        var taken: Set<String> = []
        return try source.drives.compactMap { placed in
            guard placed.drive.kind == .hardDisk, let parent = placed.drive.path, let format = placed.drive.format else { return nil }
            guard format == "VHDX" || format == "VHD" else {
                throw PersistenceError(
                    "CheckpointNotPossible", .invalidOperation,
                    "“\(parent)” of “\(name)” is a \(format) image, on which no differencing disk can stand: there can be no checkpoint.",
                    action: "Make it a VHDX with Convert-VHD, or take the drive from the VM.", target: name)
            }
            let path = Self.forkPath(of: parent, id: id, folder: folder, format: format, except: &taken)
            var allowed = placed.drive.allowedParents ?? []
            if folder != nil { allowed.append(parent) }
            return DiskFork(
                controller: placed.controller, location: placed.drive.location, image: Image(path: path, format: format, parent: parent),
                allowedParents: allowed)
        }
    }

    /// `web.vhdx` and `web_<id>.avhdx` both give `web_<new id>.avhdx`, as the real module names them.
    private static func forkPath(of parent: String, id: GUID, folder: String?, format: String, except taken: inout Set<String>) -> String {
        let slash = parent.lastIndex(of: "/").map { parent.index(after: $0) } ?? parent.startIndex
        var stem = parent[slash...]
        if let dot = stem.lastIndex(of: ".") { stem = stem[..<dot] }
        if let mark = stem.lastIndex(of: "_"), GUID(String(stem[stem.index(after: mark)...])) != nil { stem = stem[..<mark] }
        let place = folder.map { $0 + "/" } ?? String(parent[..<slash])
        let end = format == "VHD" ? ".avhd" : ".avhdx"
        var (path, number) = ("\(place)\(stem)_\(id)\(end)", 1)
        while !taken.insert(path).inserted {
            number += 1
            path = "\(place)\(stem)-\(number)_\(id)\(end)"
        }
        return path
    }

    /// Writes the new images down as the VM's own, before they are made: what is left of an attempt that was cut off is found so.
    public mutating func announce(_ forks: [DiskFork]) {
        guard !forks.isEmpty else { return }
        var past = past ?? Past()
        past.images += forks.map(\.image)
        self.past = past
    }

    /// Lets the drives go on in the new images.
    public mutating func follow(_ forks: [DiskFork]) {
        for fork in forks {
            guard let number = controllers.firstIndex(where: { $0.id == fork.controller }),
                let index = controllers[number].drives.firstIndex(where: { $0.location == fork.location })
            else { continue }
            controllers[number].drives[index].path = fork.image.path
            if !fork.allowedParents.isEmpty { controllers[number].drives[index].allowedParents = fork.allowedParents }
        }
    }

    /// Takes back `announce`, for an attempt that came to nothing.
    public mutating func forget(_ forks: [DiskFork]) {
        guard var past else { return }
        let made = Set(forks.map(\.image.path))
        past.images.removeAll { made.contains($0.path) }
        self.past = past.isEmpty ? nil : past
    }

    /// Writes down which of the VM's own images `old` had on its drives and this one has not: they are the user's from then on.
    public mutating func noteDetached(from old: VirtualMachineConfiguration) {
        guard var past else { return }
        let now = Set(drives.compactMap(\.drive.path))
        let gone = Set(old.drives.compactMap(\.drive.path)).subtracting(now).intersection((old.past?.images ?? []).map(\.path))
        let detached = gone.union(past.detached ?? []).subtracting(now)
        past.detached = detached.isEmpty ? nil : detached.sorted()
        self.past = past
    }

    /// Puts a checkpoint of the present into the tree; the present comes from it then.
    public mutating func add(_ checkpoint: Checkpoint) {
        var past = past ?? Past()
        past.checkpoints.append(checkpoint)
        past.current = checkpoint.id
        self.past = past
    }
}
