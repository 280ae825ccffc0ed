import Glibc
import Services
import Storage
import Testing

/// Reads and writes of a disk that takes several at a time.
@Suite struct StorageQueueTests {
    private let disk = ReversedDisk(sectors: 1024)

    private func guest() throws -> StorageGuest {
        let guest = try StorageGuest([0: ScsiDisk(disk, fallbackIdentifier: [])])
        _ = guest.read(ScsiBlocks.testUnitReady, length: 0)
        return guest
    }

    @Test func theyAreUnderWayTogetherAndEachIsAnswered() throws {
        let guest = try guest()
        let writes = (0..<20).map { guest.begin(ScsiBlocks.transfer10(0x2A, UInt64($0), 1), [UInt8](repeating: 7, count: 512)) }
        guest.run()
        #expect(disk.mostUnderway == 20)
        for write in writes { #expect(guest.take(write.transaction).map { guest.reply($0, write.ranges).isGood } == true) }
        #expect(disk.bytes[..<10240].allSatisfy { $0 == 7 } && disk.bytes[10240] == 0)
        let range = StorageGuest.ranges(512)
        for number in 0..<20 {
            disk.bytes[number * 512] = UInt8(number)
            let read = guest.enqueue(
                StorageGuest.request(ScsiBlocks.transfer10(0x28, UInt64(number), 1), length: 512, direction: 1), ranges: range)
            guest.run()
            let data = guest.reply(try #require(guest.take(read)), range).data
            #expect(data.count == 512 && data[0] == UInt8(number) && data[1] == 7)
        }
        let counters = try #require(guest.controller.targets[0]?.counters.snapshot)
        #expect((counters.writes, counters.bytesWritten, counters.reads, counters.bytesRead) == (20, 10240, 20, 10240))
        #expect(guest.pump.isIdle)
    }

    @Test func aFlushAndForcedUnitAccessAreDoneAlone() throws {
        let guest = try guest()
        let write = guest.begin(ScsiBlocks.transfer10(0x2A, 0, 1, flags: 8), [UInt8](repeating: 1, count: 512))
        guest.run()
        #expect(guest.take(write.transaction).map { guest.reply($0, write.ranges).isGood } == true)
        #expect(disk.mostUnderway == 0 && disk.flushes == 1 && disk.bytes[0] == 1)
    }

    @Test func allThatFindNoRoomAreKeptAndDoneLater() throws {
        let guest = try guest()
        disk.writeFailure = DiskError(.full, "The host's file system is full.")
        let writes = (0..<5).map { guest.begin(ScsiBlocks.transfer10(0x2A, UInt64($0), 1), [UInt8](repeating: 7, count: 512)) }
        guest.run()
        #expect(guest.controller.isHoldingRequest && guest.full.count == 5)
        for write in writes { #expect(guest.take(write.transaction) == nil) }
        guest.controller.resumeRequests()
        #expect(guest.controller.isHoldingRequest)
        disk.writeFailure = nil
        guest.controller.resumeRequests()
        #expect(!guest.controller.isHoldingRequest)
        for (number, write) in writes.enumerated() {
            #expect(guest.take(write.transaction).map { guest.reply($0, write.ranges).isGood } == true)
            #expect(disk.bytes[number * 512] == 7)
        }
    }

    @Test func troubleIsToldOfEach() throws {
        let guest = try guest()
        disk.readFailure = DiskError(.failed, "The host's disk is broken.")
        let reads = (0..<3).map { _ in
            guest.enqueue(
                StorageGuest.request(ScsiBlocks.transfer10(0x28, 0, 1), length: 512, direction: 1), ranges: StorageGuest.ranges(512))
        }
        guest.run()
        for read in reads { #expect(guest.take(read).map { $0[14] & 0x3F } == 4) }
        #expect(guest.troubles.count == 3 && guest.pump.isIdle)
    }

    /// Exact mode answers in the order of asking.
    @Test func theyAreDoneOneAfterAnotherWhereThatIsAsked() throws {
        let guest = try guest()
        guest.controller.queuesRequests = false
        let write = guest.begin(ScsiBlocks.transfer10(0x2A, 3, 1), [UInt8](repeating: 9, count: 512))
        guest.run()
        #expect(guest.take(write.transaction) != nil && disk.mostUnderway == 0 && disk.bytes[1536] == 9)
    }
}

/// A disk in memory that ends what was begun together in the opposite order.
private final class ReversedDisk: QueuedDisk, @unchecked Sendable {
    // Safety: tests use it from one thread.
    private let disk: MemoryDisk
    private var begun: [(tag: UInt64, bytes: [UInt8], offset: UInt64, isWrite: Bool)] = []
    private(set) var mostUnderway = 0

    init(sectors: Int) { disk = MemoryDisk(sectors: sectors) }

    var bytes: [UInt8] {
        get { disk.bytes }
        set { disk.bytes = newValue }
    }
    var flushes: Int { disk.flushes }
    var writeFailure: DiskError? {
        get { disk.writeFailure }
        set { disk.writeFailure = newValue }
    }
    var readFailure: DiskError? {
        get { disk.readFailure }
        set { disk.readFailure = newValue }
    }
    var size: UInt64 { disk.size }
    var logicalSectorSize: Int { disk.logicalSectorSize }
    var physicalSectorSize: Int { disk.physicalSectorSize }
    var isReadOnly: Bool { false }
    var identifier: [UInt8]? { nil }
    var canDiscard: Bool { false }

    func read(into segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) { try disk.read(into: segments, at: offset) }
    func write(from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) {
        try disk.write(from: segments, at: offset)
    }
    func flush() throws(DiskError) { try disk.flush() }
    func discard(at offset: UInt64, count: UInt64) throws(DiskError) {}
    func close() throws(DiskError) {}

    func beginRead(_ tag: UInt64, count: Int, at offset: UInt64) throws(DiskError) -> Bool {
        keep((tag, [UInt8](repeating: 0, count: count), offset, false))
        return true
    }

    func beginWrite(_ tag: UInt64, from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) -> Bool {
        keep((tag, segments.flatMap { Array(UnsafeRawBufferPointer(start: $0.iov_base, count: $0.iov_len)) }, offset, true))
        return true
    }

    private func keep(_ one: (tag: UInt64, bytes: [UInt8], offset: UInt64, isWrite: Bool)) {
        begun.append(one)
        mostUnderway = max(mostUnderway, begun.count)
    }

    func collect(_ body: (_ tag: UInt64, _ outcome: Result<UnsafeRawBufferPointer, DiskError>) -> Void) {
        let all = begun.reversed()
        begun = []
        for var one in all {
            let outcome = one.bytes.withUnsafeMutableBytes { buffer -> DiskError? in
                var segment = iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)
                return withUnsafePointer(to: &segment) { pointer in
                    let segments = UnsafeBufferPointer(start: pointer, count: 1)
                    do throws(DiskError) {
                        if one.isWrite {
                            try disk.write(from: segments, at: one.offset)
                        } else {
                            try disk.read(into: segments, at: one.offset)
                        }
                        return nil
                    } catch { return error }
                }
            }
            if let outcome {
                body(one.tag, .failure(outcome))
            } else {
                one.bytes.withUnsafeBytes { body(one.tag, .success($0)) }
            }
        }
    }
}
