import CHost

#if canImport(Glibc)
    import Glibc
#endif

/// One VP's decoded blocks and the ways to find them: by RIP through a direct-mapped jump cache (valid for the present translations), by
/// physical address, RIP and context through a hash table, by physical page for invalidation.
///
/// An entry of the jump cache carries the context and the epoch that it was made in; clearing the cache begins another epoch, so that it
/// costs the same however large the cache is. A kernel's path from an interrupt to the next sleep has some thousand jump targets.
///
/// Blocks are carved from an arena and never freed one by one; a dead block stays readable (it may be the one being executed) until
/// the arena is full and everything is dropped at once, which only happens between blocks.
///
/// Safety: all tables live from init to `deallocate()`; indices are masked or checked; block pointers point into the arena.
final class BlockCache {
    static let arenaSize = 16 << 20
    static let jumpCount = 8192
    private static let bucketCount = 1 << 15
    private static let executeCount = 256

    /// RIP to header uop.
    struct Jump {
        var rip: UInt64
        /// Address of the header uop in the low 48 bits, `jump_tag` of its time above.
        var header: UInt64
        /// No context has all its bits set.
        static let empty = Jump(rip: 0, header: ~0)
    }
    /// Instruction translation of one page.
    struct Execute {
        /// Linear page | 1 for CPL 3; all ones: empty.
        var tag: UInt64 = ~0
        var physical: UInt64 = 0
        var host: UnsafeMutableRawPointer?
    }

    let jumps: UnsafeMutablePointer<Jump>
    private let executes: UnsafeMutablePointer<Execute>
    private let arena: UnsafeMutableRawPointer
    private let buckets: UnsafeMutablePointer<UnsafeMutablePointer<Block>?>
    private let pageHeads: UnsafeMutablePointer<UnsafeMutablePointer<Block>?>
    private let pageCount: Int
    private let mappingSize: Int
    /// `jump_tag` of the state block.
    private let tag: UnsafeMutablePointer<UInt64>
    private(set) var used = 0
    /// Counts `reset()`: pointers into the arena from before are void.
    private(set) var generation = 0

    /// `tag`: where the tag of valid jumps stands; valid until `deallocate()`.
    init(pageCount: Int, tag: UnsafeMutablePointer<UInt64>) throws(EngineMemoryError) {
        (self.pageCount, self.tag) = (pageCount, tag)
        mappingSize = Self.arenaSize + Self.bucketCount * 8 + pageCount * 8
        let pointer = try reserveEngineMemory(bytes: mappingSize)
        arena = pointer
        buckets = (pointer + Self.arenaSize).assumingMemoryBound(to: UnsafeMutablePointer<Block>?.self)
        pageHeads = (pointer + Self.arenaSize + Self.bucketCount * 8).assumingMemoryBound(to: UnsafeMutablePointer<Block>?.self)
        jumps = .allocate(capacity: Self.jumpCount)
        executes = .allocate(capacity: Self.executeCount)
        jumps.initialize(repeating: .empty, count: Self.jumpCount)
        executes.initialize(repeating: Execute(), count: Self.executeCount)
    }

    func deallocate() {
        munmap(arena, mappingSize)
        jumps.deallocate()
        executes.deallocate()
    }

    // MARK: translations

    private static let epoch: UInt64 = 0xff << 48

    /// Entries made until now are valid no more.
    func clearJumps() {
        let next = (tag.pointee &+ 1 &<< 48) & Self.epoch
        if next == 0 { jumps.update(repeating: .empty, count: Self.jumpCount) }
        tag.pointee = tag.pointee & ~Self.epoch | next
    }

    /// From now on only jumps that were made in this context are valid.
    @inline(__always) func enter(context key: UInt64) { tag.pointee = tag.pointee & Self.epoch | key }

    func forgetTranslations() {
        clearJumps()
        executes.update(repeating: Execute(), count: Self.executeCount)
    }

    /// Remembered instruction translation of a linear page.
    @inline(__always) func execute(_ linear: UInt64, user: Bool) -> UnsafeMutablePointer<Execute>? {
        let entry = executes + (Int(truncatingIfNeeded: linear &>> 12) & (Self.executeCount &- 1))
        return entry.pointee.tag == (linear & ~0xfff | (user ? 1 : 0)) ? entry : nil
    }

    func keepExecute(_ linear: UInt64, user: Bool, physical: UInt64, host: UnsafeMutableRawPointer) {
        executes[Int(truncatingIfNeeded: linear &>> 12) & (Self.executeCount &- 1)] = Execute(
            tag: linear & ~0xfff | (user ? 1 : 0), physical: physical, host: host)
    }

    // MARK: blocks

    private static func bucket(_ physical: UInt64, _ key: UInt64) -> Int {
        Int(truncatingIfNeeded: (physical ^ physical &>> 13 ^ key &>> 56 &* 0x9e37) & UInt64(bucketCount &- 1))
    }

