import CHost

#if canImport(Glibc)
    import Glibc
#endif

/// A page of the hypervisor's own that covers a guest-physical page while it is enabled (TLFS 5.2.1, "GPA Overlay Pages").
///
/// It keeps its content wherever it lies; the page below keeps its own and appears again when the overlay goes.
package final class OverlayPage: @unchecked Sendable {
    /// What an overlay is. The order is the one of precedence where several lie on one page: the first covers the others.
    package enum Kind: Int, Codable, Sendable, CaseIterable, Comparable {
        case hypercall, referenceTSC, vpAssist, messages, eventFlags
        package static func < (left: Kind, right: Kind) -> Bool { left.rawValue < right.rawValue }
    }

    package static let size = 4096

    package let kind: Kind
    /// VP it belongs to; 0 for those of the whole partition.
    package let processor: Int
    /// True: the guest's stores go into the page; false: they are intercepts, which end in #GP.
    package let isGuestWritable: Bool

    // Safety: `size` bytes, page-aligned, valid from init to deinit; a GPA space that maps the page holds a reference to it.
    let host: UnsafeMutableRawPointer

    package init(_ kind: Kind, processor: Int = 0, isGuestWritable: Bool) {
        (self.kind, self.processor, self.isGuestWritable) = (kind, processor, isGuestWritable)
        host = .allocate(byteCount: Self.size, alignment: Self.size)
        clear()
    }

    deinit { host.deallocate() }

    package func clear() { memset(host, 0, Self.size) }

    /// The content as it is now.
    package var bytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Self.size) { buffer, count in
            if let target = buffer.baseAddress { memcpy(target, host, Self.size) }
            count = Self.size
        }
    }

    /// Replaces the content from `offset`; bytes beyond the page are left out.
    package func write(_ offset: Int, _ bytes: [UInt8]) {
        guard offset >= 0, offset < Self.size else { return }
        let count = min(bytes.count, Self.size - offset)
        bytes.withUnsafeBytes { source in
            if let start = source.baseAddress { memcpy(host + offset, start, count) }
        }
    }

    func load8(_ offset: Int) -> UInt8 { lv_load8(host + (offset & 0xfff)) }
    func load32(_ offset: Int) -> UInt32 { lv_load32(host + (offset & 0xffc)) }
    func store8(_ offset: Int, _ value: UInt8) { lv_store8(host + (offset & 0xfff), value) }
    func store32(_ offset: Int, _ value: UInt32) { lv_store32(host + (offset & 0xffc), value) }
    func store64(_ offset: Int, _ value: UInt64) { lv_store64(host + (offset & 0xff8), value) }

    /// Sets bits of one byte at once; returns the byte as it was.
    func or8(_ offset: Int, _ bits: UInt8) -> UInt8 { lv_atomic_or8((host + (offset & 0xfff)).assumingMemoryBound(to: UInt8.self), bits) }
}
