import Basics
import DeviceModel
import Foundation
import TestSupport
import Testing
import Worker

/// Images of RAM in files, full ones and rows of those that build on each other, against a plain copy of RAM.
@Suite(.timeLimit(.minutes(3)))
struct MemoryImageTests {
    static let shape = MachineShape(
        generation: 2, processors: 1, model: "qemu64", memoryBytes: 4 << 20, timeMode: "Real", picosecondsPerInstruction: 0)

    /// A file of a row.
    private struct Image {
        let file = NamelessFile()
        var header: SavedMachine.Header
        /// RAM as it was, by backing page.
        var content: [UInt8]
    }

    private func makeMemory() throws -> GuestMemory { try GuestMemory(size: 4 << 20, capacity: 12 << 20) }

    private func content(_ memory: GuestMemory) -> [UInt8] { Array(memory.bytes(of: 0..<memory.pageCount)) }

    private func write(_ memory: GuestMemory, _ pages: PageSet?, parents: [Image]) throws -> Image {
        var header = SavedMachine.Header(
            shape: Self.shape, units: [], memoryBytes: memory.size == memory.initialSize ? nil : memory.size)
        header.identity = GUID()
        header.parents = parents.isEmpty ? nil : references(parents)
        let image = Image(header: header, content: content(memory))
        let writer = try MemoryImageWriter(memory: memory, descriptor: image.file.descriptor, isFull: pages == nil)
        try writer.write(pages ?? PageSet(count: memory.pageCount, all: true))
        try writer.finish(header)
        return image
    }

    private func references(_ images: [Image]) -> [MemoryImageReference] {
        images.compactMap { image in image.header.identity.map { MemoryImageReference(name: "any", identity: $0) } }
    }

    private func read(_ image: Image, parents: [Image], into memory: GuestMemory) throws {
        _ = try SavedMachine.read(from: image.file.descriptor, parents: parents.map(\.file.descriptor), into: memory) { header in
            #expect(memory.resize(to: header.memoryBytes ?? memory.initialSize))
        }
    }

    /// Does to RAM what guests, devices and the balloon do.
    private func disturb(_ memory: GuestMemory, _ random: inout SystemRandomNumberGenerator) {
        for _ in 0..<Int.random(in: 1...30, using: &random) {
            let page = Int.random(in: 0..<memory.pageCount, using: &random)
            let address =
                UInt64(page) << 12 < memory.lowSize ? UInt64(page) << 12 : UInt64(page) << 12 - memory.lowSize + GuestMemory.highBase
            let room = (address < memory.lowSize ? memory.lowSize : memory.endAddress) - address
            switch Int.random(in: 0..<8, using: &random) {
            case 0...2:
                _ = memory.write(address + UInt64.random(in: 0..<4090, using: &random), [1, 2, UInt8.random(in: 0...9, using: &random)])
            case 3: _ = memory.fillPage(page) { $0.initializeMemory(as: UInt8.self, repeating: 0) }
            case 4:
                let count = min(room, UInt64.random(in: 1...100, using: &random) << 12)
                _ = memory.withWritable(address, count: Int(count)) { bytes in
                    for offset in stride(from: 0, to: bytes.count, by: 512) { bytes[offset] = UInt8.random(in: 0...255, using: &random) }
                }
            case 5: memory.release(GuestRange(address: address, count: Int(min(room, UInt64.random(in: 1...20, using: &random) << 12))))
            case 6: memory.release(GuestRange(address: address, count: Int(min(room, UInt64.random(in: 32...300, using: &random) << 12))))
            default:
                if Int.random(in: 0..<4, using: &random) == 0 {
                    _ = memory.resize(to: UInt64.random(in: 1024...3072, using: &random) << 12)
                }
            }
        }
    }

    /// Pages with anything in them, as a machine's hash sees them.
    private func used(_ memory: GuestMemory) -> [Int: [UInt8]] {
        var result: [Int: [UInt8]] = [:]
        memory.forEachUsedPage { result[$0] = Array($1) }
        return result
    }