    func find(physical: UInt64, key: UInt64, codeBase: UInt64, codeLimit: UInt32) -> UnsafeMutablePointer<Block>? {
        var next = buckets[Self.bucket(physical, key)]
        while let block = next {
            if block.pointee.physical == physical, block.pointee.key == key, block.pointee.isAlive != 0,
                block.pointee.codeBase == codeBase, block.pointee.codeLimit == codeLimit
            {
                return block
            }
            next = block.pointee.nextInBucket
        }
        return nil
    }

    /// Room for a block of `uops` slots; nil: the arena is full, call `reset()` between blocks and try again.
    func reserve(uops: Int) -> UnsafeMutablePointer<Block>? {
        guard used + MemoryLayout<Block>.stride + uops * 32 <= Self.arenaSize else { return nil }
        return (arena + used).assumingMemoryBound(to: Block.self)
    }

    /// Makes the block at the arena's end findable. `end`: behind its last uop.
    func commit(_ block: UnsafeMutablePointer<Block>, end: UnsafeMutableRawPointer) {
        used = end - arena
        // Physical addresses beyond the group's tables are not tracked for stores: such blocks are used once.
        guard block.pointee.physical &>> 12 < UInt64(pageCount),
            block.pointee.secondPage == Block.none || block.pointee.secondPage &>> 12 < UInt64(pageCount)
        else { return }
        let bucket = Self.bucket(block.pointee.physical, block.pointee.key)
        block.pointee.nextInBucket = buckets[bucket]
        buckets[bucket] = block
        // A block on two pages is in the list of the first; the second page's list is searched through `crossing`.
        let page = Int(block.pointee.physical &>> 12)
        block.pointee.nextInPage = pageHeads[page]
        pageHeads[page] = block
        if block.pointee.secondPage != Block.none { crossing.append(block) }
    }
    private var crossing: [UnsafeMutablePointer<Block>] = []

    @inline(__always) func remember(_ block: UnsafeMutablePointer<Block>) {
        // Addresses of user space have 47 bits.
        let rip = block.pointee.rip
        jumps[Self.jumpIndex(rip)] = Jump(rip: rip, header: UInt64(UInt(bitPattern: block.header)) | tag.pointee)
    }

    @inline(__always) static func jumpIndex(_ rip: UInt64) -> Int {
        Int(truncatingIfNeeded: (rip ^ rip &>> 13) & UInt64(jumpCount &- 1))
    }

    /// Points a link at a block, to be taken back when the block dies.
    func patch(_ link: UnsafeMutablePointer<UInt64>, to block: UnsafeMutablePointer<Block>) {
        // Only a link that still leads to its exit uop is patched, so it is in no chain yet.
        link[2] = UInt64(UInt(bitPattern: block.pointee.incoming))
        block.pointee.incoming = link
        link.pointee = UInt64(UInt(bitPattern: block.header))
    }

    /// Drops the blocks with code of a physical page; returns how many.
    func invalidate(physicalPage: UInt64) -> Int {
        guard physicalPage &>> 12 < UInt64(pageCount) else { return 0 }
        let page = Int(physicalPage &>> 12)
        var count = 0
        var next = pageHeads[page]
        while let block = next {
            next = block.pointee.nextInPage
            kill(block)
            count += 1
        }
        pageHeads[page] = nil
        if !crossing.isEmpty {
            crossing.removeAll { block in
                if block.pointee.isAlive != 0, block.pointee.secondPage == physicalPage {
                    kill(block)
                    count += 1
                }
                return block.pointee.isAlive == 0
            }
        }
        if count > 0 { clearJumps() }
        return count
    }

    /// Takes a block out of the hash table and out of every link.
    private func kill(_ block: UnsafeMutablePointer<Block>) {
        guard block.pointee.isAlive != 0 else { return }
        block.pointee.isAlive = 0
        let bucket = Self.bucket(block.pointee.physical, block.pointee.key)
        if buckets[bucket] == block {
            buckets[bucket] = block.pointee.nextInBucket
        } else {
            var previous = buckets[bucket]
            while let candidate = previous {
                if candidate.pointee.nextInBucket == block {
                    candidate.pointee.nextInBucket = block.pointee.nextInBucket
                    break
                }
                previous = candidate.pointee.nextInBucket
            }
        }
        var incoming = block.pointee.incoming
        while let link = incoming {
            incoming = UnsafeMutablePointer<UInt64>(bitPattern: UInt(link[2]))
            // The exit uop lies behind the 32-byte slot; the slot's second link is its second word.
            let number = (UInt(bitPattern: link) / 8) % 4
            let slot = UInt(bitPattern: link) - number * 8
            link.pointee = UInt64(slot + 32 + number * 32)
            link[2] = 0
        }
        block.pointee.incoming = nil
    }

    /// Drops everything. Precondition: no block is being executed.
    func reset() {
        for page in 0..<pageCount where pageHeads[page] != nil { pageHeads[page] = nil }
        buckets.update(repeating: nil, count: Self.bucketCount)
        crossing.removeAll()
        clearJumps()
        used = 0
        generation += 1
    }
}
