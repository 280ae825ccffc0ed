import DeviceModel
import Services
import Storage
import Testing

/// What a disk says about itself and how it refuses.
@Suite struct DiskCommandTests {
    private static let identifier: [UInt8] = (0..<16).map { 0xA0 + $0 }

    private func guest(_ disk: MemoryDisk) throws -> StorageGuest {
        try StorageGuest([0: ScsiDisk(disk, fallbackIdentifier: Self.identifier)])
    }

    @Test func inquiry() throws {
        let guest = try guest(MemoryDisk(sectors: 64))
        let reply = try #require(guest.read(ScsiBlocks.inquiry(length: 36), length: 36))
        #expect(reply.isGood && reply.transferred == 36)
        #expect(reply.data[0] == 0 && reply.data[1] == 0 && reply.data[2] == 5 && reply.data[4] == 31)
        #expect(String(decoding: reply.data[8..<36], as: UTF8.self) == "Msft    Virtual Disk    1.0 ")
        #expect(guest.read(ScsiBlocks.inquiry(length: 5), length: 36)?.transferred == 5)
        #expect(guest.read([0x12, 0, 0x80, 0, 36, 0], length: 36)?.reason == .invalidFieldInBlock)
    }

    @Test func vitalProductData() throws {
        let disk = MemoryDisk(sectors: 64, sectorSize: 512, physical: 4096)
        let guest = try guest(disk)
        func page(_ code: UInt8) throws -> [UInt8] {
            let reply = try #require(guest.read(ScsiBlocks.inquiry(page: code), length: 255))
            #expect(reply.isGood)
            #expect(reply.data[1] == code)
            #expect(reply.transferred == 4 + Int(reply.data.big(2, as: UInt16.self)))
            return Array(reply.data[4..<reply.transferred])
        }
        #expect(try page(0) == [0x00, 0x80, 0x83, 0xB0, 0xB1, 0xB2])
        #expect(String(decoding: try page(0x80), as: UTF8.self) == "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf")
        let identification = try page(0x83)
        #expect(identification.count == 28 + 20)
        #expect(Array(identification[12..<28]) == Self.identifier)
        #expect(Array(identification[28..<36]) == [0x01, 0x03, 0, 16, 0x60, 0x02, 0x24, 0x80])
        let limits = try page(0xB0)
        #expect(limits.count == 60)
        #expect(limits.big(4, as: UInt32.self) == 2048)
        #expect(limits.big(16, as: UInt32.self) == 1 << 23)
        #expect(limits.big(20, as: UInt32.self) == 256)
        #expect(limits.big(24, as: UInt32.self) == 8)
        #expect(try page(0xB1)[1] == 1)
        #expect(try page(0xB2)[1...2] == [0xE0, 2])
        #expect(guest.read(ScsiBlocks.inquiry(page: 0xB5), length: 255)?.reason == .invalidFieldInBlock)
    }

    @Test func aDiskWithoutDiscardSaysSo() throws {
        let disk = MemoryDisk(sectors: 64)
        disk.canDiscard = false
        let guest = try guest(disk)
        let limits = try #require(guest.read(ScsiBlocks.inquiry(page: 0xB0), length: 64))
        #expect(limits.data[20..<36].allSatisfy { $0 == 0 })
        #expect(try #require(guest.read(ScsiBlocks.inquiry(page: 0xB2), length: 64)).data[5] == 0)
        #expect(try #require(guest.read([0x9E, 0x10] + [UInt8](repeating: 0, count: 11) + [32, 0, 0], length: 32)).data[14] == 0)
        #expect(guest.write([0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0], [UInt8](repeating: 0, count: 24))?.reason == .invalidOpcode)
    }

    @Test func theFormatsIdentifierWins() throws {
        let disk = MemoryDisk(sectors: 64)
        disk.identifier = [UInt8](repeating: 7, count: 16)
        let reply = try #require(try guest(disk).read(ScsiBlocks.inquiry(page: 0x83), length: 255))
        #expect(Array(reply.data[16..<32]) == [UInt8](repeating: 7, count: 16))
    }

