import CHost
import DeviceModel
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// What the virtual processors of one partition share: which physical pages hold decoded code, and how one VP reaches the caches of the
/// others (machine.md, "Threads and memory").
///
/// A byte per physical page says "some VP may run decoded code from here"; a bit per 64 bytes says where. Stores to such a page never
/// get a write tag, so they come to the slow path, which invalidates the page on every VP when they hit a granule with code.
///
/// Locking: `lock` orders marking against invalidation. A VP that waits for it, or for another VP, counts as not running guest code
/// meanwhile, so that nobody waits for it; what it is asked lies in its mailbox until it goes on.
package final class EngineGroup: GuestMemoryWriteListener, @unchecked Sendable {
    /// Physical pages that the tables cover; code beyond is never cached.
    let pageCount: Int
    // Safety: both tables have `pageCount` elements from init to deinit; indices are checked by `covers`. Untouched parts cost nothing.
    private let codeFlags: UnsafeMutablePointer<UInt8>
    private let codeGranules: UnsafeMutablePointer<UInt64>
    private let mapping: UnsafeMutableRawPointer
    private let mappingSize: Int
    private let lock: UnsafeMutablePointer<UInt32>
    private let channels = Mutex<[VPChannel]>([])
    /// Where VPs mark pages that they write.
    let dirtyPages: DirtyPages

    /// `memory` tells the group before host code writes guest RAM.
    package init(memory: GuestMemory) throws(EngineMemoryError) {
        dirtyPages = memory.dirtyPages
        let pages = Int(max(memory.limitAddress, 1 << 32) >> 12)
        pageCount = pages
        mappingSize = pages * 9
        let pointer = try reserveEngineMemory(bytes: mappingSize)
        mapping = pointer
        codeGranules = pointer.assumingMemoryBound(to: UInt64.self)
        codeFlags = (pointer + pages * 8).assumingMemoryBound(to: UInt8.self)
        lock = .allocate(capacity: 2)
        lock.initialize(repeating: 0, count: 2)
        memory.addWriteListener(self)
    }

    deinit {
        munmap(mapping, mappingSize)
        lock.deallocate()
    }

    // MARK: membership

    func add(_ channel: VPChannel) { channels.withLock { $0.append(channel) } }
    func remove(_ channel: VPChannel) {
        acquire(nil)
        channels.withLock { $0.removeAll { $0 === channel } }
        release()
    }

    // MARK: code pages

    @inline(__always) func covers(_ physical: UInt64) -> Bool { physical &>> 12 < UInt64(pageCount) }

    /// True when some VP may have decoded code of this physical page.
    @inline(__always) func holdsCode(_ physical: UInt64) -> Bool {
        covers(physical) && lv_atomic_load8(codeFlags + Int(physical &>> 12)) != 0
    }

    /// True when decoded code lies in the 64-byte granules of [physical, physical + count), which is within one page and was stored to
    /// just now. A VP that marks a granule behind this look reads what was stored.
    func holdsCode(_ physical: UInt64, count: Int) -> Bool {
        guard holdsCode(physical) else { return false }
        // The store must be seen by others before the look: x86 orders a load before an older store.
        lv_fence()
        return lv_atomic_load64(codeGranules + Int(physical &>> 12)) & Self.granules(physical, count) != 0
    }

    private static func granules(_ physical: UInt64, _ count: Int) -> UInt64 {
        let first = physical &>> 6 & 63
        let last = min(63, (physical & 0xfff &+ UInt64(max(count, 1)) &- 1) &>> 6)
        return (~0 &>> (63 &- (last &- first))) &<< first
    }

    /// Before code of [physical, physical + count) is decoded: afterwards no VP can change it without the group hearing of it.
    func markCode(_ physical: UInt64, count: Int, by vp: VPChannel) {
        guard covers(physical) else { return }
        let page = Int(physical &>> 12)
        let bits = Self.granules(physical, count)
        if lv_atomic_load8(codeFlags + page) != 0, lv_atomic_load64(codeGranules + page) & bits == bits { return }
        acquire(vp)
        let isNew = lv_atomic_or8(codeFlags + page, 1) == 0
        _ = lv_atomic_or64(codeGranules + page, bits)
        if isNew { send(.revokeWrites(physical & ~0xfff), from: vp, includingSelf: true) }
        release()
    }

    /// After a store of `vp` hit decoded code: drops the page's blocks on every VP.
    func invalidateCode(_ physical: UInt64, by vp: VPChannel?) {
        acquire(vp)
        // The marks go before the blocks: a VP that has dropped its block may decode the code anew at once, and whatever mark it finds or
        // sets then must stay, or the next store would go unnoticed.
        let page = Int(physical &>> 12)
        _ = lv_atomic_exchange64(codeGranules + page, 0)
        _ = lv_atomic_and8(codeFlags + page, 0)
        send(.invalidateCode(physical & ~0xfff), from: vp, includingSelf: true)
        release()
    }

    package func hostWillWrite(_ address: UInt64, count: UInt64) {
        guard count > 0 else { return }
        var page = address &>> 12
        let last = (address &+ count &- 1) &>> 12
        while page <= last, page < UInt64(pageCount) {
            if lv_atomic_load8(codeFlags + Int(page)) != 0 { invalidateCode(page &<< 12, by: nil) }
            page &+= 1
        }
    }

    package func revokeWriteTags() {
        acquire(nil)
        send(.revokeAllWrites, from: nil, includingSelf: false)
        release()
    }

    // MARK: requests to other VPs

    /// Asks every VP and returns when each has done it or is not running guest code. The asking VP does its own share at once.
    private func send(_ request: VPRequest, from vp: VPChannel?, includingSelf: Bool) {
        let all = channels.withLock { $0 }
        for channel in all where channel !== vp { channel.post(request) }
        if includingSelf, let vp { vp.post(request) }
        for channel in all where channel !== vp { channel.awaitAcknowledgement() }
    }

    // MARK: stopping the world

    /// Runs `body` while no other VP executes guest code: a locked access across two pages.
    func withOthersStopped<Result>(_ vp: VPChannel, _ body: () -> Result) -> Result {
        acquire(vp)
        lv_atomic_store32(lock + 1, 1)
        let all = channels.withLock { $0 }
        for channel in all where channel !== vp { channel.hurry() }
        for channel in all where channel !== vp { channel.awaitStop() }
        let result = body()
        lv_atomic_store32(lock + 1, 0)
        release()
        return result
    }

    /// True while another VP has stopped the world; a VP may not enter guest code then.
    @inline(__always) var isStopped: Bool { lv_atomic_load32(lock + 1) != 0 }

    private func acquire(_ vp: VPChannel?) {
        vp?.leaveGuest()
        while lv_atomic_exchange32(lock, 1) != 0 { sched_yield() }
        vp?.enterGuestHoldingLock()
    }

    private func release() { lv_atomic_store32(lock, 0) }
}
