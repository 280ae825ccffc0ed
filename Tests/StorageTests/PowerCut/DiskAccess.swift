import Glibc
import Storage

/// Reads and writes of arrays, in as many segments as asked for.
extension Disk {
    func bytes(at offset: UInt64, count: Int, segments: Int = 1) throws -> [UInt8] {
        var result = [UInt8](repeating: 0xcc, count: count)
        try result.withUnsafeMutableBytes { buffer in
            try read(into: UnsafeBufferPointer(Self.cut(buffer, segments)), at: offset)
        }
        return result
    }

    func write(_ bytes: [UInt8], at offset: UInt64, segments: Int = 1) throws {
        var copy = bytes
        try copy.withUnsafeMutableBytes { buffer in
            try write(from: UnsafeBufferPointer(Self.cut(buffer, segments)), at: offset)
        }
    }

    /// The caller's memory in about equal, odd-sized parts. The list itself is kept for the process's life, as tests can afford.
    private static func cut(_ buffer: UnsafeMutableRawBufferPointer, _ segments: Int) -> UnsafeMutableBufferPointer<iovec> {
        let list = UnsafeMutableBufferPointer<iovec>.allocate(capacity: segments)
        let part = buffer.count / segments
        for number in 0..<segments {
            let length = number == segments - 1 ? buffer.count - part * number : part
            list[number] = iovec(iov_base: buffer.baseAddress.map { $0 + part * number }, iov_len: length)
        }
        return list
    }
}
