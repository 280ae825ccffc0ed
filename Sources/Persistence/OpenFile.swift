import Glibc

/// An open file; closed when the last reference goes.
package final class OpenFile: Sendable {
    package let descriptor: Int32
    /// For messages only.
    package let path: String

    /// Takes over `descriptor`.
    package init(descriptor: Int32, path: String) { (self.descriptor, self.path) = (descriptor, path) }

    deinit { close(descriptor) }

    package func status() throws -> stat {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw PersistenceError.system(errno, "examine", path: path) }
        return status
    }

    /// False when the file has been deleted under its descriptor.
    package var hasName: Bool { ((try? status())?.st_nlink ?? 0) > 0 }

    /// The whole content; refuses more than `limit` bytes.
    package func readAll(limit: Int) throws -> [UInt8] {
        let size = Int(try status().st_size)
        guard size <= limit else {
            throw PersistenceError("FileTooLarge", .invalidData, "“\(path)” has \(size) bytes, at most \(limit) make sense.", target: path)
        }
        return try read(at: 0, count: size)
    }

    /// Up to `count` bytes from `offset`; fewer only at the end of the file.
    package func read(at offset: Int, count: Int) throws -> [UInt8] {
        guard count > 0 else { return [] }
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let done = pread(descriptor, buffer.baseAddress?.advanced(by: filled), count - filled, off_t(offset + filled))
                if done < 0 && errno == EINTR { continue }
                if done < 0 { failure = errno }
                if done <= 0 { break }
                filled += done
            }
        }
        guard failure == 0 else { throw PersistenceError.system(failure, "read", path: path) }
        return bytes
    }

    /// Writes all bytes at the file's position, or at its end when opened for appending.
    package func write(_ bytes: some Collection<UInt8>) throws {
        let bytes = Array(bytes)
        var written = 0
        while written < bytes.count {
            let done = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress?.advanced(by: written), bytes.count - written) }
            if done < 0 && errno == EINTR { continue }
            guard done > 0 else { throw PersistenceError.system(done < 0 ? errno : ENOSPC, "write", path: path) }
            written += done
        }
    }

    package func synchronize() throws {
        guard fsync(descriptor) == 0 else { throw PersistenceError.system(errno, "write", path: path) }
    }

    package func truncate(to size: Int) throws {
        guard ftruncate(descriptor, off_t(size)) == 0 else { throw PersistenceError.system(errno, "shorten", path: path) }
    }
}
