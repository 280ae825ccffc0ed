import CHost
import DeviceModel
import Processor
import Synchronization

/// The guest-physical address space of a partition: RAM, overlay pages on top, and holes whose accesses are intercepts.
///
///     what the guest sees   ─ RAM ─┬ hypercall page ┬─ RAM ─┬ SIMP ┬─ RAM ─┤ hole: local APIC, devices ├─ RAM ─
///     what lies below       ─ RAM ─┴───── RAM ──────┴─ RAM ─┴ RAM ─┴─ RAM ─┤
///
/// Where several overlays lie on one page, `OverlayPage.Kind` and then the VP's number decide which one is seen; the TLFS leaves it
/// undefined. An overlay placed outside RAM is not accessible to the guest.
package final class GPASpace: GuestPhysicalMap, @unchecked Sendable {
    package let memory: GuestMemory

    private struct Placement {
        var page: UInt64
        var overlay: OverlayPage
    }
    private let placements = Mutex<[Placement]>([])
    /// One bit per value of the page number's low six bits: without it no overlay can lie there and the lock is not taken.
    private let hints = AtomicWords(count: 1)

    package init(memory: GuestMemory) { self.memory = memory }

    package func page(at address: UInt64) -> GuestPhysicalPage {
        let page = address & ~0xfff
        if hints[0] & Self.hint(page) != 0, let overlay = overlay(at: page) {
            return GuestPhysicalPage(host: overlay.host, isWritable: overlay.isGuestWritable)
        }
        return GuestPhysicalPage(host: memory.hostPage(at: page), isWritable: true)
    }

    /// True when the whole page of `address` is RAM, the bounds within which overlays are visible.
    package func contains(page address: UInt64) -> Bool { memory.contains(address & ~0xfff, count: 4096) }

    /// The overlay the guest sees at a page, if any.
    package func overlay(at address: UInt64) -> OverlayPage? {
        let page = address & ~0xfff
        return placements.withLock { list in list.first { $0.page == page }?.overlay }
    }

    /// Puts an overlay at the page of `address`, or takes it away with nil. Revokes decoded code of the pages concerned;
    /// the caller flushes the translations of all VPs afterwards, holding no lock. True when anything changed.
    func place(_ overlay: OverlayPage, at address: UInt64?) -> Bool {
        let target = address.map { $0 & ~0xfff }.flatMap { contains(page: $0) ? $0 : nil }
        let touched: [UInt64] = placements.withLock { list in
            let old = list.first { $0.overlay === overlay }?.page
            guard old != target else { return [] }
            list.removeAll { $0.overlay === overlay }
            if let target { list.append(Placement(page: target, overlay: overlay)) }
            list.sort { ($0.overlay.kind, $0.overlay.processor) < ($1.overlay.kind, $1.overlay.processor) }
            hints[0] = list.reduce(0) { $0 | Self.hint($1.page) }
            return [old, target].compactMap { $0 }
        }
        for page in touched { memory.withWritable(page, count: 4096) { _ in } }
        return !touched.isEmpty
    }

    private static func hint(_ page: UInt64) -> UInt64 { 1 << (page >> 12 & 63) }
}
