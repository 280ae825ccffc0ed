import CHost

#if canImport(Glibc)
    import Glibc
#endif

/// One entry of the software TLB: a 4 KiB page as one privilege sees it.
///
/// A tag is the page's linear address when that kind of access may go straight to `host`; `linear ^ tag` is then the offset in the
/// page, and one unsigned comparison tests match and page crossing. An entry that allows nothing holds the tag of a page with
/// another index, which no address that selects the entry can match.
struct TranslationEntry {
    var read: UInt64
    var write: UInt64
    /// Host address of the page's first byte.
    var host: UInt64
    /// Physical page address | `global` | `large` | `unmarked`.
    var info: UInt64

    static let global: UInt64 = 1
    static let large: UInt64 = 2
    /// Stores could go straight to `host`, were the page marked as dirty: the first one marks it and needs no walk.
    static let unmarked: UInt64 = 4
}

/// A direct-mapped software TLB for loads and stores at one privilege (user or supervisor).
///
/// Safety: `entries` is `count` entries behind the state block, as long as that lives; an index is always masked to that range. `local`
/// lives until `deallocate()`.
struct TranslationCache {
    /// Covers 16 MiB: a kernel that boots misses 1,024 entries four million times.
    static let count = 4096
    /// The place of an entry among its bytes: `(linear >> 7) & mask`.
    static let mask = (count - 1) << 5
    let entries: UnsafeMutablePointer<TranslationEntry>
    /// How many entries were filled with pages that are not global since the last flush, and which: a change of the address space clears
    /// those. More than there is room for: any may be one.
    private let local: UnsafeMutablePointer<UInt32>
    private static let localRoom: UInt32 = 1023
    /// By a hash of the physical page: some entry lets stores through to it or may. Code that changes itself asks for that again and again.
    private let stored: UnsafeMutablePointer<Bool>
    private static let storedBits = 14
    @inline(__always) private static func storedIndex(_ physical: UInt64) -> Int {
        Int(truncatingIfNeeded: ((physical &>> 12) &* 0x9e37_79b9_7f4a_7c15) &>> UInt64(64 &- storedBits))
    }
    /// To be called when an entry gets a write tag, or may get one without being asked.
    @inline(__always) func noteStores(_ physical: UInt64) { stored[Self.storedIndex(physical)] = true }

    /// `place`: zeroed room for `count` entries.
    init(at place: UnsafeMutableRawPointer) {
        entries = place.assumingMemoryBound(to: TranslationEntry.self)
        local = .allocate(capacity: Int(Self.localRoom) + 1)
        local.initialize(repeating: 0, count: Int(Self.localRoom) + 1)
        stored = .allocate(capacity: 1 << Self.storedBits)
        stored.initialize(repeating: false, count: 1 << Self.storedBits)
        flush(keepGlobal: false)
    }

    func deallocate() {
        local.deallocate()
        stored.deallocate()
    }

    /// Puts a translation where it belongs.
    func fill(_ index: Int, _ entry: TranslationEntry) {
        entries[index] = entry
        if entry.write == entry.read || entry.info & TranslationEntry.unmarked != 0 { noteStores(entry.info) }
        if entry.info & TranslationEntry.global != 0 { return }
        let number = local[0]
        if number < Self.localRoom { local[Int(number) + 1] = UInt32(truncatingIfNeeded: index) }
        if number <= Self.localRoom { local[0] = number &+ 1 }
    }

    @inline(__always) static func emptyTag(_ index: Int) -> UInt64 { UInt64(truncatingIfNeeded: index ^ 1) &<< 12 }
    @inline(__always) static func index(_ linear: UInt64) -> Int { Int(truncatingIfNeeded: linear &>> 12) & (count &- 1) }

    func clear(_ index: Int) {
        let tag = Self.emptyTag(index)
        entries[index] = TranslationEntry(read: tag, write: tag, host: 0, info: 0)
    }

    /// Forgets everything, or everything but global pages.
    func flush(keepGlobal: Bool) {
        let number = local[0]
        local[0] = 0
        if keepGlobal, number <= Self.localRoom {
            for place in 1..<Int(number) + 1 {
                let index = Int(local[place]) & (Self.count &- 1)
                if entries[index].info & TranslationEntry.global == 0 { clear(index) }
            }
            return
        }
        for index in 0..<Self.count where !keepGlobal || entries[index].info & TranslationEntry.global == 0 { clear(index) }
    }

    /// Forgets one page. `large`: also every entry that came from a large page around it (an entry is 4 KiB, INVLPG is not).
    func flush(page linear: UInt64, large: Bool) {
        let index = Self.index(linear)
        if (entries[index].read ^ linear) &>> 12 == 0 || (entries[index].write ^ linear) &>> 12 == 0 { clear(index) }
        guard large else { return }
        for index in 0..<Self.count where entries[index].info & TranslationEntry.large != 0 {
            if (entries[index].read ^ linear) &>> 30 == 0 { clear(index) }
        }
    }

    /// Takes back the right to store to a physical page without being asked.
    func revokeWrites(physicalPage: UInt64) {
        let bucket = Self.storedIndex(physicalPage)
        if !stored[bucket] { return }
        stored[bucket] = false
        for index in 0..<Self.count where Self.storedIndex(entries[index].info) == bucket {
            if entries[index].info & ~0xfff == physicalPage {
                entries[index].write = Self.emptyTag(index)
                entries[index].info &= ~TranslationEntry.unmarked
            } else if entries[index].host != 0 {
                stored[bucket] = true
            }
        }
    }

    /// Makes the next store to each page come to the slow path, so that it marks the page. Nothing that the guest could see changes:
    /// no walk is done for it, so that accessed and dirty bits stay as they would be.
    func revokeAllWrites() {
        for index in 0..<Self.count where entries[index].write == entries[index].read && entries[index].write != Self.emptyTag(index) {
            entries[index].write = Self.emptyTag(index)
            entries[index].info |= TranslationEntry.unmarked
        }
    }
}

/// The entry of a TLB that a linear address selects. `(linear >> 12 & 4095) * 32` in one shift and one mask.
@inline(__always)
func translationEntry(_ tlb: UnsafeMutableRawPointer?, _ linear: UInt64) -> UnsafeMutablePointer<TranslationEntry> {
    (tlb.unsafelyUnwrapped + Int(truncatingIfNeeded: linear &>> 7) & TranslationCache.mask).assumingMemoryBound(to: TranslationEntry.self)
}

/// Host address for a load of `bytes` bytes, or nil: no entry, no right, page crossing, or no RAM.
@inline(__always)
func readPointer(_ vp: VP, _ linear: UInt64, _ bytes: UInt64) -> UnsafeMutableRawPointer? {
    let entry = translationEntry(vp.pointee.tlb, linear)
    let offset = linear ^ entry.pointee.read
    guard _fastPath(offset <= 4096 &- bytes) else { return nil }
    return UnsafeMutableRawPointer(bitPattern: UInt(truncatingIfNeeded: entry.pointee.host &+ offset))
}

/// Host address for a store of `bytes` bytes, or nil as `readPointer`, also where the page holds decoded code.
@inline(__always)
func writePointer(_ vp: VP, _ linear: UInt64, _ bytes: UInt64) -> UnsafeMutableRawPointer? {
    let entry = translationEntry(vp.pointee.tlb, linear)
    let offset = linear ^ entry.pointee.write
    guard _fastPath(offset <= 4096 &- bytes) else { return nil }
    return UnsafeMutableRawPointer(bitPattern: UInt(truncatingIfNeeded: entry.pointee.host &+ offset))
}