    @Test(arguments: [(512, 512, 0), (512, 4096, 3), (4096, 4096, 0)]) func capacity(_ sector: Int, _ physical: Int, _ exponent: Int) throws
    {
        let guest = try guest(MemoryDisk(sectors: 100, sectorSize: sector, physical: physical))
        let short = try #require(guest.read([0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], length: 8))
        #expect(short.isGood && short.data.big(0, as: UInt32.self) == 99 && short.data.big(4, as: UInt32.self) == UInt32(sector))
        let long = try #require(guest.read([0x9E, 0x10] + [UInt8](repeating: 0, count: 11) + [32, 0, 0], length: 32))
        #expect(long.isGood && long.transferred == 32)
        #expect(long.data.big(0, as: UInt64.self) == 99 && long.data.big(8, as: UInt32.self) == UInt32(sector))
        #expect(long.data[13] == UInt8(exponent) && long.data[14] == 0x80)
        #expect(guest.read([0x9E, 0x12] + [UInt8](repeating: 0, count: 14), length: 32)?.reason == .invalidFieldInBlock)
    }

    @Test func modeSense() throws {
        let disk = MemoryDisk(sectors: 64)
        let guest = try guest(disk)
        let all = try #require(guest.read(ScsiBlocks.modeSense6(0x3F), length: 255))
        #expect(all.isGood && Int(all.data[0]) + 1 == all.transferred)
        #expect(all.data[2] == 0x10 && all.data[3] == 8)
        #expect(all.data[12] == 0x08 && all.data[14] & 0x04 != 0)
        let caching = try #require(guest.read(ScsiBlocks.modeSense6(0x08, flags: 8), length: 255))
        #expect(caching.transferred == 24 && caching.data[3] == 0)
        let changeable = try #require(guest.read(ScsiBlocks.modeSense6(0x48, flags: 8), length: 255))
        #expect(Array(changeable.data[4..<24]) == [0x08, 18] + [UInt8](repeating: 0, count: 18))
        let long = try #require(guest.read([0x5A, 8, 0x08, 0, 0, 0, 0, 0, 255, 0], length: 255))
        #expect(long.transferred == 28 && long.data.big(0, as: UInt16.self) == 26)
        #expect(guest.read(ScsiBlocks.modeSense6(0xC8), length: 255)?.reason == .savingNotSupported)
        #expect(guest.read(ScsiBlocks.modeSense6(0x19), length: 255)?.reason == .invalidFieldInBlock)
        disk.isReadOnly = true
        #expect(try #require(guest.read(ScsiBlocks.modeSense6(0x3F), length: 255)).data[2] == 0x90)
    }

