import Basics
import Foundation
import Storage
import Testing

/// The power fails after every single change of the file; what was flushed is there each time.
@Suite struct VHDXPowerCutTests {
    /// What a sector of 512 bytes may hold: it is filled with one number, zero for zeros.
    final class Expectation {
        private var stable: [UInt64: Set<UInt64>] = [:]
        private var unflushed: [UInt64: Set<UInt64>] = [:]
        private var last: [UInt64: Set<UInt64>] = [:]
        private let initial: (UInt64) -> UInt64

        init(initial: @escaping (UInt64) -> UInt64) { self.initial = initial }

        func willWrite(_ tag: UInt64, _ sectors: Range<UInt64>) {
            for sector in sectors {
                unflushed[sector, default: []].insert(tag)
                last[sector] = [tag]
            }
        }
        func willDiscard(_ sectors: Range<UInt64>) {
            for sector in sectors {
                unflushed[sector, default: []].insert(0)
                last[sector] = (last[sector] ?? [initial(sector)]).union([0])
            }
        }
        func didFlush() {
            stable.merge(last) { $1 }
            unflushed = [:]
        }
        /// Nil when all is well, otherwise the first wrong sector.
        func firstMistake(in image: any Disk) throws -> String? {
            let sectors = last.keys.sorted()
            var first = 0
            while first < sectors.count {
                var end = first + 1
                while end < sectors.count, sectors[end] == sectors[end - 1] + 1 { end += 1 }
                let bytes = try image.bytes(at: sectors[first] * 512, count: (end - first) * 512)
                let wrong = bytes.withUnsafeBytes { raw in
                    (first..<end).first { number in
                        let words = raw.baseAddress.map { $0 + (number - first) * 512 }
                        guard let words else { return true }
                        let tag = words.loadUnaligned(as: UInt64.self)
                        for word in 1..<64 where words.loadUnaligned(fromByteOffset: word * 8, as: UInt64.self) != tag { return true }
                        let sector = sectors[number]
                        return stable[sector]?.contains(tag) != true && unflushed[sector]?.contains(tag) != true
                            && (stable[sector] != nil || tag != initial(sector))
                    }
                }
                if let wrong {
                    let allowed = (stable[sectors[wrong]] ?? [initial(sectors[wrong])]).union(unflushed[sectors[wrong]] ?? [])
                    return "sector \(sectors[wrong]) has none of \(allowed.sorted())"
                }
                first = end
            }
            return nil
        }
    }

    static func sectors(_ tag: UInt64, _ count: Int) -> [UInt8] {
        let one = withUnsafeBytes(of: tag) { Array($0) }
        return Array(repeatElement(one, count: 64 * count).joined())
    }

    struct Work: Sendable {
        var kind: DiskKind
        var rearranges: Bool
        var seed: UInt64
    }

