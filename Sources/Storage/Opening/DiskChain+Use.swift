import Basics
import Glibc

/// Who stands on a file: for saying which VM has a disk in use.
extension DiskChain {
    /// Whether the disk at `path` is the file `wanted` or has it among its parents, as far as its images can be read now.
    ///
    /// Takes no locks and changes nothing, so a disk that is being written may be misread: then the answer is false. Parents are looked for
    /// by the rules of `ParentSearch`.
    public static func uses(_ wanted: String, at path: String, format: DiskFormat, allowedParents: [String] = []) -> Bool {
        guard let target = identity(of: wanted) else { return false }
        let allowed = Set(allowedParents.map(ParentSearch.normalised))
        var image = path
        for _ in 0..<greatestDepth {
            guard let own = identity(of: image) else { return false }
            if own == target { return true }
            guard let parent = parent(of: image, format, allowed) else { return false }
            image = parent
        }
        return false
    }

    private static func identity(of path: String) -> HostDiskFile.Identity? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return HostDiskFile.Identity(device: UInt64(status.st_dev), file: UInt64(status.st_ino))
    }

    private static func parent(of image: String, _ format: DiskFormat, _ allowed: Set<String>) -> String? {
        let descriptor = open(image, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { return nil }
        let file = HostDiskFile(descriptor: descriptor, name: image, isReadOnly: true, isLocked: false)
        defer { file.close() }
        // Its header may be in the middle of a change.
        for _ in 0..<3 {
            guard let reference = try? ParentReference.of(file, format: format) else { continue }
            return reference.paths.lazy.compactMap { name -> String? in
                let isOutside = name.hasPrefix("/") || name.split(separator: "/").contains("..")
                let full = ParentSearch.normalised(name.hasPrefix("/") ? name : FilePath.folder(of: image) + "/" + name)
                return !isOutside || allowed.contains(full) ? full : nil
            }.first { access($0, F_OK) == 0 }
        }
        return nil
    }
}
