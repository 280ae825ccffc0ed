import DeviceModel
import Glibc
import Storage

/// One command under way: its block, the guest's buffer for its data, and room to work in that serves one command after another, so
/// that a request allocates nothing.
package final class ScsiExchange {
    /// Which way data goes; `vm_srb.data_in`.
    enum Direction: UInt8, Sendable {
        case toDevice = 0
        case toGuest = 1
        case none = 2
    }

    let memory: GuestMemory
    var block = CommandBlock()
    var direction = Direction.none
    /// Bytes of the guest's buffer; never more than `ranges` hold.
    var length = 0
    /// The guest's buffer, in RAM.
    var ranges: [GuestRange] = []
    /// False: READ and WRITE, the only commands that come then, end with `later` instead of waiting for the host.
    var mayWait = true
    /// Bytes that are moved at most without waiting: for more, another processor of the host does it while the guest goes on.
    static let promptLimit = 128 << 10
    /// Bytes moved; set by the functions below.
    private(set) var transferred = 0

    /// The command may be begun and end with `begun`.
    var mayQueue = false
    /// What was begun, under `tag`.
    private(set) var begun: (disk: any QueuedDisk, isWrite: Bool, count: Int)?
    private(set) var tag: UInt64 = 0

    private var part: [GuestRange] = []
    private var segments: [iovec] = []

    init(memory: GuestMemory) { self.memory = memory }

    func begin() { (transferred, begun) = (0, nil) }

    /// What was begun has ended, `data` with what was read.
    func end(_ count: Int, _ data: UnsafeRawBufferPointer?, ranges: [GuestRange]) -> ScsiOutcome {
        if let data, memory.write(data, into: ranges) != count { return .check(.internalFailure) }
        transferred = count
        return .good
    }

    /// Sends `bytes` as the command's data, cut to the command's allocation length and to the guest's buffer.
    func reply(_ bytes: [UInt8], allocation: Int) -> ScsiOutcome {
        let count = min(bytes.count, allocation, length)
        if count == 0 { return .good }
        guard direction == .toGuest else { return .check(.invalidFieldInBlock) }
        let written = bytes.withUnsafeBytes { memory.write(UnsafeRawBufferPointer(rebasing: $0[..<count]), into: ranges) }
        guard let written, written == count else { return .check(.internalFailure) }
        transferred = count
        return .good
    }

    /// The first `count` bytes of the command's data from the guest; nil when it sent fewer.
    func parameters(_ count: Int) -> [UInt8]? {
        guard count <= length, count == 0 || direction == .toDevice else { return nil }
        var bytes = [UInt8](repeating: 0, count: count)
        guard let copied = bytes.withUnsafeMutableBytes({ memory.read(ranges, into: $0) }), copied == count else { return nil }
        transferred = count
        return bytes
    }

    /// Moves `count` bytes (more than none) between the guest's buffer and the disk, without a copy in between, or begins that.
    func transfer(_ count: Int, disk: any Disk, _ queue: (any QueuedDisk)? = nil, at offset: UInt64, writing: Bool) -> ScsiOutcome {
        guard count <= length, direction == (writing ? .toDevice : .toGuest) else { return .check(.invalidFieldInBlock) }
        if mayQueue, let queue {
            do throws(DiskError) {
                if try begin(count, queue, at: offset, writing: writing) { return .begun }
            } catch { return .of(error, writing: writing) }
        }
        guard mayWait || count <= Self.promptLimit else { return .later }
        do {
            let done =
                if part(is: count) {
                    try memory.withSegments(ranges, writable: !writing, scratch: &segments) { (list) throws(DiskError) in
                        try move(list, disk: disk, at: offset, writing: writing)
                    }
                } else {
                    try memory.withSegments(part, writable: !writing, scratch: &segments) { (list) throws(DiskError) in
                        try move(list, disk: disk, at: offset, writing: writing)
                    }
                }
            guard let done else { return .check(.internalFailure) }
            guard done else { return .later }
        } catch {
            // What went wrong shows again where there is time to tell of it.
            return mayWait ? .of(error, writing: writing) : .later
        }
        transferred = count
        return .good
    }

    /// false: it would have to wait and may not.
    private func move(
        _ list: UnsafeBufferPointer<iovec>, disk: any Disk, at offset: UInt64, writing: Bool
    ) throws(DiskError) -> Bool {
        guard mayWait else {
            return writing ? try disk.writeAtOnce(from: list, at: offset) : try disk.readAtOnce(into: list, at: offset)
        }
        if writing { try disk.write(from: list, at: offset) } else { try disk.read(into: list, at: offset) }
        return true
    }

    /// false: it has to be carried out.
    private func begin(_ count: Int, _ queue: any QueuedDisk, at offset: UInt64, writing: Bool) throws(DiskError) -> Bool {
        tag &+= 1
        if writing {
            // A buffer that is none shows again when it is carried out.
            let begins =
                part(is: count)
                ? try memory.withSegments(ranges, writable: false, scratch: &segments) { (list) throws(DiskError) in
                    try queue.beginWrite(tag, from: list, at: offset)
                }
                : try memory.withSegments(part, writable: false, scratch: &segments) { (list) throws(DiskError) in
                    try queue.beginWrite(tag, from: list, at: offset)
                }
            guard begins == true else { return false }
        } else {
            guard try queue.beginRead(tag, count: count, at: offset) else { return false }
        }
        begun = (queue, writing, count)
        return true
    }

    /// True when the ranges hold exactly `count` bytes; otherwise `part` becomes their beginning.
    private func part(is count: Int) -> Bool {
        var total = 0
        for range in ranges { total += range.count }
        if total == count { return true }
        part.removeAll(keepingCapacity: true)
        var left = count
        for range in ranges where left > 0 {
            part.append(GuestRange(address: range.address, count: min(range.count, left)))
            left -= min(range.count, left)
        }
        return false
    }
}