    @Test(
        "a power cut at any change loses nothing that was flushed",
        arguments: [
            Work(kind: .dynamic, rearranges: false, seed: 1), Work(kind: .dynamic, rearranges: true, seed: 2),
            Work(kind: .differencing, rearranges: false, seed: 3), Work(kind: .differencing, rearranges: true, seed: 4),
            Work(kind: .fixed, rearranges: true, seed: 5),
        ])
    func powerCuts(_ work: Work) throws {
        var random = SplitMix(seed: work.seed)
        var size: UInt64 = 9 << 20
        var options = VHDXOptions(size: size, kind: work.kind)
        options.blockSize = 1 << 20
        let base = PowerLossFile(name: "base.vhdx")
        if work.kind == .differencing {
            var parentOptions = VHDXOptions(size: size, kind: .dynamic)
            parentOptions.blockSize = 1 << 20
            try VHDXImage.create(on: base, parentOptions)
            let parent = try VHDXImage(file: base)
            for sector in stride(from: UInt64(0), to: size / 512, by: 256) {
                try parent.write(Self.sectors(sector + 1 << 32, 128), at: sector * 512)
            }
            try parent.close()
            options.parent = VHDXParentLink(linkage: parent.dataWriteGUID, relativePath: "base.vhdx")
        }
        func parent() throws -> VHDXImage? {
            work.kind == .differencing ? try VHDXImage(file: PowerLossFile(base.content), readOnly: true) : nil
        }
        let expectation = Expectation { sector in
            guard work.kind == .differencing, sector % 256 < 128, sector < (9 << 20) / 512 else { return 0 }
            return sector / 256 * 256 + 1 << 32
        }
        let file = PowerLossFile()
        try VHDXImage.create(on: file, options)
        let image = try VHDXImage(file: file, parent: try parent())

        var mistakes: [String] = []
        var cuts = 0
        var cutRandom = SplitMix(seed: work.seed &* 77)
        func verify(_ content: SparseBytes, again: Bool) {
            do {
                let left = PowerLossFile(content)
                var interrupted: SparseBytes?
                var changes = 0
                let stop = Int(cutRandom.next() % 6)
                if again {
                    left.afterChange = {
                        if changes == stop { interrupted = left.afterPowerLoss(using: &cutRandom) }
                        changes += 1
                    }
                }
                if cutRandom.next() % 4 == 0 {
                    let reader = try VHDXImage(file: PowerLossFile(content, isReadOnly: true), parent: try parent())
                    if let mistake = try expectation.firstMistake(in: reader) { mistakes.append("cut \(cuts), read-only: \(mistake)") }
                }
                let found = try VHDXImage(file: left, parent: try parent())
                if let mistake = try expectation.firstMistake(in: found) { mistakes.append("cut \(cuts): \(mistake)") }
                for problem in found.check() where problem.isFatal { mistakes.append("cut \(cuts): \(problem.message)") }
                try found.write(try found.bytes(at: 1 << 20, count: 512), at: 1 << 20)
                try found.close()
                if let interrupted { verify(interrupted, again: false) }
            } catch { mistakes.append("cut \(cuts): \(error)") }
        }
        file.afterChange = {
            guard mistakes.count < 5 else { return }
            cuts += 1
            verify(file.afterPowerLoss(using: &cutRandom), again: cuts % 3 == 0)
        }
        for step in 0..<50 {
            let sector = UInt64.random(in: 0..<size / 512 - 16, using: &random)
            let count = Int.random(in: 1...16, using: &random)
            switch random.next() % 12 {
            case 0..<6:
                let tag = UInt64(step) + 1
                expectation.willWrite(tag, sector..<sector + UInt64(count))
                try image.write(Self.sectors(tag, count), at: sector * 512)
            case 6, 7:
                let start = sector / 1024 * 1024
                let end = min(start + 2500, size / 512)
                expectation.willDiscard(start..<end)
                if image.canDiscard { try image.discard(at: start * 512, count: (end - start) * 512) }
            case 8, 9, 10:
                try image.flush()
                expectation.didFlush()
            default:
                guard work.rearranges else { break }
                switch random.next() % 4 {
                case 0 where work.kind != .fixed: try image.compact()
                case 1:
                    size += 300 << 10
                    try image.resize(to: size)
                case 2 where work.kind == .differencing:
                    try image.setParentLink(VHDXParentLink(linkage: try #require(options.parent).linkage, relativePath: "sub/\(step).vhdx"))
                default: try image.setDiskIdentifier(GUID())
                }
                expectation.didFlush()
            }
        }
        try image.close()
        #expect(mistakes.isEmpty, "\(mistakes.joined(separator: "\n"))")
        #expect(cuts > 40)
    }

    @Test("an interrupted creation leaves no image")
    func creation() throws {
        var random = SplitMix(seed: 9)
        let file = PowerLossFile()
        var opened = 0
        var changes = 0
        file.afterChange = {
            changes += 1
            for _ in 0..<5 {
                if let image = try? VHDXImage(file: PowerLossFile(file.afterPowerLoss(using: &random))) {
                    opened += 1
                    #expect(image.size == 8 << 20 && image.check().isEmpty)
                }
            }
        }
        var options = VHDXOptions(size: 8 << 20, kind: .fixed)
        options.blockSize = 1 << 20
        try VHDXImage.create(on: file, options)
        #expect(changes > 5 && opened < 10)
        #expect(throws: Never.self) { try VHDXImage(file: file).close() }
    }

    @Test("qemu-img replays our logs", .enabled(if: VHDXForeignToolTests.hasQEMU, "qemu-utils is not installed"))
    func qemuReplays() throws {
        var random = SplitMix(seed: 21)
        let folder = try VHDXForeignToolTests.Folder()
        let file = PowerLossFile()
        var options = VHDXOptions(size: 64 << 20, kind: .dynamic)
        options.blockSize = 1 << 20
        try VHDXImage.create(on: file, options)
        let image = try VHDXImage(file: file)
        for round in 0..<8 {
            let offset = UInt64(round) * 7 << 20
            try image.write([UInt8](repeating: 0x33, count: 4096), at: offset)
            try image.flush()
            let path = try folder.save(file.afterPowerLoss(using: &random), as: "cut.vhdx")
            #expect(try VHDXInformation(file: PowerLossFile(try folder.load(path))).isLogDirty)
            let repair = try folder.run("qemu-img", "check", "-f", "vhdx", "-r", "all", path)
            #expect(repair.code == 0, "\(repair.output)")
            let reading = try folder.run("qemu-io", "-f", "vhdx", "-r", "-c", "read -P 0x33 \(offset) 4096", path)
            #expect(reading.code == 0 && !reading.output.contains("failed"), "\(reading.output)")
        }
    }
}
