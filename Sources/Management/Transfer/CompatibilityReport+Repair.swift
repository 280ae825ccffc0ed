import Basics
import Glibc
import Persistence

extension CompatibilityReport {
    /// Puts files that the export lacks, or that are not what they were, in their places, from folders that have them: under their paths
    /// in an export, or their names alone. Only what has the size and the hash of the manifest is taken. Gives the paths of what is whole
    /// again.
    public func repair(
        from folder: String?, memoryFrom memory: String?, isCancelled: @escaping @Sendable () -> Bool = { false },
        progress: @escaping @Sendable (Double, UInt64) -> Void = { _, _ in }
    ) throws -> [String] {
        let places = try (
            memory: memory.map { try Folder(path: Paths.absolute($0)) }, other: folder.map { try Folder(path: Paths.absolute($0)) }
        )
        let lacking = source.files.filter { damage[source.absolutePath(of: $0.path)] != nil }
        let total = Double(max(lacking.reduce(0) { $0 &+ $1.size }, 1))
        var done: UInt64 = 0
        let transfer = FileTransfer(
            isCancelled: isCancelled,
            didTransfer: {
                done &+= $0
                progress(min(1, Double(done) / total), UInt64(total))
            })
        var mended: [String] = []
        for file in lacking {
            let isMemory = file.path.hasPrefix(ExportManifest.memoryName + "/")
            let candidates = [isMemory ? places.memory : nil, places.other].compactMap(\.self)
            for place in candidates where try put(file, from: place, transfer) {
                let path = source.absolutePath(of: file.path)
                _ = damaged.withLock { $0.removeValue(forKey: path) }
                mended.append(path)
                break
            }
        }
        return mended
    }

    /// False: the folder does not have the file, or another of its name.
    private func put(_ file: ExportManifest.File, from place: Folder, _ transfer: FileTransfer) throws -> Bool {
        let target = source.absolutePath(of: file.path)
        for name in [file.path, Paths.name(of: file.path)] {
            guard let found = try? ImportSource.open(name, in: place), try found.status().st_size == off_t(clamping: file.size) else {
                continue
            }
            // The damaged file itself mends nothing.
            guard found.path != target else { continue }
            try Folder.make(path: Paths.folder(of: target))
            let folder = try Folder(path: Paths.folder(of: target))
            let partial = ".partial-\(GUID())"
            let new = try folder.open(partial, O_RDWR | O_CREAT | O_EXCL, doing: "write")
            do {
                let result = try transfer.transfer(found, to: new)
                if let hash = file.sha256, hash.lowercased() != result.sha256 {
                    try folder.remove(partial)
                    continue
                }
                try folder.rename(partial, to: Paths.name(of: target))
                folder.synchronize()
            } catch {
                try? folder.remove(partial)
                throw error
            }
            return true
        }
        return false
    }
}
