import CHost
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// The RAM of one virtual machine, and the only way host code reaches it.
///
/// RAM lies from guest-physical 0 to at most 3 GiB and goes on at 4 GiB. Descriptors, ring headers and messages are copied out once
/// (`read`), then checked; parsers never get a view of guest RAM. Writes revoke decoded code first and mark pages dirty afterwards.
///
///     guest-physical   0 ──────── lowSize │ hole (devices) │ 4 GiB ──────── 4 GiB + highSize
///     backing memfd    0 ──────── lowSize ──────────────── lowSize + highSize ── room to grow ── capacity
///
/// Memory that is added while the guest runs lies behind the last byte above 4 GiB; addresses of host pages never change, also where a
/// saved machine's file lies over the memfd (GuestMemory+PageFiles.swift).
package final class GuestMemory: @unchecked Sendable {
    package static let pageSize: UInt64 = 4096
    package static let lowLimit: UInt64 = 3 << 30
    package static let highBase: UInt64 = 4 << 30

    /// Bytes of RAM that the machine starts with.
    package let initialSize: UInt64
    /// Bytes of RAM that there can ever be.
    package let capacity: UInt64
    package let lowSize: UInt64
    private let currentSize: Atomic<UInt64>
    /// Bytes of RAM now.
    package var size: UInt64 { currentSize.load(ordering: .acquiring) }
    package var highSize: UInt64 { size - lowSize }
    /// Guest-physical address that no RAM will ever reach.
    package var limitAddress: UInt64 { capacity > lowSize ? Self.highBase + capacity - lowSize : lowSize }
    /// Guest-physical address behind the last byte of RAM.
    package var endAddress: UInt64 { highSize > 0 ? Self.highBase + highSize : lowSize }

    // Safety: `base` is valid for `capacity` bytes from init to deinit; every pointer made from it is checked against a range of RAM.
    let base: UnsafeMutableRawPointer
    /// The memory file: tells which pages were ever touched, and gives them back.
    let descriptor: Int32
    private let writers = Mutex<[any GuestMemoryWriteListener]>([])
    /// Where files lie over the memfd; nil: nowhere.
    let mapped = Mutex<MappedPages?>(nil)
    /// Marked by engines and by all writes here.
    package let dirtyPages: DirtyPages

    /// Maps `size` bytes (a multiple of 4 KiB, at least 1 MiB) of zeroed anonymous memory, with room to grow to `capacity`.
    package init(size: UInt64, capacity: UInt64? = nil) throws(GuestMemoryError) {
        let capacity = max(size, capacity ?? size)
        guard size >= 1 << 20, size % Self.pageSize == 0, capacity % Self.pageSize == 0, capacity < 1 << 46 else {
            throw GuestMemoryError(.badSize, bytes: size)
        }
        let descriptor = lv_memory_file("lunavisor guest RAM", capacity)
        guard descriptor >= 0 else { throw GuestMemoryError(.refused, bytes: size, errno: errno) }
        guard let pointer = mmap(nil, Int(capacity), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, descriptor, 0),
            pointer != MAP_FAILED
        else {
            let reason = errno
            close(descriptor)
            throw GuestMemoryError(.refused, bytes: size, errno: reason)
        }
        do throws(GuestMemoryError) { dirtyPages = try DirtyPages(base: pointer, capacity: capacity) } catch {
            munmap(pointer, Int(capacity))
            close(descriptor)
            throw error
        }
        base = pointer
        self.descriptor = descriptor
        (initialSize, self.capacity) = (size, capacity)
        currentSize = Atomic(size)
        lowSize = min(size, Self.lowLimit)
    }

    deinit {
        munmap(base, Int(capacity))
        close(descriptor)
    }

    /// Registers who must know before host code changes guest RAM (each VP's code cache). Held for the memory's life.
    package func addWriteListener(_ listener: any GuestMemoryWriteListener) {
        writers.withLock { $0.append(listener) }
    }

    var writeListeners: [any GuestMemoryWriteListener] { writers.withLock { $0 } }

    /// Sets how much RAM there is, between `initialSize` and `capacity`; what is taken away is given back to the host. false: out of range.
    package func resize(to size: UInt64) -> Bool {
        guard size >= initialSize, size <= capacity, size % Self.pageSize == 0 else { return false }
        let before = currentSize.exchange(size, ordering: .acquiringAndReleasing)
        if size < before { giveBack(Int(size / Self.pageSize)..<Int(before / Self.pageSize)) }
        return true
    }

    /// Gives the host memory under a range of RAM back: it reads as zeros afterwards. Pages only in part in it stay.
    package func release(_ range: GuestRange) {
        let first = (range.address + Self.pageSize - 1) & ~(Self.pageSize - 1)
        let end = (range.address &+ UInt64(max(range.count, 0))) & ~(Self.pageSize - 1)
        guard end > first, let pointer = hostPointer(first, count: Int(end - first)) else { return }
        revoke(GuestRange(address: first, count: Int(end - first)))
        let page = (pointer - base) / Int(Self.pageSize)
        giveBack(page..<page + Int((end - first) / Self.pageSize))
    }

    /// The host page behind a guest-physical page, for engines and GPA spaces only; nil outside RAM.
    package func hostPage(at address: UInt64) -> UnsafeMutableRawPointer? {
        let page = address & ~(Self.pageSize - 1)
        guard let offset = offset(of: page, count: Self.pageSize) else { return nil }
        return base + Int(offset)
    }

    /// True when all of [address, address + count) is RAM.
    package func contains(_ address: UInt64, count: UInt64) -> Bool { offset(of: address, count: count) != nil }

    /// Copies bytes out; nil when part of the range is not RAM.
    package func read(_ address: UInt64, count: Int) -> [UInt8]? {
        guard count >= 0, let offset = offset(of: address, count: UInt64(count)) else { return nil }
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            if let target = buffer.baseAddress { memcpy(target, base + Int(offset), count) }
            initialized = count
        }
    }

    /// Copies bytes in; false (and nothing written) when part of the range is not RAM.
    package func write(_ address: UInt64, _ bytes: some Collection<UInt8>) -> Bool {
        withWritable(address, count: bytes.count) { $0.copyBytes(from: bytes) } != nil
    }

    /// A little-endian integer, loaded at once when aligned; nil outside RAM.
    package func load<Value: FixedWidthInteger>(_ address: UInt64, as type: Value.Type) -> Value? {
        guard let offset = offset(of: address, count: UInt64(MemoryLayout<Value>.size)) else { return nil }
        let pointer = base + Int(offset)
        return switch MemoryLayout<Value>.size {
        case 1: Value(truncatingIfNeeded: lv_load8(pointer))
        case 2: Value(truncatingIfNeeded: lv_load16(pointer))
        case 4: Value(truncatingIfNeeded: lv_load32(pointer))
        default: Value(truncatingIfNeeded: lv_load64(pointer))
        }
    }

    /// Stores a little-endian integer, at once when aligned; false outside RAM.
    package func store<Value: FixedWidthInteger>(_ address: UInt64, _ value: Value) -> Bool {
        withWritable(address, count: MemoryLayout<Value>.size) { buffer in
            guard let pointer = buffer.baseAddress else { return }
            switch MemoryLayout<Value>.size {
            case 1: lv_store8(pointer, UInt8(truncatingIfNeeded: value))
            case 2: lv_store16(pointer, UInt16(truncatingIfNeeded: value))
            case 4: lv_store32(pointer, UInt32(truncatingIfNeeded: value))
            default: lv_store64(pointer, UInt64(truncatingIfNeeded: value))
            }
        } != nil
    }

    /// Runs `body` on the host bytes of a range of RAM after revoking decoded code in it; the pointer lives only inside. nil outside RAM.
    package func withWritable<Result>(
        _ address: UInt64, count: Int, _ body: (UnsafeMutableRawBufferPointer) throws -> Result
    ) rethrows -> Result? {
        guard count >= 0, let offset = offset(of: address, count: UInt64(count)) else { return nil }
        for listener in writeListeners { listener.hostWillWrite(address, count: UInt64(count)) }
        defer { dirtyPages.mark(base + Int(offset), count: count) }
        return try body(UnsafeMutableRawBufferPointer(start: base + Int(offset), count: count))
    }

    /// Host address of a range that lies wholly in RAM; for `GuestRange`'s closures only, which are inlined into their callers.
    @usableFromInline
    package func hostPointer(_ address: UInt64, count: Int) -> UnsafeMutableRawPointer? {
        guard count >= 0, let offset = offset(of: address, count: UInt64(count)) else { return nil }
        return base + Int(offset)
    }

    /// Tells every VP that host code is about to change the range. Whoever asks for it marks the range when it is written.
    @usableFromInline
    package func revoke(_ range: GuestRange) {
        for listener in writeListeners { listener.hostWillWrite(range.address, count: UInt64(range.count)) }
    }

    /// Offset into the backing of a range that lies wholly in RAM.
    private func offset(of address: UInt64, count: UInt64) -> UInt64? {
        let (end, overflow) = address.addingReportingOverflow(count)
        guard !overflow else { return nil }
        if end <= lowSize { return address }
        if address >= Self.highBase, end <= Self.highBase + highSize { return address - Self.highBase + lowSize }
        return nil
    }
}

/// Told before host code writes guest RAM, and when marks were taken. Called from any thread.
package protocol GuestMemoryWriteListener: AnyObject, Sendable {
    func hostWillWrite(_ address: UInt64, count: UInt64)
    /// When it returns, each further store of the guest marks its page in `dirtyPages` anew.
    func revokeWriteTags()
}
