import Glibc

extension DiskOperations {
    /// Copies an image's file as it is, holes left out: identifiers and what it says about its parent stay, so that a whole chain copied
    /// with its names is a chain again. The copy has a temporary name until it is on stable storage. Nobody may write the source.
    public func copyImage(from source: ImagePlace, to destination: ImagePlace) throws {
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
        try new.finish()
    }
}
