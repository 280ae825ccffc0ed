import CHost

/// The slow side of every memory access: walks, page crossings, intercepts, pages with decoded code.
extension Interpreter {
    /// What one access found: RAM, or an address for an intercept.
    struct Place {
        /// Physical address of the byte.
        var physical: UInt64
        /// Its host address; nil: an intercept.
        var host: UnsafeMutableRawPointer?
    }

    /// Translates for one access within a page and fills the TLB; nil: #PF (or #GP for a non-canonical address) is recorded.
    func place(_ linear: UInt64, write: Bool, user: Bool) -> Place? {
        let cache = user ? userCache : supervisorCache
        let entry = cache.entries + TranslationCache.index(linear)
        let offset = linear & 0xfff
        if (write ? entry.pointee.write : entry.pointee.read) == linear & ~0xfff {
            return Place(
                physical: entry.pointee.info & ~0xfff | offset,
                host: UnsafeMutableRawPointer(bitPattern: UInt(entry.pointee.host &+ offset)))
        }
        if write, entry.pointee.info & TranslationEntry.unmarked != 0, entry.pointee.read == linear & ~0xfff,
            let host = UnsafeMutableRawPointer(bitPattern: UInt(entry.pointee.host))
        {
            // First the mark, then the tag: see DirtyPages.
            group.dirtyPages.mark(host)
            entry.pointee.write = entry.pointee.read
            entry.pointee.info &= ~TranslationEntry.unmarked
            cache.noteStores(entry.pointee.info)
            return Place(physical: entry.pointee.info & ~0xfff | offset, host: host + Int(offset))
        }
        ownCounters.tlbMisses &+= 1
        if vp.pointee.efer & EFER.longModeActive != 0, !isCanonical(linear) {
            raise(vp, ExceptionVector.generalProtection, 0)
            return nil
        }
        let result = walk(linear, PageAccess(write: write, execute: false, user: user))
        if result.fault >= 0 {
            vp.pointee.cr2 = linear
            raise(vp, ExceptionVector.pageFault, UInt32(result.fault))
            return nil
        }
        let page = physicalPage(result.physical)
        guard let host = page.host, page.isWritable || !write else { return Place(physical: result.physical | offset, host: nil) }
        if watchesPage(vp, linear) { return Place(physical: result.physical | offset, host: host + Int(offset)) }
        let index = TranslationCache.index(linear)
        let mayWrite = result.writable && page.isWritable && !group.holdsCode(result.physical)
        var isMarked = true
        if mayWrite, group.dirtyPages.isTracking {
            if write { group.dirtyPages.mark(host) } else { isMarked = group.dirtyPages.isMarked(host) }
        }
        cache.fill(
            index,
            TranslationEntry(
                read: linear & ~0xfff, write: mayWrite && isMarked ? linear & ~0xfff : TranslationCache.emptyTag(index),
                host: UInt64(UInt(bitPattern: host)),
                info: result.physical | (result.global ? TranslationEntry.global : 0) | (result.large ? TranslationEntry.large : 0)
                    | (isMarked ? 0 : TranslationEntry.unmarked)))
        if result.large { hasLargeTranslations = true }
        return Place(physical: result.physical | offset, host: host + Int(offset))
    }

    /// 1, 2, 4 or 8 bytes anywhere.
    func slowLoad(_ linear: UInt64, _ bytes: Int, user: Bool) -> UInt64? {
        noteDataAccess(vp, linear, bytes: bytes, write: false)
        let inPage = 4096 - Int(linear & 0xfff)
        if inPage >= bytes {
            guard let place = place(linear, write: false, user: user) else { return nil }
            return load(place, bytes)
        }
        guard let first = place(linear, write: false, user: user),
            let second = place(((linear & ~0xfff) &+ 4096) & linearMask, write: false, user: user),
            let low = loadBytes(first, inPage), let high = loadBytes(second, bytes - inPage)
        else { return nil }
        return low | high &<< UInt64(inPage * 8)
    }

    /// 1, 2, 4 or 8 bytes anywhere; nothing is stored when any of them would fault.
    func slowStore(_ linear: UInt64, _ bytes: Int, _ value: UInt64, user: Bool) -> Bool {
        noteDataAccess(vp, linear, bytes: bytes, write: true)
        let inPage = 4096 - Int(linear & 0xfff)
        if inPage >= bytes {
            guard let place = place(linear, write: true, user: user) else { return false }
            return store(place, bytes, value)
        }
        guard let first = place(linear, write: true, user: user),
            let second = place(((linear & ~0xfff) &+ 4096) & linearMask, write: true, user: user)
        else { return false }
        return storeBytes(first, inPage, value) && storeBytes(second, bytes - inPage, value &>> UInt64(inPage * 8))
    }

