import CHost

/// A row of 64-bit words that several threads read and write with atomic operations.
///
/// Loads acquire, stores release, read-modify-write operations are sequentially consistent.
final class AtomicWords: @unchecked Sendable {
    // Safety: `words` is valid for `count` elements from init to deinit, and every index is checked.
    private let words: UnsafeMutablePointer<UInt64>
    let count: Int

    init(count: Int) {
        self.count = count
        words = .allocate(capacity: count)
        words.initialize(repeating: 0, count: count)
    }

    deinit { words.deallocate() }

    subscript(_ index: Int) -> UInt64 {
        get { lv_atomic_load64(word(index)) }
        set { lv_atomic_store64(word(index), newValue) }
    }

    /// Sets `bits`; returns the word as it was before.
    @discardableResult
    func or(_ index: Int, _ bits: UInt64) -> UInt64 { lv_atomic_or64(word(index), bits) }

    /// Clears all but `bits`; returns the word as it was before.
    @discardableResult
    func and(_ index: Int, _ bits: UInt64) -> UInt64 { lv_atomic_and64(word(index), bits) }

    func exchange(_ index: Int, _ value: UInt64) -> UInt64 { lv_atomic_exchange64(word(index), value) }

    /// Adds to a word that only the calling thread writes; others may read it at any time.
    func addAsOnlyWriter(_ index: Int, _ value: UInt64) { self[index] = self[index] &+ value }

    /// Adds to a word that several threads write.
    func add(_ index: Int, _ value: UInt64) { _ = lv_atomic_add64(word(index), value) }

    private func word(_ index: Int) -> UnsafeMutablePointer<UInt64> {
        precondition(index >= 0 && index < count, "an index of our own code, never a guest's")
        return words + index
    }
}
