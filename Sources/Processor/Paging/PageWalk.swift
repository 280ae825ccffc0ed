import CHost

/// What an access wants of a page.
struct PageAccess {
    var write = false
    var execute = false
    /// The access counts as CPL 3.
    var user = false
    /// false: look only; leave accessed and dirty bits alone.
    var marks = true
}

/// Where a linear page lies and what the access that asked may do without asking again.
struct PageTranslation {
    /// Physical address of the 4 KiB page.
    var physical: UInt64 = 0
    /// Stores at this privilege are allowed and the dirty bit is set.
    var writable = false
    var global = false
    /// Came from a page larger than 4 KiB.
    var large = false
    /// Error code of the #PF; negative: none.
    var fault: Int32 = -1
}

/// Bits of page-table entries (AMD APM vol. 2, 5.4).
private enum Entry {
    static let present: UInt64 = 1, write: UInt64 = 2, user: UInt64 = 4, accessed: UInt64 = 0x20, dirty: UInt64 = 0x40
    static let large: UInt64 = 0x80, global: UInt64 = 0x100, noExecute: UInt64 = 1 << 63
    /// Address bits of an entry in PAE and long mode, within `AddressWidth.physical`.
    static let address: UInt64 = ((1 << UInt64(AddressWidth.physical)) - 1) & ~0xfff
    /// Address bits that do not exist.
    static let reserved: UInt64 = 0x000f_ffff_ffff_f000 & ~address
}

/// Bits of a page fault's error code (APM vol. 2, 8.2.15).
private enum PageFaultCode {
    static let present: Int32 = 1, write: Int32 = 2, user: Int32 = 4, reserved: Int32 = 8, fetch: Int32 = 16
}

/// The page walk: 32-bit with PSE, PAE and four levels (APM vol. 2, chapter 5). Accessed and dirty bits are set by compare-exchange; a
/// walk that loses the race starts again.
extension Interpreter {
    func walk(_ linear: UInt64, _ access: PageAccess) -> PageTranslation {
        if vp.pointee.cr0 & CR0.paging == 0 {
            return PageTranslation(physical: linear & 0xffff_f000, writable: true, global: false, large: false)
        }
        while true {
            if let result = vp.pointee.cr4 & CR4.physicalAddressExtension == 0
                ? walk32(linear, access) : walkPAE(linear, access)
            {
                return result
            }
        }
    }

    private func fault(_ access: PageAccess, _ bits: Int32) -> PageTranslation {
        var code = bits
        if access.write { code |= PageFaultCode.write }
        if access.user { code |= PageFaultCode.user }
        if access.execute, vp.pointee.efer & EFER.noExecuteEnable != 0, vp.pointee.cr4 & CR4.physicalAddressExtension != 0 {
            code |= PageFaultCode.fetch
        }
        return PageTranslation(fault: code)
    }

    /// Rights of all levels together against the access; nil: allowed.
    private func refusal(_ access: PageAccess, write: Bool, user: Bool, execute: Bool) -> PageTranslation? {
        if access.user, !user { return fault(access, PageFaultCode.present) }
        if access.write, !write, access.user || vp.pointee.cr0 & CR0.writeProtect != 0 { return fault(access, PageFaultCode.present) }
        if access.execute, !execute { return fault(access, PageFaultCode.present) }
        return nil
    }

