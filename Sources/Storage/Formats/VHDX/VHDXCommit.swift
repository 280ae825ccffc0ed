import Basics
import Glibc

extension VHDXImage {
    /// Before the first change: the headers get new write identifiers, so that children and copies notice.
    func begin(changingData: Bool) throws(DiskError) {
        guard !hasBegun else { return }
        let nextDataWriteGUID = nextDataWriteGUID
        try header.update(file) { header in
            header.fileWriteGUID = GUID()
            if changingData { header.dataWriteGUID = nextDataWriteGUID ?? GUID() }
        }
        if changingData { hasBegun = true }
    }

    public func flush() throws(DiskError) {
        guard !isClosed else { throw DiskError(.closed, "“\(file.name)” is closed", file: file.name) }
        guard !isReadOnly else { return }
        try commit()
    }

    /// Brings data and tables to stable storage, in the order that the type's comment describes.
    func commit() throws(DiskError) {
        guard !dirtyPages.isEmpty else {
            if isUnsynchronised { try file.synchronise() }
            isUnsynchronised = false
            if !freedRuns.isEmpty { releaseFreedRuns() }
            return
        }
        while !dirtyPages.isEmpty {
            // Pages whose writing in place failed stand first and so are in this entry, which replaces the one that had them.
            let batch = dirtyPages.prefix(VHDXLogWriter.pagesPerEntry)
            var pages: [(offset: UInt64, bytes: UnsafeRawBufferPointer)] = []
            pages.reserveCapacity(batch.count)
            for page in batch { pages.append(try content(page)) }
            try writeThroughLog(pages)
            for page in batch { markClean(page) }
            dirtyPages.removeFirst(batch.count)
        }
        releaseFreedRuns()
    }

    /// Changes pages of tables as one: after a power cut all or none of them have changed.
    func writeThroughLog(_ pages: [(offset: UInt64, bytes: UnsafeRawBufferPointer)]) throws(DiskError) {
        try file.synchronise()
        try log.append(pages, fileSize: try file.size(), to: file)
        try file.synchronise()
        log.accept()
        isUnsynchronised = false
        if header.current.logGUID != log.identifier {
            // The entry is there before the header says that there is one: a log without an entry would be damage.
            let identifier = log.identifier
            try header.update(file) { $0.logGUID = identifier }
        }
        for page in pages {
            try file.write(from: page.bytes.baseAddress, count: page.bytes.count, at: page.offset)
        }
    }

    /// Declares the log empty: everything is in place. Nothing may be dirty.
    func emptyLog() throws(DiskError) {
        guard header.current.logGUID != VHDXLayout.noGUID else { return }
        try file.synchronise()
        try header.update(file) { $0.logGUID = VHDXLayout.noGUID }
        log.restart()
    }

    /// Cuts the file behind its last used MiB. The log is empty: its entries would miss what was cut.
    func trimFile() throws(DiskError) {
        guard room.end < fileUnits else { return }
        try emptyLog()
        try file.truncate(to: UInt64(room.end) << VHDXLayout.unitShift)
        fileUnits = room.end
        cleanUnit = min(cleanUnit, fileUnits)
        try file.synchronise()
    }

    /// Leaves the file open when it fails, so that closing can be repeated when there is room.
    public func close() throws(DiskError) {
        guard !isClosed else { return }
        if !isReadOnly {
            try commit()
            try emptyLog()
            try trimFile()
        }
        isClosed = true
        file.close()
        try parent?.close()
    }

    private func content(_ page: Int) throws(DiskError) -> (offset: UInt64, bytes: UnsafeRawBufferPointer) {
        let number = page >> 1
        if page & 1 == 0 { return (table.offset + UInt64(number) * VHDXLayout.page, table.page(number)) }
        guard let bitmap = bitmaps[number], let place = bitmapPlace(number) else {
            throw DiskError(.damaged, "A sector bitmap of “\(file.name)” is gone.", file: file.name)
        }
        return (place, bitmap.bytes)
    }

    private func markClean(_ page: Int) {
        if page & 1 == 0 {
            isTablePageDirty[page >> 1] = false
        } else {
            bitmaps[page >> 1]?.isDirty = false
        }
    }
}
