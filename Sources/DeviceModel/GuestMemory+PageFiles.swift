#if canImport(Glibc)
    import Glibc
#endif

/// A file with images of pages of RAM: page p lies at `offset + 4096 × p`.
package struct PageFile: Sendable {
    package var descriptor: Int32
    /// A multiple of 4096.
    package var offset: UInt64
    /// The pages whose content it says; the rest is as in the file before it. Pages from `decided.count` on are zero.
    package var decided: PageSet
    /// Those of them that hold anything but zeros.
    package var filled: PageSet

    package init(descriptor: Int32, offset: UInt64, decided: PageSet, filled: PageSet) {
        (self.descriptor, self.offset, self.decided, self.filled) = (descriptor, offset, decided, filled)
    }
}

/// Where files lie over the memfd.
struct MappedPages {
    /// Pages that lie in a private mapping of a file.
    var foreign: PageSet
    /// Of those: pages that the file fills, or that were found dirty since. The rest is zero.
    var used: PageSet
    /// The files, as the host tells them apart.
    let files: [FileNumber]
    private var departures = 0

    struct FileNumber: Equatable {
        var device: dev_t
        var node: ino_t
    }

    init(pageCount: Int, files: [FileNumber]) {
        (foreign, used, self.files) = (PageSet(count: pageCount), PageSet(count: pageCount), files)
    }

    /// A run shorter than this is overwritten rather than mapped: each mapping costs the host a record, of which it allows 65,530.
    static let mappedRun = 32
    /// Mappings that restoring makes at most, and ranges that are taken out of them at most.
    static let mostMappings = 4096, mostDepartures = 8192

    /// Makes pages of a file's mapping zero: the memfd's own pages appear again, or few are overwritten.
    mutating func leave(_ pages: Range<Int>, of memory: GuestMemory) {
        if pages.count >= Self.mappedRun, departures < Self.mostDepartures, memory.mapOwn(pages) {
            departures += 1
            foreign.remove(pages)
            return
        }
        // What is zero in the file stays unread.
        var written = used
        written.formUnion(memory.dirtyPages.marks(below: written.count, clearing: false))
        var next = pages.lowerBound
        while let run = written.run(from: next, below: pages.upperBound) {
            memory.erase(run)
            next = run.upperBound
        }
    }
}

/// Taking RAM from files without reading them: they are mapped privately, so that a page is read when it is touched, pages that nobody
/// wrote are shared by all machines from one file, and no file is ever changed.
extension GuestMemory {
    /// Lays files over RAM, the newest first; the last says the content of all its pages. Starts to mark what is written.
    ///
    /// The files must not be changed or cut short while the memory lives: the host would end the process. Precondition: no VP runs and all
    /// of RAM is zero. On an error RAM holds anything until `clear()`.
    package func adopt(_ files: [PageFile]) throws(GuestMemoryError) {
        guard let oldest = files.last else { return }
        var numbers: [MappedPages.FileNumber] = []
        for file in files { numbers.append(try check(file)) }
        revokeAll()
        let count = pageCount
        let isFree = mapped.withLock { mapped in
            guard mapped == nil else { return false }
            mapped = MappedPages(pageCount: count, files: numbers)
            return true
        }
        guard isFree else { throw GuestMemoryError(.unmapped, bytes: size) }

        // A page beyond the end of any file is zero for it: from there on the oldest says nothing any more.
        let whole = files.reduce(count) { min($0, $1.decided.count) }
        try map(oldest, 0..<whole)
        var used = oldest.filled
        used.resize(to: count)
        used.remove(whole..<count)

        // Each page is said by the newest file that decides it.
        var open = PageSet(count: count, all: true)
        var owned: [(file: PageFile, pages: PageSet)] = []
        for file in files.dropLast() {
            var pages = file.decided
            pages.resize(to: count)
            pages.formIntersection(open)
            open.subtract(pages)
            open.remove(min(file.decided.count, count)..<count)
            owned.append((file, pages))
        }
        let shortest = Self.mappedRun(owned.map(\.pages))
        for (file, pages) in owned {
            var next = 0
            while let run = pages.run(from: next) {
                if run.count >= shortest { try map(file, run) } else { try copy(file, run, over: used) }
                next = run.upperBound
            }
            var filled = file.filled
            filled.formIntersection(pages)
            used.subtract(pages)
            used.formUnion(filled)
        }
        trackDirtyPages()
        _ = collectDirtyPages()
        mapped.withLock { $0?.used = used }
    }

    /// The length from which runs are mapped, so that there are not too many mappings.
    private static func mappedRun(_ sets: [PageSet]) -> Int {
        var shortest = MappedPages.mappedRun
        while true {
            var mappings = 0
            for pages in sets {
                var next = 0
                while let run = pages.run(from: next) {
                    if run.count >= shortest { mappings += 1 }
                    next = run.upperBound
                }
            }
            if mappings <= MappedPages.mostMappings { return shortest }
            shortest *= 2
        }
    }

    /// True when an open file lies under RAM, so that it must not be written to.
    package func liesOver(_ descriptor: Int32) -> Bool {
        var information = stat()
        guard fstat(descriptor, &information) == 0 else { return false }
        let number = MappedPages.FileNumber(device: information.st_dev, node: information.st_ino)
        return mapped.withLock { $0?.files.contains(number) ?? false }
    }

    private func check(_ file: PageFile) throws(GuestMemoryError) -> MappedPages.FileNumber {
        var information = stat()
        let bytes = UInt64(file.decided.count) * Self.pageSize
        guard fstat(file.descriptor, &information) == 0, information.st_mode & S_IFMT == S_IFREG else {
            throw GuestMemoryError(.unreadable, bytes: bytes, errno: errno)
        }
        let (end, overflow) = file.offset.addingReportingOverflow(bytes)
        guard file.offset % Self.pageSize == 0, !overflow, end <= UInt64(clamping: information.st_size) else {
            throw GuestMemoryError(.shortFile, bytes: bytes)
        }
        return MappedPages.FileNumber(device: information.st_dev, node: information.st_ino)
    }

    /// Precondition: the file is checked, and the pages lie in it and in RAM.
    private func map(_ file: PageFile, _ pages: Range<Int>) throws(GuestMemoryError) {
        guard !pages.isEmpty else { return }
        let size = Int(Self.pageSize)
        let result = mmap(
            base + pages.lowerBound * size, pages.count * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
            file.descriptor, off_t(file.offset) + off_t(pages.lowerBound * size))
        guard result != MAP_FAILED else { throw GuestMemoryError(.unmapped, bytes: UInt64(pages.count * size), errno: errno) }
        mapped.withLock { $0?.foreign.insert(pages) }
    }

    /// Reads pages over what lies there; those that are zero before and after are left alone.
    private func copy(_ file: PageFile, _ pages: Range<Int>, over used: PageSet) throws(GuestMemoryError) {
        let size = Int(Self.pageSize)
        var first = pages.lowerBound
        while first < pages.upperBound {
            guard file.filled.contains(first) || used.contains(first) else {
                first += 1
                continue
            }
            var last = first + 1
            while last < pages.upperBound, file.filled.contains(last) || used.contains(last) { last += 1 }
            var done = first * size
            while done < last * size {
                let count = pread(file.descriptor, base + done, last * size - done, off_t(file.offset) + off_t(done))
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw GuestMemoryError(.unreadable, bytes: UInt64(size), errno: count < 0 ? errno : 0) }
                done += count
            }
            first = last
        }
    }
}