    @Test func reportLUNs() throws {
        let guest = try StorageGuest([
            0: ScsiDisk(MemoryDisk(sectors: 8), fallbackIdentifier: []), 5: ScsiDVD(nil),
            63: ScsiDisk(MemoryDisk(sectors: 8), fallbackIdentifier: []),
        ])
        func luns(_ select: UInt8, lun: Int = 0, target: UInt8 = 0) throws -> [UInt8] {
            let reply = try #require(
                guest.read([0xA0, 0, select, 0, 0, 0, 0, 0, 4, 0, 0, 0], length: 1024, lun: lun, target: target))
            #expect(reply.isGood && reply.transferred == 8 + Int(reply.data.big(0, as: UInt32.self)))
            return stride(from: 8, to: reply.transferred, by: 8).map { reply.data[$0 + 1] }
        }
        #expect(try luns(0) == [0, 5, 63])
        #expect(try luns(2, lun: 9) == [0, 5, 63])
        #expect(try luns(1) == [])
        #expect(try luns(0, target: 1) == [])
        #expect(guest.read([0xA0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0], length: 8)?.reason == .invalidFieldInBlock)
    }

    @Test func emptyLocations() throws {
        let guest = try guest(MemoryDisk(sectors: 8))
        for (lun, target) in [(1, UInt8(0)), (200, 0), (0, 1)] {
            // Linux takes any INQUIRY for a success, and looks at the qualifier.
            #expect(guest.read(ScsiBlocks.inquiry(length: 36), length: 36, lun: lun, target: target)?.data[0] == 0x7F)
            let reply = try #require(guest.read(ScsiBlocks.testUnitReady, length: 0, lun: lun, target: target))
            #expect(reply.srb == 0x20 && reply.reason == nil && reply.transferred == 0)
        }
    }

    @Test func supportedOpcodes() throws {
        let guest = try guest(MemoryDisk(sectors: 8))
        let all = try #require(guest.read([0xA3, 0x0C, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0], length: 1024))
        #expect(all.isGood && all.transferred == 4 + Int(all.data.big(0, as: UInt32.self)))
        let codes = stride(from: 4, to: all.transferred, by: 8).map { all.data[$0] }
        #expect(codes == codes.sorted() && codes.contains(0x93) && codes.contains(0x42))
        // Every one of them with a block length that fits its group.
        for place in stride(from: 4, to: all.transferred, by: 8) {
            let length = Int(all.data.big(place + 6, as: UInt16.self))
            #expect(length == [6, 10, 10, 0, 16, 12][Int(all.data[place] >> 5)])
        }
        func support(_ opcode: UInt8, _ option: UInt8 = 1, action: UInt8 = 0) -> UInt8? {
            guest.read([0xA3, 0x0C, option, opcode, 0, action, 0, 0, 1, 0, 0, 0], length: 256).map { $0.isGood ? $0.data[1] : 0xFF }
        }
        #expect(support(0x93) == 3 && support(0x89) == 1 && support(0x9E) == 0xFF)
        #expect(support(0x9E, 2, action: 0x10) == 3 && support(0x9E, 2, action: 0x12) == 1 && support(0x28, 2) == 0xFF)
        #expect(support(0x28, 3) == 3)
    }

    @Test func unknownCommands() throws {
        let guest = try guest(MemoryDisk(sectors: 8))
        for opcode: UInt8 in [0x02, 0x15, 0x55, 0x5E, 0x5F, 0x85, 0x89, 0xA1, 0xFF] {
            let reply = try #require(guest.read([opcode] + [UInt8](repeating: 0, count: 15), length: 16))
            #expect(reply.reason == .invalidOpcode && reply.srb == 0x84 && reply.scsi == 2)
        }
    }

    @Test func harmlessCommands() throws {
        let guest = try guest(MemoryDisk(sectors: 8))
        #expect(guest.read([0x1B, 0, 0, 0, 0, 0], length: 0)?.isGood == true)
        #expect(guest.read([0x1E, 0, 0, 0, 1, 0], length: 0)?.isGood == true)
        let sense = try #require(guest.read([0x03, 0, 0, 0, 18, 0], length: 18))
        #expect(sense.isGood && sense.data[0] == 0x70 && sense.data[2] == 0)
        #expect(guest.read(ScsiBlocks.transfer10(0x2F, 0, 8), length: 0)?.isGood == true)
        #expect(guest.read(ScsiBlocks.transfer10(0x2F, 1, 8), length: 0)?.reason == .addressOutOfRange)
    }

    @Test func senseIsCutToTheGuestsRoom() throws {
        let guest = try guest(MemoryDisk(sectors: 8))
        var request = StorageGuest.request([0xFF, 0, 0, 0, 0, 0], length: 0, direction: 2)
        request[21] = 0
        var reply = try #require(guest.push(request))
        #expect(reply[14] == 0x04 && reply[21] == 0)
        request[21] = 8
        reply = try #require(guest.push(request))
        #expect(reply[14] == 0x84 && reply[21] == 8 && reply[28] == 0x70)
    }
}
