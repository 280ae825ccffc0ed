import Services
import Storage
import Testing

/// UNMAP and WRITE SAME.
@Suite struct StorageDiscardTests {
    private func guest(_ disk: MemoryDisk) throws -> StorageGuest { try StorageGuest([0: ScsiDisk(disk, fallbackIdentifier: [1])]) }

    private func unmap(_ ranges: [(first: UInt64, count: UInt32)]) -> (cdb: [UInt8], data: [UInt8]) {
        var data: [UInt8] = []
        data.appendBig(UInt16(truncatingIfNeeded: 6 + 16 * ranges.count))
        data.appendBig(UInt16(truncatingIfNeeded: 16 * ranges.count))
        data += [0, 0, 0, 0]
        for range in ranges {
            data.appendBig(range.first)
            data.appendBig(range.count)
            data += [0, 0, 0, 0]
        }
        return ([0x42, 0, 0, 0, 0, 0, 0, UInt8(data.count >> 8), UInt8(data.count & 255), 0], data)
    }

    @Test func unmapGivesRangesUp() throws {
        let disk = MemoryDisk(sectors: 1000)
        let guest = try guest(disk)
        let request = unmap([(8, 16), (0, 0), (999, 1)])
        #expect(guest.write(request.cdb, request.data)?.isGood == true)
        #expect(disk.discarded == [4096..<12288, 999 * 512..<1000 * 512])
        #expect(guest.controller.targets[0]?.counters.snapshot.discards == 1)
        #expect(guest.read([0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0], length: 0)?.isGood == true)
    }

    @Test func badUnmapGivesNothingUp() throws {
        let disk = MemoryDisk(sectors: 1000)
        let guest = try guest(disk)
        for ranges: [(first: UInt64, count: UInt32)] in [[(0, 8), (999, 2)], [(0, 8), (.max, 1)], [(0, 8), (UInt64.max - 1, .max)]] {
            let request = unmap(ranges)
            #expect(guest.write(request.cdb, request.data)?.reason == .addressOutOfRange)
        }
        let many = unmap([(first: UInt64, count: UInt32)](repeating: (0, 1), count: 257))
        #expect(guest.write(many.cdb, many.data)?.reason == .invalidFieldInParameters)
        let request = unmap([(0, 8)])
        #expect(guest.write(request.cdb, Array(request.data.prefix(20)))?.reason == .parameterListLength)
        #expect(guest.write([0x42, 0, 0, 0, 0, 0, 0, 0, 4, 0], [0, 0, 0, 0])?.reason == .parameterListLength)
        #expect(guest.write([0x42, 1] + request.cdb[2...], request.data)?.reason == .invalidFieldInBlock)
        disk.isReadOnly = true
        #expect(guest.write(request.cdb, request.data)?.reason == .writeProtected)
        #expect(disk.discarded.isEmpty)
    }

    @Test func aLyingDescriptorLengthIsBoundedByTheList() throws {
        let disk = MemoryDisk(sectors: 1000)
        let guest = try guest(disk)
        var request = unmap([(8, 16)])
        (request.data[2], request.data[3]) = (0xFF, 0xFF)
        #expect(guest.write(request.cdb, request.data)?.isGood == true)
        #expect(disk.discarded.count == 1)
    }

    @Test func writeSameRepeatsABlock() throws {
        let disk = MemoryDisk(sectors: 5000)
        let guest = try guest(disk)
        let block = (0..<512).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        #expect(guest.write(ScsiBlocks.transfer10(0x41, 3, 4500), block)?.isGood == true)
        for sector in [2, 3, 2000, 4502, 4503] {
            let expected = (3..<4503).contains(sector) ? block : [UInt8](repeating: 0, count: 512)
            #expect(Array(disk.bytes[sector * 512..<(sector + 1) * 512]) == expected)
        }
        #expect(guest.read(ScsiBlocks.transfer16(0x93, 0, 10, flags: 1), length: 0)?.isGood == true)
        #expect(disk.bytes[..<5120].allSatisfy { $0 == 0 } && disk.bytes[5120 + 7] == block[7])
    }

    @Test func writeSameWithUnmapReadsAsZerosWhateverTheFormatGivesBack() throws {
        let disk = MemoryDisk(sectors: 5000)
        disk.bytes = [UInt8](repeating: 0xEE, count: disk.bytes.count)
        disk.discardBlock = 1 << 20
        let guest = try guest(disk)
        #expect(guest.write(ScsiBlocks.transfer16(0x93, 100, 4000, flags: 8), [UInt8](repeating: 0, count: 512))?.isGood == true)
        #expect(disk.discarded == [51200..<51200 + 4000 * 512])
        #expect(disk.bytes[51200..<51200 + 4000 * 512].allSatisfy { $0 == 0 })
        #expect(disk.bytes[51199] == 0xEE && disk.bytes[51200 + 4000 * 512] == 0xEE)
    }

    @Test func badWriteSame() throws {
        let disk = MemoryDisk(sectors: 400_000)
        let guest = try guest(disk)
        let block = [UInt8](repeating: 1, count: 512)
        #expect(guest.write(ScsiBlocks.transfer16(0x93, 0, 0), block)?.reason == .invalidFieldInBlock)
        #expect(guest.write(ScsiBlocks.transfer16(0x93, 0, 131_073), block)?.reason == .invalidFieldInBlock)
        #expect(guest.write(ScsiBlocks.transfer16(0x93, 399_999, 2), block)?.reason == .addressOutOfRange)
        #expect(guest.write(ScsiBlocks.transfer16(0x93, 0, 1), Array(block.prefix(511)))?.reason == .invalidFieldInBlock)
        #expect(guest.write(ScsiBlocks.transfer16(0x93, 0, 1, flags: 0x10), block)?.reason == .invalidFieldInBlock)
        #expect(guest.write(ScsiBlocks.transfer10(0x41, 0, 1, flags: 1), block)?.reason == .invalidFieldInBlock)
        disk.canDiscard = false
        #expect(guest.write(ScsiBlocks.transfer16(0x93, 0, 1, flags: 8), block)?.reason == .invalidFieldInBlock)
        #expect(disk.bytes.allSatisfy { $0 == 0 })
    }
}
