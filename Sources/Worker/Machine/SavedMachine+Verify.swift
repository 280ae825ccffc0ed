import CHost
import DeviceModel

#if canImport(Glibc)
    import Glibc
#endif

/// Reading all of a file to find damage, which restoring does only for files that somebody else has written to: it leaves pages alone until
/// the guest wants them.
extension SavedMachine {
    /// Pages read at once.
    private static let stretch = 256

    /// Throws where a file is damaged, or was edited, since it was written. All of it is read only when its time of modification is not that of
    /// its writing: it was copied or written to since.
    package static func checkUse(of descriptor: Int32) throws(MachineError) {
        guard case .second(let frame) = try SavedMachineFrame.open(descriptor), !frame.isAsWritten else { return }
        _ = try verify(descriptor)
        SavedMachineFrame.stamp(descriptor, frame.contents.written)
    }

    /// Reads all of one file and throws where it is damaged. Files that it builds on are judged apart.
    package static func verify(_ descriptor: Int32) throws(MachineError) -> Header {
        guard case .second(let frame) = try SavedMachineFrame.open(descriptor) else {
            var header: Header?
            try readFirstVersion(from: descriptor) { (found) throws(MachineError) in
                header = found
            } page: { _, _ in
                true
            }
            guard let header else { throw SavedMachineFrame.unreadable }
            return header
        }
        let header = try frame.header()
        let file = try frame.pageFile()
        let sums = try frame.sums()
        guard sums.count == file.filled.size else {
            throw MachineError(.savedCorrupt, detail: "its sums of pages are not those of its pages")
        }
        var number = 0
        var page = 0
        while let run = file.decided.run(from: page) {
            page = run.lowerBound
            while page < run.upperBound {
                // Holes are zeros; whoever cannot tell them apart reads them.
                guard file.filled.contains(page) || isData(descriptor, page) else {
                    page = min(file.filled.run(from: page)?.lowerBound ?? .max, nextData(descriptor, page), run.upperBound)
                    continue
                }
                let count = min(stretch, run.upperBound - page)
                let bytes = try SavedMachineFrame.bytes(
                    descriptor, at: UInt64(pageBase + page * Int(GuestMemory.pageSize)), count: count * Int(GuestMemory.pageSize))
                for index in 0..<count {
                    let sum = bytes.withUnsafeBytes { $0.baseAddress.map { lv_page_sum($0 + index * Int(GuestMemory.pageSize)) } ?? 0 }
                    let isFilled = file.filled.contains(page + index)
                    guard sum == (isFilled ? sums[number] : 0) else {
                        throw MachineError(.savedCorrupt, detail: "page \(page + index) of its memory is not what was written")
                    }
                    if isFilled { number += 1 }
                }
                page += count
            }
        }
        return header
    }

    private static func isData(_ descriptor: Int32, _ page: Int) -> Bool { nextData(descriptor, page) == page }

    /// The first page from `page` on that the file system keeps (SEEK_DATA of lseek(2)).
    private static func nextData(_ descriptor: Int32, _ page: Int) -> Int {
        let start = off_t(pageBase + page * Int(GuestMemory.pageSize))
        let found = lseek(descriptor, start, 3)
        if found < 0 { return errno == ENXIO ? .max : page }
        return max(page, (Int(found) - pageBase) / Int(GuestMemory.pageSize))
    }
}
