import Basics
import CHost
import Glibc

/// What a guest wrote to a COM port, in a file that outlives the worker.
///
/// ```
/// 0      magic "LVCONSOL"    8  version 1      16  capacity (bytes of text kept)
/// 24     end: offset after the newest byte, counted from the VM's creation; stored last
/// 32     start of the last session (start or reset of the VM)
/// 40     number of marks ever made
/// 4096   4096 marks {wall time in ns, end at that time}, at most one in 20 ms: which text is newer than a time
/// 69632  text: the byte with offset N lies at 69632 + N mod capacity
/// ```
/// One process writes through a shared mapping, so a kill loses nothing that was written; any number read. A reader takes the text, then
/// looks at `end` again and drops what may have been overwritten meanwhile.
package enum ConsoleRing {
    package static let capacity = 4 << 20
    fileprivate static let magic: [UInt8] = Array("LVCONSOL".utf8)
    fileprivate static let textStart = 69_632
    fileprivate static let marksStart = 4096
    fileprivate static let markCount: UInt64 = 4096
    fileprivate static let markInterval: Int64 = 20_000_000
    /// Offsets and counts of marks in a file are smaller: no guest prints so much, and sums with them cannot overflow.
    fileprivate static let largestCount = UInt64(1) << 62

    package static func fileName(port: Int) -> String { "console-\(port).ring" }

    /// The writing side: the VM's worker. One thread at a time.
    package final class Writer: @unchecked Sendable {
        // The mapping is `length` bytes from `base` for this object's life; every access below stays inside by the modulo or a constant.
        private let base: UnsafeMutableRawPointer
        private let length: Int
        package private(set) var end: UInt64
        private var lastMark: Int64 = 0

        /// Opens the file, or makes it anew when it is missing or not one of ours. Its space is reserved: a full disk shows here,
        /// never later as a fault.
        package init(port: Int, folder: Folder) throws {
            let name = ConsoleRing.fileName(port: port)
            let file = try folder.open(name, O_RDWR | O_CREAT, doing: "write")
            length = ConsoleRing.textStart + ConsoleRing.capacity
            let existing = try? ConsoleRing.checkHeader(file)
            if existing == nil { try file.truncate(to: 0) }
            let failure = posix_fallocate(file.descriptor, 0, off_t(length))
            guard failure == 0 else { throw PersistenceError.system(failure, "write", path: file.path) }
            guard let mapped = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_SHARED, file.descriptor, 0), mapped != MAP_FAILED else {
                throw PersistenceError.system(errno, "map", path: file.path)
            }
            base = mapped
            end = lv_shared_load(base + 24)
            if existing == nil {
                lv_shared_store(base + 8, 1)
                lv_shared_store(base + 16, UInt64(ConsoleRing.capacity))
                base.copyMemory(from: ConsoleRing.magic, byteCount: ConsoleRing.magic.count)
            }
        }

        deinit { munmap(base, length) }

        package func append(_ bytes: [UInt8]) {
            let bytes = bytes.suffix(ConsoleRing.capacity)
            var offset = end
            bytes.withUnsafeBytes { source in
                guard let from = source.baseAddress else { return }
                var done = 0
                while done < source.count {
                    let place = Int(offset % UInt64(ConsoleRing.capacity))
                    let part = min(source.count - done, ConsoleRing.capacity - place)
                    (base + ConsoleRing.textStart + place).copyMemory(from: from + done, byteCount: part)
                    done += part
                    offset += UInt64(part)
                }
            }
            mark()
            end = offset
            lv_shared_store(base + 24, end)
        }

        /// A new session begins here: the VM was started or reset.
        package func beginSession() {
            lastMark = 0
            mark()
            lv_shared_store(base + 32, end)
        }

        private func mark() {
            let now = HostTime.wall()
            guard now - lastMark >= ConsoleRing.markInterval || now < lastMark else { return }
            lastMark = now
            let count = lv_shared_load(base + 40)
            let place = base + ConsoleRing.marksStart + Int(count % ConsoleRing.markCount) * 16
            lv_shared_store(place + 8, end)
            lv_shared_store(place, UInt64(bitPattern: now))
            lv_shared_store(base + 40, count + 1)
        }
    }

    fileprivate static func word(_ bytes: [UInt8], _ at: Int) -> UInt64 {
        bytes.littleEndian(at: at) ?? 0
    }

    @discardableResult
    fileprivate static func checkHeader(_ file: OpenFile) throws -> [UInt8] {
        let head = try file.read(at: 0, count: 48)
        guard head.count == 48, Array(head[0..<8]) == magic, word(head, 8) == 1, word(head, 16) == UInt64(capacity),
            word(head, 24) < largestCount, word(head, 40) < largestCount
        else {
            throw PersistenceError("ConsoleUnreadable", .invalidData, "“\(file.path)” is not a console file.", target: file.path)
        }
        return head
    }

    /// The reading side; works whether or not a worker lives.
    package final class Reader: Sendable {
        private let file: OpenFile

        /// nil when the guest never had the port.
        package init?(port: Int, folder: Folder) throws {
            do {
                file = try folder.open(ConsoleRing.fileName(port: port), O_RDONLY, doing: "read")
            } catch let error as PersistenceError where error.isNotFound {
                return nil
            }
            // A worker was killed before it wrote the header: nothing was printed yet.
            if try file.read(at: 0, count: 8) == [UInt8](repeating: 0, count: 8) { return nil }
            try ConsoleRing.checkHeader(file)
        }

        /// Offset after the newest byte, and offset at the VM's last start or reset.
        package func position() throws -> (end: UInt64, session: UInt64) {
            let head = try ConsoleRing.checkHeader(file)
            return (ConsoleRing.word(head, 24), ConsoleRing.word(head, 32))
        }

        /// Text from `offset`, at most `maximum` bytes; when the beginning is gone, from the oldest byte kept, and `dropped` says how
        /// many are missing.
        package func read(from offset: UInt64, maximum: Int = capacity) throws -> (offset: UInt64, bytes: [UInt8], dropped: UInt64) {
            let capacity = UInt64(ConsoleRing.capacity)
            let end = try position().end
            let wanted = min(offset, end)
            let start = max(wanted, end > capacity ? end - capacity : 0)
            let count = Int(min(end - start, UInt64(clamping: max(maximum, 0)), capacity))
            let place = Int(start % capacity)
            let first = min(count, Int(capacity) - place)
            var bytes = try file.read(at: ConsoleRing.textStart + place, count: first)
            if first < count { bytes += try file.read(at: ConsoleRing.textStart, count: count - first) }
            // What was written while we read may lie in our copy's beginning.
            let after = try position().end
            let oldest = after > capacity ? after - capacity : 0
            let lost = oldest > start ? min(Int(clamping: oldest - start), bytes.count) : 0
            if lost > 0 { bytes.removeFirst(lost) }
            let begin = start + UInt64(lost)
            return (begin, bytes, begin - wanted)
        }

        /// Offset of the first text that can be newer than `time` (nanoseconds since the Unix epoch), to within the marks' interval; 0
        /// when the marks do not reach back that far.
        package func offset(since time: Int64) throws -> UInt64 {
            let head = try ConsoleRing.checkHeader(file)
            let count = ConsoleRing.word(head, 40)
            let table = try file.read(at: ConsoleRing.marksStart, count: Int(ConsoleRing.markCount) * 16)
            guard table.count == Int(ConsoleRing.markCount) * 16 else { return 0 }
            let oldest = count > ConsoleRing.markCount ? count - ConsoleRing.markCount : 0
            let earliest = max(time, .min + ConsoleRing.markInterval) - ConsoleRing.markInterval
            for index in oldest..<max(count, oldest) {
                let at = Int(index % ConsoleRing.markCount) * 16
                guard Int64(bitPattern: ConsoleRing.word(table, at)) >= earliest else { continue }
                return index == oldest ? 0 : ConsoleRing.word(table, at + 8)
            }
            return ConsoleRing.word(head, 24)
        }
    }
}