    /// Four levels in long mode, three with PAE. nil: an entry changed underneath.
    private func walkPAE(_ linear: UInt64, _ access: PageAccess) -> PageTranslation? {
        let long = vp.pointee.efer & EFER.longModeActive != 0
        var table = long ? vp.pointee.cr3 & Entry.address : vp.pointee.cr3 & 0xffff_ffe0
        var shift: UInt64 = long ? 39 : 30
        var write = true
        var user = true
        var execute = true
        let noExecuteReserved = vp.pointee.efer & EFER.noExecuteEnable == 0 ? Entry.noExecute : 0
        // Addresses of the entries above the leaf that lack the accessed bit.
        var unmarked: (UInt64, UInt64, UInt64) = (0, 0, 0)
        while true {
            let isPDPTE = !long && shift == 30
            let address = table + (linear &>> shift & (isPDPTE ? 3 : 0x1ff)) &* 8
            guard let pointer = tablePointer(address) else { return fault(access, 0) }
            let entry = lv_load64(pointer)
            if entry & Entry.present == 0 { return fault(access, 0) }
            var reserved = Entry.reserved | noExecuteReserved
            if !long { reserved |= isPDPTE ? 0xfff0_0000_0000_01e6 : 0x7ff0_0000_0000_0000 }
            if shift == 39 { reserved |= Entry.large }
            let isLarge = shift == 21 && entry & Entry.large != 0 || long && shift == 30 && entry & Entry.large != 0
            if isLarge { reserved |= ((1 &<< shift) &- 1) & ~0x1fff }
            if entry & reserved != 0 { return fault(access, PageFaultCode.present | PageFaultCode.reserved) }
            if !isPDPTE {
                if entry & Entry.write == 0 { write = false }
                if entry & Entry.user == 0 { user = false }
                if entry & Entry.noExecute != 0 { execute = false }
            }
            if isLarge || shift == 12 {
                if let refused = refusal(access, write: write, user: user, execute: execute) { return refused }
                var now = entry
                if access.marks {
                    if unmarked.0 != 0, !mark(unmarked.0) { return nil }
                    if unmarked.1 != 0, !mark(unmarked.1) { return nil }
                    if unmarked.2 != 0, !mark(unmarked.2) { return nil }
                    now |= Entry.accessed | (access.write ? Entry.dirty : 0)
                    if now != entry {
                        var expected = entry
                        if !lv_cas64(pointer, &expected, now) { return nil }
                        group.dirtyPages.mark(pointer)
                    }
                }
                let mask = (1 &<< shift) &- 1
                let physical = entry & Entry.address & ~mask | linear & mask & ~0xfff
                let mayWrite = write || !access.user && vp.pointee.cr0 & CR0.writeProtect == 0
                return PageTranslation(
                    physical: physical, writable: mayWrite && now & Entry.dirty != 0,
                    global: entry & Entry.global != 0 && vp.pointee.cr4 & CR4.globalPages != 0, large: shift != 12)
            }
            if !isPDPTE, entry & Entry.accessed == 0 {
                if unmarked.0 == 0 { unmarked.0 = address } else if unmarked.1 == 0 { unmarked.1 = address } else { unmarked.2 = address }
            }
            table = entry & Entry.address
            shift &-= 9
        }
    }

    /// Two levels of 32-bit entries; 4 MiB pages with CR4.PSE (PSE-36: bits 13–20 are address bits 32–39).
    private func walk32(_ linear: UInt64, _ access: PageAccess) -> PageTranslation? {
        let directory = vp.pointee.cr3 & 0xffff_f000 &+ (linear &>> 22 & 0x3ff) &* 4
        guard let upper = tablePointer(directory) else { return fault(access, 0) }
        let entry = lv_load32(upper)
        if entry & 1 == 0 { return fault(access, 0) }
        var write = entry & 2 != 0
        var user = entry & 4 != 0
        var leaf = entry
        var pointer = upper
        let isLarge = entry & 0x80 != 0 && vp.pointee.cr4 & CR4.pageSizeExtension != 0
        if isLarge {
            if entry & 0x0020_0000 != 0 { return fault(access, PageFaultCode.present | PageFaultCode.reserved) }
        } else {
            let address = UInt64(entry & 0xffff_f000) &+ (linear &>> 12 & 0x3ff) &* 4
            guard let lower = tablePointer(address) else { return fault(access, 0) }
            pointer = lower
            leaf = lv_load32(lower)
            if leaf & 1 == 0 { return fault(access, 0) }
            write = write && leaf & 2 != 0
            user = user && leaf & 4 != 0
        }
        if let refused = refusal(access, write: write, user: user, execute: true) { return refused }
        var now = leaf
        if access.marks {
            if !isLarge, entry & 0x20 == 0 {
                var expected = entry
                if !lv_cas32(upper, &expected, entry | 0x20) { return nil }
                group.dirtyPages.mark(upper)
            }
            now |= 0x20 | (access.write ? 0x40 : 0)
            if now != leaf {
                var expected = leaf
                if !lv_cas32(pointer, &expected, now) { return nil }
                group.dirtyPages.mark(pointer)
            }
        }
        let physical =
            isLarge
            ? UInt64(leaf & 0xffc0_0000) | UInt64(leaf & 0x001f_e000) &<< 19 | linear & 0x003f_f000
            : UInt64(leaf & 0xffff_f000)
        let mayWrite = write || !access.user && vp.pointee.cr0 & CR0.writeProtect == 0
        return PageTranslation(
            physical: physical, writable: mayWrite && now & 0x40 != 0,
            global: leaf & 0x100 != 0 && vp.pointee.cr4 & CR4.globalPages != 0, large: isLarge)
    }

    /// Sets the accessed bit of an upper-level entry; false when it changed underneath.
    private func mark(_ address: UInt64) -> Bool {
        guard let pointer = tablePointer(address) else { return false }
        var entry = lv_load64(pointer)
        if entry & Entry.present == 0 { return false }
        if entry & Entry.accessed != 0 { return true }
        guard lv_cas64(pointer, &entry, entry | Entry.accessed) else { return false }
        group.dirtyPages.mark(pointer)
        return true
    }

    /// Host address of a page-table entry; nil where there is no RAM (read as not present).
    private func tablePointer(_ address: UInt64) -> UnsafeMutableRawPointer? {
        guard let host = physicalPage(address).host else { return nil }
        return host + Int(truncatingIfNeeded: address & 0xfff)
    }
}
