import Basics
import CHost

#if canImport(Glibc)
    import Glibc
#endif

/// Memory for generated code, written at one address and executed at another, and room for records behind it.
///
/// Safety: both views live from init to `deallocate()`; `code` and `records` never pass their ends (`hasRoom` is asked before).
final class CodeMemory {
    /// Reserved; what is not used costs nothing.
    static let codeSize = 64 << 20
    static let recordsSize = 64 << 20

    /// The view for writing.
    let writable: UnsafeMutablePointer<UInt8>
    /// The view for executing, and behind it the records.
    let executable: UnsafeMutableRawPointer
    /// Bytes of code in use.
    var used = 0
    private(set) var recordsUsed = 0

    private let limit: Int

    /// nil: the host refuses executable memory. `limit`: bytes of code to use at most.
    init?(limit: Int = codeSize) {
        self.limit = min(limit, Self.codeSize)
        var window: UnsafeMutableRawPointer?
        var place: UnsafeMutableRawPointer?
        guard lv_map_code(UInt64(Self.codeSize), UInt64(Self.recordsSize), &window, &place), let window, let place else { return nil }
        writable = window.assumingMemoryBound(to: UInt8.self)
        executable = place
    }

    deinit {
        munmap(writable, Self.codeSize)
        munmap(executable, Self.codeSize + Self.recordsSize)
    }

    /// There is room for one more trace, whatever is in it.
    var hasRoom: Bool { used + (96 << 10) <= limit && recordsUsed + (64 << 10) <= Self.recordsSize }

    /// Forgets everything behind `start`.
    func reset(to start: Int) {
        used = start
        recordsUsed = 0
    }

    /// Gives the memory behind `start` back. Precondition: nothing of it is in use.
    func release(from start: Int) {
        let place = (start + 4095) & ~4095
        madvise(writable + place, Self.codeSize - place, MADV_REMOVE)
        madvise(executable + Self.codeSize, Self.recordsSize, MADV_DONTNEED)
    }

    /// Where generated code at an offset is executed.
    @inline(__always) func address(_ offset: Int) -> UInt64 { UInt64(UInt(bitPattern: executable)) &+ UInt64(offset) }

    /// Room for a record of 64 bytes.
    func record() -> UnsafeMutableRawPointer {
        let place = executable + Self.codeSize + recordsUsed
        recordsUsed += 64
        return place
    }
}

/// What a helper needs to know of the place it was called from.
struct NativeRecord {
    /// The micro-op that is being executed.
    var op: UOp
    /// The header of its block.
    var header: UOp
    /// Where native code tries the access again.
    var retry: UInt64
    /// Where native code goes on behind the instruction.
    var next: UInt64
    /// Bytes of the access, `write`, `aligned`; 0: the instruction is left to its routine.
    var kind: UInt64
    /// Instructions of the trace from this one on.
    var remaining: UInt64

    static let write: UInt64 = 256
    /// An access of 16 bytes that must be aligned.
    static let aligned: UInt64 = 512
}

/// A direct jump within a page that finds its target when it is taken first.
struct NativeLink {
    var target: UInt64
    /// The distance that is patched, in the writable view.
    var site: UnsafeMutablePointer<UInt8>
    /// Where the distance counts from, in the executable view.
    var origin: UInt64
    /// What it says at first: to the stub.
    var unlinked: Int32
    /// The next link to the same block.
    var next: UnsafeMutablePointer<NativeLink>?

    /// Points the jump at an address.
    func patch(_ address: UInt64) {
        write(Int32(truncatingIfNeeded: Int64(bitPattern: address &- origin)))
    }
    func unlink() { write(unlinked) }
    private func write(_ distance: Int32) { UnsafeMutableRawPointer(site).storeBytes(of: distance, as: Int32.self) }
}
