import Basics
import Foundation
import Storage
import Testing

/// The power fails after every single change of a VHD's file; what was flushed is there each time.
@Suite struct VHDPowerCutTests {
    typealias Expectation = VHDXPowerCutTests.Expectation
    typealias Work = VHDXPowerCutTests.Work

    private static let parentIdentifier = GUID()
    private static let size: UInt64 = 3 << 20
    private static let blockSize: UInt32 = 64 << 10

    private static func makeParent() throws -> SparseBytes {
        let file = PowerLossFile(name: "base.vhd")
        var options = VHDOptions(size: size, kind: .dynamic)
        (options.blockSize, options.diskIdentifier) = (blockSize, parentIdentifier)
        try VHDImage.create(on: file, options)
        let parent = try VHDImage(file: file)
        for sector in stride(from: UInt64(0), to: size / 512, by: 256) {
            try parent.write(VHDXPowerCutTests.sectors(sector + 1 << 32, 128), at: sector * 512)
        }
        try parent.close()
        return file.content
    }

    @Test(
        "a power cut at any change loses nothing that was flushed",
        arguments: [
            Work(kind: .dynamic, rearranges: false, seed: 1), Work(kind: .dynamic, rearranges: true, seed: 2),
            Work(kind: .differencing, rearranges: false, seed: 3), Work(kind: .differencing, rearranges: true, seed: 4),
            Work(kind: .fixed, rearranges: false, seed: 5),
        ])
    func powerCuts(_ work: Work) throws {
        var random = SplitMix(seed: work.seed)
        var size = Self.size
        var options = VHDOptions(size: size, kind: work.kind)
        options.blockSize = work.kind == .fixed ? nil : Self.blockSize
        let base = work.kind == .differencing ? try Self.makeParent() : nil
        if base != nil { options.parent = VHDParentLink(identifier: Self.parentIdentifier, relativePath: "base.vhd", absolutePath: nil) }
        func parent() throws -> VHDImage? { try base.map { try VHDImage(file: PowerLossFile($0), readOnly: true) } }
        let expectation = Expectation { sector in
            guard base != nil, sector % 256 < 128, sector < Self.size / 512 else { return 0 }
            return sector / 256 * 256 + 1 << 32
        }
        let file = PowerLossFile(name: "test.vhd")
        try VHDImage.create(on: file, options)
        let image = try VHDImage(file: file, parent: try parent())

        var mistakes: [String] = []
        var cuts = 0
        var cutRandom = SplitMix(seed: work.seed &* 77)
        // What is found is opened, looked at and written to; at times the power fails during that too.
        func verify(_ content: SparseBytes, depth: Int) {
            do {
                let left = PowerLossFile(content, name: "cut.vhd")
                var interrupted: SparseBytes?
                let stop = Int(cutRandom.next() % 6)
                var changes = 0
                if depth > 0 {
                    left.afterChange = {
                        if changes == stop { interrupted = left.afterPowerLoss(using: &cutRandom) }
                        changes += 1
                    }
                }
                let found = try VHDImage(file: left, parent: try parent())
                if let mistake = try expectation.firstMistake(in: found) { mistakes.append("cut \(cuts): \(mistake)") }
                // A block that is new: the last footer moves.
                if let place = (0..<found.size / 4096).first(where: { (try? found.nextOwnRange(from: $0 * 4096))?.lowerBound != $0 * 4096 })
                {
                    try found.write(try found.bytes(at: place * 4096, count: 512), at: place * 4096)
                }
                try found.close()
                if let interrupted { verify(interrupted, depth: depth - 1) }
            } catch { mistakes.append("cut \(cuts): \(error)") }
        }
        file.afterChange = {
            guard mistakes.count < 5 else { return }
            cuts += 1
            verify(file.afterPowerLoss(using: &cutRandom), depth: cuts % 2 == 0 ? 2 : 0)
        }
        for step in 0..<60 {
            let sector = UInt64.random(in: 0..<size / 512 - 16, using: &random)
            let count = Int.random(in: 1...16, using: &random)
            switch random.next() % 12 {
            case 0..<6:
                let tag = UInt64(step) + 1
                expectation.willWrite(tag, sector..<sector + UInt64(count))
                try image.write(VHDXPowerCutTests.sectors(tag, count), at: sector * 512)
            case 6 where work.kind == .dynamic:
                let start = sector / 128 * 128
                let end = min(start + 300, size / 512)
                expectation.willDiscard(start..<end)
                try image.discard(at: start * 512, count: (end - start) * 512)
            case 7, 8, 9:
                try image.flush()
                expectation.didFlush()
            default:
                guard work.rearranges else { break }
                switch random.next() % 4 {
                case 0: _ = try image.compact()
                case 1:
                    size += 300 << 10
                    try image.resize(to: size)
                case 2 where work.kind == .differencing:
                    try image.setParentLink(
                        VHDParentLink(identifier: Self.parentIdentifier, relativePath: "sub/\(step).vhd", absolutePath: nil))
                default: try image.setDiskIdentifier(GUID())
                }
                expectation.didFlush()
            }
        }
        try image.close()
        #expect(mistakes.isEmpty, "\(mistakes.joined(separator: "\n"))")
        #expect(cuts > 20)
    }

    /// Between the two footers of a resized disk: what the last one says must not be lost when it moves.
    @Test("a footer's old copy never comes back")
    func oldCopy() throws {
        let file = PowerLossFile(name: "test.vhd")
        var options = VHDOptions(size: 1 << 20, kind: .dynamic)
        options.blockSize = Self.blockSize
        try VHDImage.create(on: file, options)
        let before = file.content.read(0..<512)
        let image = try VHDImage(file: file)
        try image.resize(to: 2 << 20)
        try image.close()
        var content = file.content
        content.write(before[...], at: 0)

        let cut = PowerLossFile(content, name: "cut.vhd")
        let found = try VHDImage(file: cut)
        #expect(found.size == 2 << 20)
        var random = SplitMix(seed: 1)
        var sizes: Set<UInt64> = []
        cut.afterChange = {
            for _ in 0..<8 {
                if let size = try? VHDImage(file: PowerLossFile(cut.afterPowerLoss(using: &random))).size { sizes.insert(size) }
            }
        }
        try found.write([UInt8](repeating: 1, count: 512), at: 0)
        try found.close()
        #expect(sizes == [2 << 20])
    }
}
