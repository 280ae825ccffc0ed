import Basics
import CHost
import DeviceModel
import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#endif

/// Writes a saved machine's file (SavedMachine), in as many passes over RAM as its owner likes; nothing of it counts before `finish`.
///
/// Pages go from guest RAM to the file without a copy in between, also while the guest writes to them: such a page is dirty afterwards and
/// comes again.
package final class MemoryImageWriter {
    private static let pageSize = Int(GuestMemory.pageSize)
    /// Pages of one write at most.
    private static let stretch = 1024

    private let memory: GuestMemory
    private let descriptor: Int32
    private let isFull: Bool
    /// Pages that this file says something about.
    package private(set) var decided: PageSet
    private var filled: PageSet
    private var sums: [UInt32]
    package private(set) var bytesWritten: UInt64 = 0
    package private(set) var pagesWritten = 0

    /// Empties the file. `isFull`: it will decide every page, those that nobody asks for are zero.
    package init(memory: GuestMemory, descriptor: Int32, isFull: Bool) throws(MachineError) {
        (self.memory, self.descriptor, self.isFull) = (memory, descriptor, isFull)
        let count = memory.pageCount
        (decided, filled) = (PageSet(count: count), PageSet(count: count))
        sums = [UInt32](repeating: 0, count: count)
        guard !memory.liesOver(descriptor) else { throw MachineError(.writeFailed, detail: "the machine runs from that very file") }
        // What the file held must not shine through where nothing is written.
        guard ftruncate(descriptor, 0) == 0 else { throw Self.failure() }
    }

    /// Writes pages as they are now.
    package func write(_ pages: PageSet) throws(MachineError) {
        if pages.count > sums.count {
            decided.resize(to: pages.count)
            filled.resize(to: pages.count)
            sums += [UInt32](repeating: 0, count: pages.count - sums.count)
        }
        var use = memory.pagesInUse()
        var next = 0
        while let run = pages.run(from: next) {
            next = run.lowerBound
            while next < run.upperBound {
                let inUse = use.run(from: next, below: run.upperBound) ?? run.upperBound..<run.upperBound
                try writeZeros(next..<inUse.lowerBound)
                try writeUsed(inUse)
                next = inUse.upperBound
            }
        }
        decided.formUnion(pages)
    }

    /// Pages that may hold something.
    private func writeUsed(_ pages: Range<Int>) throws(MachineError) {
        var first = pages.lowerBound
        for page in pages {
            let bytes = memory.bytes(of: page..<page + 1)
            let sum = bytes.baseAddress.map(lv_page_sum) ?? 0
            if sum == 0 || page - first == Self.stretch {
                try writeFilled(first..<page)
                first = sum == 0 ? page + 1 : page
                if sum == 0 { try writeZeros(page..<page + 1) }
            }
            sums[page] = sum
        }
        try writeFilled(first..<pages.upperBound)
    }

    private func writeFilled(_ pages: Range<Int>) throws(MachineError) {
        guard !pages.isEmpty else { return }
        try write(memory.bytes(of: pages), at: Self.place(pages.lowerBound))
        filled.insert(pages)
        pagesWritten += pages.count
    }

    /// Holes stay holes; what an earlier pass wrote is overwritten.
    private func writeZeros(_ pages: Range<Int>) throws(MachineError) {
        var next = pages.lowerBound
        while let run = filled.run(from: next, below: pages.upperBound) {
            if !lv_punch_hole(descriptor, UInt64(Self.place(run.lowerBound)), UInt64(run.count * Self.pageSize)) {
                let zeros = [UInt8](repeating: 0, count: run.count * Self.pageSize)
                try write(zeros, at: Self.place(run.lowerBound))
            }
            next = run.upperBound
        }
        filled.remove(pages)
    }

    /// Writes what makes the file a saved machine. Precondition: RAM stands as the file says.
    package func finish(_ header: SavedMachine.Header) throws(MachineError) {
        let count = memory.pageCount
        var decided = isFull ? PageSet(count: count, all: true) : decided
        decided.resize(to: count)
        filled.resize(to: count)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let json = try? encoder.encode(header) else { throw MachineError(.writeFailed, detail: "its header cannot be encoded") }
        guard json.count <= SavedMachine.headerLimit else { throw MachineError(.writeFailed, detail: "its header is too long") }

        // Pages that went while the file was written, and the length where the last pages are holes.
        guard ftruncate(descriptor, off_t(Self.place(count))) == 0 else { throw Self.failure() }
        var end: [UInt8] = []
        var parts: [SavedMachineFrame.Part] = []
        var filledSums: [UInt32] = []
        var page = 0
        while let run = filled.run(from: page) {
            filledSums += sums[run]
            page = run.upperBound
        }
        for part in [Self.bytes(decided.words), Self.bytes(filled.words), Array(json), Self.bytes(filledSums)] {
            parts.append(.init(at: UInt64(Self.place(count) + end.count), bytes: part.count, check: Self.hash(part)))
            end += part
        }
        try write(end, at: Self.place(count))
        let now = UInt64(clamping: HostTime.wall())
        let contents = SavedMachineFrame.Contents(
            pages: count, decided: parts[0], filled: parts[1], header: parts[2], sums: parts[3], written: now)
        guard let frame = try? encoder.encode(contents) else { throw MachineError(.writeFailed, detail: "its header cannot be encoded") }
        var start = SavedMachine.magic + [UInt8](littleEndian: UInt32(frame.count)) + Array(frame)
        start.append(littleEndian: Self.hash(start))
        try write(start, at: 0)
        SavedMachineFrame.stamp(descriptor, now)
    }

    /// Returns when everything written so far is durable.
    package func synchronize() throws(MachineError) {
        // A descriptor of what has no durability is the caller's choice.
        while fdatasync(descriptor) != 0 {
            if errno == EINVAL { return }
            guard errno == EINTR else { throw Self.failure() }
        }
    }

    // MARK: bytes

    private static func place(_ page: Int) -> Int { SavedMachine.pageBase + page * pageSize }

    private static func bytes<Value: FixedWidthInteger>(_ values: [Value]) -> [UInt8] {
        values.map(\.littleEndian).withUnsafeBytes { Array($0) }
    }

    private static func hash(_ bytes: [UInt8]) -> UInt64 {
        var hash = StateHash()
        bytes.withUnsafeBytes { hash.combine($0) }
        return hash.value
    }

    private func write(_ bytes: [UInt8], at offset: Int) throws(MachineError) {
        var failure: MachineError?
        bytes.withUnsafeBytes { bytes in
            do throws(MachineError) { try write(bytes, at: offset) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    private func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(MachineError) {
        var done = 0
        while done < bytes.count {
            let count = pwrite(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done, off_t(offset + done))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Self.failure() }
            done += count
        }
        bytesWritten += UInt64(bytes.count)
    }

    private static func failure() -> MachineError { MachineError(.writeFailed, detail: String(cString: strerror(errno))) }
}