    /// Walks for writing over every page of the range.
    func prepareStore(_ linear: UInt64, _ bytes: Int, user: Bool) -> Bool {
        guard place(linear, write: true, user: user) != nil else { return false }
        var next = linear & ~0xfff &+ 4096
        while next < linear &+ UInt64(bytes) {
            guard place(next & linearMask, write: true, user: user) != nil else { return false }
            next &+= 4096
        }
        return true
    }

    /// Host address of a naturally usable range for a read-modify-write; nil with `vp.fault.pending` clear: split or intercepted.
    func pointerForUpdate(_ linear: UInt64, _ bytes: Int) -> UnsafeMutableRawPointer? {
        guard linear & 0xfff &+ UInt64(bytes) <= 4096 else { return nil }
        guard let place = place(linear, write: true, user: vp.pointee.cpl == 3), let host = place.host else { return nil }
        noteDataAccess(vp, linear, bytes: bytes, write: true)
        noteStore(place.physical, bytes)
        // Behind what may have let this VP count as not running, before the caller's store.
        group.dirtyPages.mark(host)
        return host
    }

    /// Linear addresses wrap at 4 GiB outside 64-bit mode.
    private var linearMask: UInt64 { vp.pointee.mode == 2 ? ~0 : vp.pointee.efer & EFER.longModeActive != 0 ? ~0 : 0xffff_ffff }

    // MARK: one page

    private func load(_ place: Place, _ bytes: Int) -> UInt64? {
        guard let host = place.host else { return interceptedLoad(place.physical, bytes) }
        return switch bytes {
        case 1: UInt64(lv_load8(host))
        case 2: UInt64(lv_load16(host))
        case 4: UInt64(lv_load32(host))
        default: lv_load64(host)
        }
    }

    private func store(_ place: Place, _ bytes: Int, _ value: UInt64) -> Bool {
        guard let host = place.host else { return interceptedStore(place.physical, bytes, value) }
        // Marked here too: the other part of the access may have been an intercept, during which tags are taken back.
        group.dirtyPages.mark(host)
        switch bytes {
        case 1: lv_store8(host, UInt8(truncatingIfNeeded: value))
        case 2: lv_store16(host, UInt16(truncatingIfNeeded: value))
        case 4: lv_store32(host, UInt32(truncatingIfNeeded: value))
        default: lv_store64(host, value)
        }
        noteStore(place.physical, bytes)
        return true
    }

    /// Part of a page-crossing access, byte by byte.
    private func loadBytes(_ place: Place, _ bytes: Int) -> UInt64? {
        var value: UInt64 = 0
        for offset in 0..<bytes {
            guard let byte = load(Place(physical: place.physical &+ UInt64(offset), host: place.host.map { $0 + offset }), 1) else {
                return nil
            }
            value |= byte &<< UInt64(offset * 8)
        }
        return value
    }

    private func storeBytes(_ place: Place, _ bytes: Int, _ value: UInt64) -> Bool {
        for offset in 0..<bytes {
            let byte = Place(physical: place.physical &+ UInt64(offset), host: place.host.map { $0 + offset })
            guard store(byte, 1, value &>> UInt64(offset * 8) & 0xff) else { return false }
        }
        return true
    }

    /// After a store to RAM: drops decoded code it hit; the block being executed ends behind this instruction.
    @inline(__always) func noteStore(_ physical: UInt64, _ bytes: Int) {
        guard group.holdsCode(physical, count: bytes) else { return }
        group.invalidateCode(physical, by: channel)
        leaveBlock()
        serveRequests()
    }

    // MARK: intercepts

    private func interceptedLoad(_ physical: UInt64, _ bytes: Int) -> UInt64? {
        switch intercept({ $0.readMemory(physical, size: bytes) }) {
        case .value(let value): return value
        case .exception(let vector, let errorCode):
            raise(vp, Int(vector), errorCode)
            return nil
        }
    }

    private func interceptedStore(_ physical: UInt64, _ bytes: Int, _ value: UInt64) -> Bool {
        switch intercept({ $0.writeMemory(physical, size: bytes, value: value) }) {
        case .value: return true
        case .exception(let vector, let errorCode):
            raise(vp, Int(vector), errorCode)
            return false
        }
    }

    /// Calls the intercept handler; meanwhile this VP counts as not running guest code, so that nobody waits for it.
    package func intercept<Result>(_ body: (any InterceptHandler) -> Result) -> Result {
        channel.leaveGuest()
        let result = body(ungatedIntercepts)
        channel.enterGuest()
        if channel.hasRequests {
            leaveBlock()
            serveRequests()
        }
        return result
    }
}
