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
    /// Reserved; what is not used costs nothing. A Linux boot decodes some 70,000 blocks of 400 bytes.
    static let arenaSize = 64 << 20
    /// What may lie there when few new blocks come: a guest that has booted needs little of what its boot needed (`isStale`).
    static let comfortableSize = 12 << 20
    static let jumpCount = 16384
    private static let bucketBits = 17
    private static let bucketCount = 1 << bucketBits
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
        var isGlobal = false, isLarge = false
    }

    let jumps: UnsafeMutablePointer<Jump>
    private let executes: UnsafeMutablePointer<Execute>
    private let arena: UnsafeMutableRawPointer
    private let buckets: UnsafeMutablePointer<UnsafeMutablePointer<Block>?>
    private let pageHeads: UnsafeMutablePointer<UnsafeMutablePointer<Block>?>
    private let pageCount: Int
    private let mappingSize: Int
    /// `jump_tag` of the state block, and where the translator's jumps go.
    private let tag: UnsafeMutablePointer<UInt64>
    private let targets: UnsafeMutablePointer<NativeTarget>
    /// The epochs of jumps made as supervisor and as user.
    private var epochs: (supervisor: UInt64, user: UInt64) = (0, 0)
    /// Code of a page that is not global was found as supervisor, so that jumps there do not outlive the address space.
    private var hasLocalSupervisorCode = false
    /// By low bits of the page's number, and of the gigabyte's for large pages: the round in which code was found there last. A round lasts
    /// until all jumps are forgotten.
    private var codePages = InlineArray<1024, UInt32>(repeating: 0)
    private var largeCode = InlineArray<64, UInt32>(repeating: 0)
    private var round: UInt32 = 1
    private(set) var used = 0
    /// `used` when blocks last came in number, the instructions retired then and sleeps since.
    private var settled = (used: 0, retired: UInt64(0), sleeps: 0)
    /// Counts `reset()`: pointers into the arena from before are void.
    private(set) var generation = 0

    /// `tag`: where the tag of valid jumps stands, `targets`: the translator's table of them; valid until `deallocate()`.
    init(pageCount: Int, tag: UnsafeMutablePointer<UInt64>, targets: UnsafeMutablePointer<NativeTarget>) throws(EngineMemoryError) {
        (self.pageCount, self.tag, self.targets) = (pageCount, tag, targets)
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
        hasLocalSupervisorCode = false
        round &+= 1
        epochs = ((epochs.supervisor + 1) & 0xff, (epochs.user + 1) & 0xff)
        epochChanged()
    }

    /// The address space changes: jumps of user code are valid no more, those of a kernel whose code is global stay.
    private func clearLocalJumps() {
        if hasLocalSupervisorCode { return clearJumps() }
        epochs.user = (epochs.user + 1) & 0xff
        epochChanged()
    }

    private func epochChanged() {
        if epochs.user == 0 || epochs.supervisor == 0 {
            // Numbers come round: nothing of the last round may be left.
            jumps.update(repeating: .empty, count: Self.jumpCount)
            for index in 0..<StateLayout.targetCount { targets[index].tag = ~0 }
        }
        enter(context: tag.pointee & ~Self.epoch)
    }

    /// From now on only jumps that were made in this context are valid.
    @inline(__always) func enter(context key: UInt64) {
        tag.pointee = key | (key & BlockContext.user &<< 56 != 0 ? epochs.user : epochs.supervisor) &<< 48
    }

    /// Forgets what followed from translations, or from all but global ones.
    func forgetTranslations(keepGlobal: Bool) {
        if keepGlobal {
            clearLocalJumps()
            for index in 0..<Self.executeCount where !executes[index].isGlobal { executes[index].tag = ~0 }
        } else {
            clearJumps()
            executes.update(repeating: Execute(), count: Self.executeCount)
        }
    }

    /// Forgets what followed from the translation of one page, which may be part of a large one.
    func forgetTranslation(of page: UInt64) {
        for user in [false, true] where execute(page, user: user) != nil {
            executes[Int(truncatingIfNeeded: page &>> 12) & (Self.executeCount &- 1)].tag = ~0
        }
        let isLarge = largeCode[Int(truncatingIfNeeded: page &>> 30) & 63] == round
        if isLarge { executes.update(repeating: Execute(), count: Self.executeCount) }
        if isLarge { return clearJumps() }
        guard codePages[Int(truncatingIfNeeded: page &>> 12) & 1023] == round else { return }
        for index in 0..<Self.jumpCount where Self.mayReach(page, from: jumps[index].rip) { jumps[index] = .empty }
        for index in 0..<StateLayout.targetCount where Self.mayReach(page, from: targets[index].rip) { targets[index] = .empty }
    }

    /// Whether an instruction at `rip` may have bytes in a page: one that ends there may begin before it.
    @inline(__always) private static func mayReach(_ page: UInt64, from rip: UInt64) -> Bool {
        rip &>> 12 == page &>> 12 || (rip &+ 14) &>> 12 == page &>> 12
    }

    /// Remembered instruction translation of a linear page.
    @inline(__always) func execute(_ linear: UInt64, user: Bool) -> UnsafeMutablePointer<Execute>? {
        let entry = executes + (Int(truncatingIfNeeded: linear &>> 12) & (Self.executeCount &- 1))
        return entry.pointee.tag == (linear & ~0xfff | (user ? 1 : 0)) ? entry : nil
    }

    func keepExecute(_ linear: UInt64, user: Bool, _ translation: PageTranslation, host: UnsafeMutableRawPointer) {
        let entry = executes + (Int(truncatingIfNeeded: linear &>> 12) & (Self.executeCount &- 1))
        entry.pointee = Execute(
            tag: linear & ~0xfff | (user ? 1 : 0), physical: translation.physical, host: host, isGlobal: translation.global,
            isLarge: translation.large)
        noteCode(entry)
    }

    /// Jumps to the page of a remembered translation may be made from now on.
    @inline(__always) func noteCode(_ entry: UnsafeMutablePointer<Execute>) {
        let linear = entry.pointee.tag
        codePages[Int(truncatingIfNeeded: linear &>> 12) & 1023] = round
        if entry.pointee.isLarge { largeCode[Int(truncatingIfNeeded: linear &>> 30) & 63] = round }
        if linear & 1 == 0, !entry.pointee.isGlobal { hasLocalSupervisorCode = true }
    }

    // MARK: blocks

    private static func bucket(_ physical: UInt64, _ key: UInt64) -> Int {
        // One multiplication spreads the bits.
        Int(truncatingIfNeeded: ((physical ^ (key &>> 56) &<< 40) &* 0x9e37_79b9_7f4a_7c15) &>> UInt64(64 &- bucketBits))
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
        guard hasRoom(uops: uops) else { return nil }
        return (arena + used).assumingMemoryBound(to: Block.self)
    }

    func hasRoom(uops: Int) -> Bool { used + MemoryLayout<Block>.stride + uops * 32 <= Self.arenaSize }

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
        return count
    }

    /// Takes a block out of the hash table, out of every link and out of the caches of jumps.
    private func kill(_ block: UnsafeMutablePointer<Block>) {
        guard block.pointee.isAlive != 0 else { return }
        block.pointee.isAlive = 0
        let rip = block.pointee.rip
        let jump = jumps + Self.jumpIndex(rip)
        if jump.pointee.header & (1 &<< 48 &- 1) == UInt64(UInt(bitPattern: block.header)) { jump.pointee = .empty }
        if block.pointee.native != 0 {
            let target = targets + NativeTarget.index(rip)
            if target.pointee.code == block.pointee.native { target.pointee = .empty }
        }
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
        var native = block.pointee.nativeIncoming
        while let link = native {
            native = link.pointee.next
            link.pointee.unlink()
        }
        block.pointee.nativeIncoming = nil
    }

    /// To be asked when the VP goes to sleep: more is kept than comfortable, and for 50 sleeps, with few instructions between them, under
    /// 64 KiB came to it: an idle guest that has booted. Then everything is dropped once; what is in use is decoded again.
    func isStale(retired: UInt64) -> Bool {
        if used <= Self.comfortableSize { return false }
        if used &- settled.used > 64 << 10 || used < settled.used {
            settled = (used, retired, 0)
            return false
        }
        settled.sleeps += 1
        if settled.sleeps <= 50 { return false }
        let isIdle = retired &- settled.retired < 50 * 200_000
        settled = (used, retired, 0)
        return isIdle
    }

    /// Gives the arena's memory back. Precondition: it is empty.
    func release() { madvise(arena, Self.arenaSize, MADV_DONTNEED) }

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
