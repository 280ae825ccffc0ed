import CHost
import Glibc

/// Transfers for a thread that should not wait, such as a virtual processor's: mostly the page cache has what is read and takes what is
/// written, and asking another thread would cost more than the transfer.
extension HostDiskFile {
    public func readAtOnce(into segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) -> Bool {
        try checkOpen()
        guard promptness.canRefuseReads else { return false }
        let result = lv_disk_read_once(descriptor, segments.baseAddress, Int32(segments.count), offset, 1)
        switch -result {
        case 0: return true
        case EAGAIN: return false
        case EOPNOTSUPP:
            promptness.canRefuseReads = false
            return false
        default: throw failure("read", result)
        }
    }

    /// Where the file system cannot refuse to wait (ext4), the write is tried as long as the last ones did not wait.
    public func writeAtOnce(from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) -> Bool {
        try checkWritable()
        if promptness.canRefuseWrites {
            let result = lv_disk_write_once(descriptor, segments.baseAddress, Int32(segments.count), offset, 1)
            switch -result {
            case 0: return true
            case EAGAIN: return false
            case EOPNOTSUPP:
                promptness.canRefuseWrites = false
                promptness.isLocal = lv_disk_is_local(descriptor) != 0
            default: throw failure("written", result)
            }
        }
        let begun = Self.now
        guard promptness.isLocal, promptness.allows(at: begun) else { return false }
        let result = lv_disk_write_once(descriptor, segments.baseAddress, Int32(segments.count), offset, 0)
        promptness.took(from: begun, to: Self.now)
        guard result != -EAGAIN else { return false }
        guard result == 0 else { throw failure("written", result) }
        return true
    }

    private static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}

/// What is known of a file's speed: whether it can refuse to wait, and else how its writes went. Times are nanoseconds.
package struct FilePromptness {
    /// A write that takes longer waited for storage, or its thread was interrupted.
    package static let limit: UInt64 = 1_000_000
    /// A write that takes longer was not just interrupted.
    package static let certainLimit: UInt64 = 500_000_000
    /// Slow writes weigh so much against quick ones, and at three times as much patience ends.
    private static let weight = 8
    /// Patience returns after so many times what the last slow write took: at most a hundredth of the time is lost.
    private static let pause: UInt64 = 100

    var canRefuseReads = true
    var canRefuseWrites = true
    /// Its writes wait for nothing but this host.
    var isLocal = false
    private var slowness = 0
    private var pausedUntil: UInt64 = 0

    package init() {}

    package func allows(at time: UInt64) -> Bool { time >= pausedUntil }

    /// Counts a write.
    package mutating func took(from begun: UInt64, to ended: UInt64) {
        let time = ended &- begun
        guard time > Self.limit else {
            if slowness > 0 { slowness -= 1 }
            return
        }
        slowness += Self.weight
        guard slowness >= 3 * Self.weight || time > Self.certainLimit else { return }
        slowness = 0
        pausedUntil = ended &+ Self.pause &* time
    }
}