    @Test func rowsOfImagesGiveBackWhatWasThere() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<15 {
            var memory = try makeMemory()
            disturb(memory, &random)
            memory.trackDirtyPages()
            _ = memory.collectDirtyPages()
            var row = [try write(memory, nil, parents: [])]
            for _ in 0..<Int.random(in: 1...7, using: &random) {
                switch Int.random(in: 0..<3, using: &random) {
                case 0:
                    // Goes on in another memory, over the files.
                    let next = try makeMemory()
                    try read(row[0], parents: Array(row.dropFirst()), into: next)
                    #expect(content(next) == row[0].content)
                    memory = next
                case 1:
                    // A standstill that ends in nothing: what it collected is marked again.
                    disturb(memory, &random)
                    memory.markDirty(memory.collectDirtyPages())
                default: break
                }
                disturb(memory, &random)
                row.insert(try write(memory, memory.collectDirtyPages(), parents: row), at: 0)
            }
            for index in row.indices {
                _ = try SavedMachine.verify(row[index].file.descriptor)
                let other = try makeMemory()
                try read(row[index], parents: Array(row[(index + 1)...]), into: other)
                try #require(content(other) == row[index].content)
                let plain = try makeMemory()
                _ = plain.resize(to: other.size)
                for page in 0..<plain.pageCount {
                    _ = plain.fillPage(page) { $0.copyBytes(from: row[index].content[page * 4096..<page * 4096 + 4096]) }
                }
                #expect(used(other) == used(plain))
                // A full image of what lies over files is as good as the row.
                let whole = try write(other, nil, parents: [])
                let last = try makeMemory()
                try read(whole, parents: [], into: last)
                #expect(content(last) == row[index].content)
                other.clear()
                #expect(content(other).allSatisfy { $0 == 0 } && used(other).isEmpty)
            }
            // Nobody changed the files.
            for image in row { _ = try SavedMachine.verify(image.file.descriptor) }
        }
    }

    @Test func severalPassesLeaveTheLastContent() throws {
        var random = SystemRandomNumberGenerator()
        let memory = try makeMemory()
        memory.trackDirtyPages()
        disturb(memory, &random)
        let file = NamelessFile()
        let writer = try MemoryImageWriter(memory: memory, descriptor: file.descriptor, isFull: true)
        _ = memory.collectDirtyPages()
        try writer.write(PageSet(count: memory.pageCount, all: true))
        for _ in 0..<20 {
            disturb(memory, &random)
            try writer.write(memory.collectDirtyPages())
        }
        try writer.finish(
            SavedMachine.Header(
                shape: Self.shape, units: [], memoryBytes: memory.size == memory.initialSize ? nil : memory.size, identity: GUID()))
        _ = try SavedMachine.verify(file.descriptor)
        let other = try makeMemory()
        _ = try SavedMachine.read(from: file.descriptor, into: other) { _ = other.resize(to: $0.memoryBytes ?? other.initialSize) }
        #expect(content(other) == content(memory))
    }

    /// Resident bytes of the mapping that holds a page, by the host's account.
    private func residentBytes(_ memory: GuestMemory) throws -> Int {
        let start = UInt(bitPattern: memory.hostPage(at: 0))
        let end = start + UInt(memory.size)
        var total = 0
        var isInside = false
        for line in try String(contentsOfFile: "/proc/self/smaps", encoding: .utf8).split(separator: "\n") {
            let words = line.split(separator: " ")
            if let range = words.first?.split(separator: "-"), range.count == 2, let from = UInt(range[0], radix: 16) {
                isInside = (start..<end).contains(from)
            } else if isInside, words.first == "Rss:" {
                total += (Int(words[1]) ?? 0) << 10
            }
        }
        return total
    }

    @Test func restoringReadsNoPages() throws {
        let size: UInt64 = 512 << 20
        let memory = try GuestMemory(size: size)
        for page in stride(from: 0, to: memory.pageCount, by: 16) { _ = memory.fillPage(page) { $0[7] = 1 } }
        let file = NamelessFile()
        var shape = Self.shape
        shape.memoryBytes = size
        try SavedMachine.write(SavedMachine.Header(shape: shape, units: []), memory: memory, to: file.descriptor)
        // Zeros take no room in the file.
        var information = stat()
        #expect(fstat(file.descriptor, &information) == 0)
        #expect(Int(information.st_blocks) * 512 < 48 << 20 && information.st_size > size)
        let other = try GuestMemory(size: size)
        _ = try SavedMachine.read(from: file.descriptor, into: other) { _ in }
        #expect(try residentBytes(other) < 1 << 20)
        #expect(other.load(16 << 12 + 7, as: UInt8.self) == 1)
        #expect(try residentBytes(other) < 8 << 20)
    }

    /// What the balloon takes from a memory over a file goes back to the host, and the file stays whole.
    @Test func theBalloonLeavesTheFileAlone() throws {
        let memory = try GuestMemory(size: 4 << 20)
        for page in 0..<memory.pageCount { _ = memory.fillPage(page) { $0[1] = UInt8(page & 255) | 1 } }
        let file = NamelessFile()
        try SavedMachine.write(SavedMachine.Header(shape: Self.shape, units: []), memory: memory, to: file.descriptor)
        let other = try GuestMemory(size: 4 << 20)
        _ = try SavedMachine.read(from: file.descriptor, into: other) { _ in }
        #expect(content(other) == content(memory))
        other.release(GuestRange(address: 0x10_0000, count: 2 << 20))
        other.release(GuestRange(address: 0x5000, count: 0x3000))
        #expect(other.read(0x10_0000, count: 2 << 20)?.allSatisfy { $0 == 0 } == true)
        #expect(other.read(0x5000, count: 0x3000)?.allSatisfy { $0 == 0 } == true)
        #expect(other.read(0x8000, count: 4096) == memory.read(0x8000, count: 4096))
        #expect(used(other).count == memory.pageCount - 512 - 3)
        _ = try SavedMachine.verify(file.descriptor)
    }
}
