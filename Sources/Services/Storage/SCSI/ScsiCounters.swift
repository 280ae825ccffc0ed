import Synchronization

/// What a target did since it was attached. Written by its pump, read by any thread.
package final class ScsiCounters: Sendable {
    private let reads = Atomic<UInt64>(0)
    private let writes = Atomic<UInt64>(0)
    private let flushes = Atomic<UInt64>(0)
    private let discards = Atomic<UInt64>(0)
    private let bytesRead = Atomic<UInt64>(0)
    private let bytesWritten = Atomic<UInt64>(0)
    private let errors = Atomic<UInt64>(0)

    package struct Snapshot: Equatable, Sendable {
        package var reads: UInt64
        package var writes: UInt64
        package var flushes: UInt64
        /// UNMAP and WRITE SAME commands.
        package var discards: UInt64
        package var bytesRead: UInt64
        package var bytesWritten: UInt64
        /// Commands that failed because the host could not carry them out.
        package var errors: UInt64
    }

    package var snapshot: Snapshot {
        Snapshot(
            reads: reads.load(ordering: .relaxed), writes: writes.load(ordering: .relaxed),
            flushes: flushes.load(ordering: .relaxed), discards: discards.load(ordering: .relaxed),
            bytesRead: bytesRead.load(ordering: .relaxed), bytesWritten: bytesWritten.load(ordering: .relaxed),
            errors: errors.load(ordering: .relaxed))
    }

    func countRead(_ bytes: Int) {
        Self.add(reads, 1)
        Self.add(bytesRead, UInt64(bytes))
    }

    func countWrite(_ bytes: Int) {
        Self.add(writes, 1)
        Self.add(bytesWritten, UInt64(bytes))
    }

    func count(_ bytes: Int, isWrite: Bool) {
        if isWrite { countWrite(bytes) } else { countRead(bytes) }
    }

    func countFlush() { Self.add(flushes, 1) }
    func countDiscard() { Self.add(discards, 1) }
    func countError() { Self.add(errors, 1) }

    /// Only the pump adds, so no read-modify-write is needed.
    private static func add(_ counter: borrowing Atomic<UInt64>, _ amount: UInt64) {
        counter.store(counter.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }
}
