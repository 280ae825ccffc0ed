import Basics
import Storage
import Testing

/// The power fails after each change that a merge makes; the chain opens with its identifiers checked and reads the same every time.
@Suite struct MergePowerCutTests {
    private static let size: UInt64 = 6 << 20

    private func makeImage(_ format: DiskFormat, _ size: UInt64, parent: (any Disk)?) throws -> PowerLossFile {
        let file = PowerLossFile(name: "image")
        if format == .vhd {
            var options = VHDOptions(size: size, kind: parent == nil ? .dynamic : .differencing)
            options.blockSize = 64 << 10
            options.parent = (parent as? VHDImage).map {
                VHDParentLink(identifier: $0.diskIdentifier, relativePath: "p", absolutePath: nil)
            }
            try VHDImage.create(on: file, options)
        } else {
            var options = VHDXOptions(size: size, kind: parent == nil ? .dynamic : .differencing)
            options.blockSize = 1 << 20
            options.parent = (parent as? VHDXImage).map { VHDXParentLink(linkage: $0.dataWriteGUID, relativePath: "p") }
            try VHDXImage.create(on: file, options)
        }
        return file
    }

    private func open(_ format: DiskFormat, _ file: PowerLossFile, on parent: (any Disk)?, readOnly: Bool) throws -> any MappedDisk {
        format == .vhd
            ? try VHDImage(file: file, parent: parent, readOnly: readOnly) : try VHDXImage(file: file, parent: parent, readOnly: readOnly)
    }

    /// Child first.
    private func openChain(_ format: DiskFormat, _ files: [PowerLossFile], readOnly: Bool) throws -> [any MappedDisk] {
        var chain: [any MappedDisk] = []
        for file in files.reversed() { chain.insert(try open(format, file, on: chain.first, readOnly: readOnly), at: 0) }
        return chain
    }

    @Test(arguments: [DiskFormat.vhdx, .vhd], [false, true])
    func chainStaysWhole(format: DiskFormat, grows: Bool) throws {
        var random = SplitMix(seed: 3)
        let length = Self.size + (grows ? 2 << 20 : 0)
        // Base, middle, child, each with some content of its own.
        var files: [PowerLossFile] = []
        for level in 0..<3 {
            let below = try openChain(format, files, readOnly: true).first
            files.insert(try makeImage(format, level == 2 ? length : Self.size, parent: below), at: 0)
            let image = try openChain(format, [files[0]] + files.dropFirst().map { PowerLossFile($0.content) }, readOnly: false)[0]
            for _ in 0..<5 {
                let sector = UInt64.random(in: 0..<image.size / 512 - 16, using: &random)
                try image.write([UInt8](repeating: UInt8(level * 60 + 1 + Int(random.next() % 50)), count: 16 * 512), at: sector * 512)
            }
            try image.close()
        }
        let expected = try openChain(format, files, readOnly: true)[0].bytes(at: 0, count: Int(length))

        var mistakes: [String] = []
        var cuts = 0
        var cutRandom = SplitMix(seed: 4)
        for file in files {
            file.afterChange = {
                cuts += 1
                guard mistakes.count < 5, cuts < 60 || cuts % 8 == 0 else { return }
                do {
                    let left = files.map { PowerLossFile($0.afterPowerLoss(using: &cutRandom), isReadOnly: true) }
                    let found = try openChain(format, left, readOnly: true)[0].bytes(at: 0, count: Int(length))
                    if found != expected { mistakes.append("cut \(cuts): other content") }
                } catch { mistakes.append("cut \(cuts): \(error)") }
            }
        }
        let chain = try openChain(format, files, readOnly: false)
        try DiskOperations().mergeContent(of: chain, at: ["/d/c", "/d/b", "/d/a"])
        try chain[0].close()
        #expect(mistakes.isEmpty, "\(mistakes.joined(separator: "\n"))")
        #expect(cuts > 20)
        for file in files { file.afterChange = nil }
        #expect(try open(format, files[2], on: nil, readOnly: true).bytes(at: 0, count: Int(length)) == expected)
    }
}
