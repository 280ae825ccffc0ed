import Glibc

/// The file under a disk format: a host file, or in tests one that loses power. Formats do all their input and output through it.
///
/// Writes reach stable storage in any order until `synchronise` returns; a format that needs an order synchronises in between.
public protocol DiskFile: AnyObject, Sendable {
    /// For messages.
    var name: String { get }
    var isReadOnly: Bool { get }
    /// Bytes.
    func size() throws(DiskError) -> UInt64
    /// Reads all segments; bytes behind the file's end read as zeros.
    func read(into segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError)
    /// Writes all segments, growing the file.
    func write(from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError)
    /// As `Disk.readAtOnce`; also false behind the file's end.
    func readAtOnce(into segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) -> Bool
    /// As `Disk.writeAtOnce`.
    func writeAtOnce(from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) -> Bool
    /// Makes the file `size` bytes long.
    func truncate(to size: UInt64) throws(DiskError)
    /// Makes sure that room for the range exists (fallocate); a full disk is `DiskError` `DiskFull`.
    func allocate(at offset: UInt64, count: UInt64) throws(DiskError)
    /// Gives the range's room back; it reads as zeros afterwards. Does nothing where the file system cannot.
    func punchHole(at offset: UInt64, count: UInt64) throws(DiskError)
    /// Everything written before is on stable storage when it returns (fdatasync).
    func synchronise() throws(DiskError)
    /// Lets locks go and closes it.
    func close()
}

extension DiskFile {
    public func readAtOnce(into segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) -> Bool { false }
    public func writeAtOnce(from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) -> Bool { false }

    /// Reads `count` bytes.
    public func bytes(at offset: UInt64, count: Int) throws(DiskError) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: count)
        var failure: DiskError?
        result.withUnsafeMutableBytes { buffer in
            do throws(DiskError) {
                try withSegment(buffer.baseAddress, count) { (segments) throws(DiskError) in try read(into: segments, at: offset) }
            } catch { failure = error }
        }
        if let failure { throw failure }
        return result
    }

    /// Writes `bytes`.
    public func write(_ bytes: [UInt8], at offset: UInt64) throws(DiskError) {
        var failure: DiskError?
        bytes.withUnsafeBytes { buffer in
            do throws(DiskError) {
                try withSegment(UnsafeMutableRawPointer(mutating: buffer.baseAddress), buffer.count) { (segments) throws(DiskError) in
                    try write(from: segments, at: offset)
                }
            } catch { failure = error }
        }
        if let failure { throw failure }
    }

    private func withSegment(
        _ base: UnsafeMutableRawPointer?, _ count: Int, _ body: (UnsafeBufferPointer<iovec>) throws(DiskError) -> Void
    ) throws(DiskError) {
        var segment = iovec(iov_base: base, iov_len: count)
        var failure: DiskError?
        withUnsafePointer(to: &segment) { pointer in
            do throws(DiskError) { try body(UnsafeBufferPointer(start: pointer, count: 1)) } catch { failure = error }
        }
        if let failure { throw failure }
    }
}
