import Basics
import CHost
import Crypto
import Glibc
import Persistence

/// Copies files and takes their hash on the way. Holes stay holes, and count as the zeros that they are read as.
struct FileTransfer {
    private static let pieceSize = 4 << 20
    private static let zeros = [UInt8](repeating: 0, count: 1 << 20)

    var isCancelled: () -> Bool = { false }
    /// Gets the bytes that were dealt with since it was last called.
    var didTransfer: (UInt64) -> Void = { _ in }

    struct Result: Equatable {
        var size: UInt64
        var sha256: String
    }

    /// Reads all of `source` and, where there is one, writes it into the empty file `destination`, which is on stable storage afterwards.
    func transfer(_ source: OpenFile, to destination: OpenFile? = nil) throws -> Result {
        let size = UInt64(clamping: try source.status().st_size)
        if let destination { try destination.truncate(to: Int(clamping: size)) }
        var hash = SHA256()
        var offset: UInt64 = 0
        while offset < size {
            let data = min(next(source, offset, data: true) ?? size, size)
            try hashZeros(data - offset, &hash)
            didTransfer(data - offset)
            offset = data
            let hole = min(next(source, offset, data: false) ?? size, size)
            while offset < hole {
                guard !isCancelled() else { throw ManagementError.stopped }
                let piece = try source.read(at: Int(offset), count: Int(min(hole - offset, UInt64(Self.pieceSize))))
                guard !piece.isEmpty else {
                    throw PersistenceError(
                        "FileFailure", .invalidData, "“\(source.path)” became shorter while it was read.", target: source.path)
                }
                hash.update(data: piece)
                if let destination { try write(piece, destination, offset) }
                offset += UInt64(piece.count)
                didTransfer(UInt64(piece.count))
            }
        }
        try destination?.synchronize()
        let digest = hash.finalize().map { byte in
            let text = String(byte, radix: 16)
            return text.count == 1 ? "0" + text : text
        }.joined()
        return Result(size: size, sha256: digest)
    }

    private func hashZeros(_ count: UInt64, _ hash: inout SHA256) throws {
        var left = count
        while left > 0 {
            guard !isCancelled() else { throw ManagementError.stopped }
            let piece = min(left, UInt64(Self.zeros.count))
            Self.zeros.withUnsafeBytes { hash.update(bufferPointer: .init(rebasing: $0[..<Int(piece)])) }
            left -= piece
        }
    }

    /// nil: none up to the end, or the file system knows of no holes.
    private func next(_ file: OpenFile, _ offset: UInt64, data: Bool) -> UInt64? {
        let found = lv_disk_seek(file.descriptor, offset, data ? 1 : 0)
        if found >= 0 { return UInt64(found) }
        return data && found != -Int64(ENXIO) ? offset : nil
    }

    private func write(_ bytes: [UInt8], _ file: OpenFile, _ offset: UInt64) throws {
        let result = bytes.withUnsafeBytes { buffer in
            var segment = iovec(iov_base: UnsafeMutableRawPointer(mutating: buffer.baseAddress), iov_len: buffer.count)
            return lv_disk_write(file.descriptor, &segment, 1, offset)
        }
        guard result == 0 else { throw PersistenceError.system(-result, "write", path: file.path) }
    }
}
