import Basics
import Glibc

extension DiskOperations {
    /// Copies an image's file as it is, holes left out: identifiers and what it says about its parent stay, so that a whole chain copied
    /// with its names is a chain again. The copy has a temporary name until it is on stable storage. Nobody may write the source.
    ///
    /// `parent` is what the copy shall stand on, a copy of the source's own parent or that one itself.
    public func copyImage(
        from source: ImagePlace, to destination: ImagePlace, on parent: (place: ImagePlace, format: DiskFormat)? = nil
    ) throws {
        let file = try source.open(readOnly: true)
        defer { file.close() }
        let new = try NewImageFile(destination)
        let size = try file.size()
        try new.file.truncate(to: size)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { buffer.deallocate() }
        var position: UInt64 = 0
        while let range = try file.nextDataRange(from: position) {
            position = range.lowerBound
            while position < range.upperBound {
                guard progress(Double(position) / Double(max(1, size))) else { throw DiskOperationError.stopped(source.path) }
                let count = Int(min(range.upperBound - position, UInt64(buffer.count)))
                try file.read(into: buffer.baseAddress, count: count, at: position)
                try new.file.write(from: buffer.baseAddress, count: count, at: position)
                position += UInt64(count)
            }
        }
        if let parent { try Self.relink(new.file, of: source, to: destination, parent.place, parent.format) }
        try new.finish()
    }

    private static func relink(
        _ file: HostDiskFile, of source: ImagePlace, to destination: ImagePlace, _ parent: ImagePlace, _ format: DiskFormat
    ) throws {
        let lower = try detachedImage(try parent.open(readOnly: true), format)
        defer { try? lower.close() }
        let image = try detachedImage(try file.duplicate(), format)
        defer { try? image.close() }
        guard image.isMade(on: lower.linkIdentifier) else {
            throw DiskOpenError(
                .parentMismatch, "“\(parent.path)” is not the disk that “\(source.path)” was made from, or was changed since.",
                file: source.path, action: "Set-VHD -ParentPath names the right parent.")
        }
        try image.setParent(lower.linkIdentifier, ParentPaths(parent: parent.path, child: destination.path))
        try image.flush()
    }

    /// Whether the image at `copy` is a copy of the one at `source` that nobody has written since: both have the identifier that every
    /// change of the content renews. Only VHDX has one.
    public static func isUnchangedCopy(_ copy: String, of source: String) -> Bool {
        func identifier(_ path: String) -> GUID? {
            guard DiskFormat.of(fileName: path) == .vhdx, let file = try? HostDiskFile.open(path: path, readOnly: true) else { return nil }
            guard let image = try? detachedImage(file, .vhdx) else {
                file.close()
                return nil
            }
            defer { try? image.close() }
            return image.linkIdentifier
        }
        guard let own = identifier(copy) else { return false }
        return own == identifier(source)
    }
}
