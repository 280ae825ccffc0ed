import Glibc

/// A virtual disk as a guest's disk controller sees it, whatever format lies below. One thread at a time uses it.
///
/// Addresses are bytes and multiples of the logical sector size, inside the disk; anything else is refused with `DiskError`
/// `OutOfRange`. Data goes straight between the given segments and the file where the layout allows.
public protocol Disk: AnyObject, Sendable {
    /// Bytes; a multiple of `logicalSectorSize`.
    var size: UInt64 { get }
    /// 512, 2048 (DVD) or 4096 bytes.
    var logicalSectorSize: Int { get }
    /// 512 or 4096 bytes.
    var physicalSectorSize: Int { get }
    var isReadOnly: Bool { get }
    /// Identity that a guest may see (VPD page 0x83): sixteen bytes that stay with the virtual disk, nil where the format has none.
    var identifier: [UInt8]? { get }
    /// True when `discard` gives room back.
    var canDiscard: Bool { get }

    /// Fills all segments from `offset` on.
    func read(into segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError)
    /// Writes all segments from `offset` on. Durable only after `flush`.
    func write(from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError)
    /// As `read`, but never waits for the host's storage: false when it would have to, or when more than moving the data is needed. Then
    /// the segments may hold anything, and the caller repeats it with `read` where it may wait.
    func readAtOnce(into segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) -> Bool
    /// As `write`, for a thread that should not wait: false when it is known to, or when more than moving the data is needed. Then any
    /// part may be written, and the caller repeats it with `write` where it may wait.
    func writeAtOnce(from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) -> Bool
    /// Returns when everything written before is on stable storage (fdatasync).
    func flush() throws(DiskError)
    /// Gives up content: reads of the range return zeros or the old bytes until it is written again; whole blocks leave the file.
    func discard(at offset: UInt64, count: UInt64) throws(DiskError)
    /// Flushes, marks the image as cleanly closed and lets its locks go. Further use is `DiskError` `Closed`.
    func close() throws(DiskError)
}

extension Disk {
    public func readAtOnce(into segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) -> Bool { false }
    public func writeAtOnce(from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) -> Bool { false }
}
