import Basics
import Glibc
import Storage
import Testing

@Suite struct DiskOperationsTests {
    let folder: DiskFolder
    let work = DiskOperations()
    init() throws { folder = try DiskFolder() }

    private func create(_ name: String, _ kind: DiskKind = .dynamic, size: UInt64? = nil, parent: String? = nil) throws {
        var specification = DiskSpecification(path: folder(name), kind: kind, size: size)
        specification.parentPath = parent.map { folder($0) }
        try work.create(specification)
    }

    private func use<Result>(_ name: String, readOnly: Bool = false, _ body: (any Disk) throws -> Result) throws -> Result {
        let format = try #require(DiskFormat.of(fileName: name))
        let disk = try DiskChain.resolve(path: folder(name), format: format, readOnly: readOnly).disk(readOnly: readOnly)
        defer { try? disk.close() }
        return try body(disk)
    }

    /// Scatters content over a disk; the same for the same seed.
    @discardableResult private func fill(_ name: String, seed: UInt64, pieces: Int = 40) throws -> [UInt8] {
        var generator = SeededGenerator(state: seed)
        return try use(name) { disk in
            for _ in 0..<pieces {
                let sector = UInt64.random(in: 0..<disk.size / 4096 - 8, using: &generator)
                let bytes = Int.random(in: 0..<4, using: &generator) == 0 ? [UInt8](repeating: 0, count: 8192) : generator.bytes(8192)
                try disk.write(bytes, at: sector * 4096)
            }
            try disk.flush()
            return try disk.read(at: 0, count: Int(disk.size))
        }
    }

    private func content(_ name: String) throws -> [UInt8] { try use(name, readOnly: true) { try $0.read(at: 0, count: Int($0.size)) } }

    @Test func whatIsMadeIsDescribed() throws {
        for name in ["a.vhd", "a.vhdx"] {
            try create(name, size: 64 << 20)
            let information = try work.information(folder(name))
            #expect((information.kind, information.size) == (.dynamic, 64 << 20))
            #expect(information.blockSize == (name.hasSuffix("x") ? 32 : 2) << 20)
            #expect(information.diskIdentifier != nil)
            #expect(!information.isAttached)
            #expect(information.fileSize < 16 << 20)
            let child = "child-" + name
            try create(child, .differencing, parent: name)
            let below = try work.information(folder(child))
            #expect((below.kind, below.size, below.parentPath) == (.differencing, 64 << 20, folder(name)))
            let using = try DiskChain.resolve(path: folder(child), format: information.format)
            #expect(try work.information(folder(child)).isAttached)
            using.close()
            #expect(try work.problems(folder(child)) == [])
        }
        #expect(folder.names.allSatisfy { !$0.contains("partial") })
    }

    @Test(arguments: ["vhd", "vhdx", "raw"], ["vhd", "vhdx", "raw"])
    func contentSurvivesConversion(from: String, to: String) throws {
        try create("s.vhd", size: 20 << 20)
        let bytes = try fill("s.vhd", seed: 5)
        if from != "vhd" { try work.convert(folder("s.vhd"), to: folder("s.\(from)")) }
        for kind in [DiskKind.dynamic, .fixed] {
            let name = "\(kind.rawValue).\(to)"
            try work.convert(folder("s.\(from)"), to: folder(name), kind: kind)
            #expect(try content(name) == bytes)
            #expect(try work.information(folder(name)).kind == (to == "raw" ? .fixed : kind))
            #expect(throws: DiskOpenError.self) { try work.convert(folder("s.\(from)"), to: folder(name)) }
        }
        try work.convert(folder("s.\(from)"), to: folder("moved.\(to)"), deletingSource: true)
        #expect(access(folder("s.\(from)"), F_OK) != 0)
        #expect(try content("moved.\(to)") == bytes)
    }

    @Test func aDifferenceIsWhatDiffers() throws {
        try create("base.vhdx", size: 16 << 20)
        try fill("base.vhdx", seed: 1)
        try work.convert(folder("base.vhdx"), to: folder("copy.vhdx"))
        let changed = try fill("copy.vhdx", seed: 2, pieces: 3)
        try work.convert(folder("copy.vhdx"), to: folder("d.vhdx"), kind: .differencing, parentPath: folder("base.vhdx"))
        #expect(try content("d.vhdx") == changed)
        #expect(try work.information(folder("d.vhdx")).kind == .differencing)
    }

    @Test(arguments: ["vhd", "vhdx"]) func chainsMerge(format: String) throws {
        try create("a.\(format)", size: 16 << 20)
        try fill("a.\(format)", seed: 1)
        var parent = "a.\(format)"
        for (number, name) in ["b", "c", "d"].enumerated() {
            try create("\(name).\(format)", .differencing, parent: parent)
            parent = "\(name).\(format)"
            try fill(parent, seed: UInt64(number) + 2)
        }
        let bytes = try content("d.\(format)")
        #expect(throws: DiskOperationError.self) { try work.merge(folder("a.\(format)")) }
        try work.merge(folder("d.\(format)"))
        #expect(folder.names == ["a", "b", "c"].map { "\($0).\(format)" })
        #expect(try content("c.\(format)") == bytes)
        try create("other.\(format)", size: 16 << 20)
        let failure = #expect(throws: DiskOperationError.self) { try work.merge(folder("c.\(format)"), into: folder("other.\(format)")) }
        #expect(failure?.code == .notInChain)
        try work.merge(folder("c.\(format)"), into: folder("a.\(format)"))
        #expect(folder.names == ["a.\(format)", "other.\(format)"])
        #expect(try content("a.\(format)") == bytes)
    }

    @Test(arguments: ["vhd", "vhdx"], [0, 3, 9]) func aStoppedMergeLosesNothing(format: String, steps: Int) throws {
        try create("a.\(format)", size: 16 << 20)
        try fill("a.\(format)", seed: 1)
        try create("b.\(format)", .differencing, parent: "a.\(format)")
        let bytes = try fill("b.\(format)", seed: 2)
        let count = Counter()
        let impatient = DiskOperations { _ in count.next() < steps }
        let failure = #expect(throws: DiskOperationError.self) { try impatient.merge(folder("b.\(format)")) }
        #expect(failure?.code == .stopped)
        #expect(try content("b.\(format)") == bytes)
        try work.merge(folder("b.\(format)"))
        #expect(try content("a.\(format)") == bytes)
    }

    @Test func stoppedAndFailedWorkLeavesNoFile() throws {
        try create("a.vhd", size: 16 << 20)
        try fill("a.vhd", seed: 1)
        let impatient = DiskOperations { _ in false }
        #expect(throws: DiskOperationError.self) { try impatient.convert(folder("a.vhd"), to: folder("b.vhdx"), deletingSource: true) }
        #expect(folder.names == ["a.vhd"])
        // More than any file system here has; the part that was made goes.
        #expect(throws: (any Error).self) { try create("huge.vhdx", .fixed, size: 60 << 40) }
        #expect(throws: DiskFormatError.self) { try create("huge.vhd", .fixed, size: 3 << 40) }
        #expect(throws: DiskOpenError.self) { try create("nowhere/a.vhd", size: 4 << 20) }
        #expect(throws: DiskOperationError.self) { try create("small.vhd", size: 1 << 20) }
        #expect(throws: DiskOperationError.self) { try create("odd.vhd", size: 4 << 20 + 1) }
        #expect(throws: DiskOperationError.self) { try create("a.qcow2", size: 4 << 20) }
        #expect(folder.names == ["a.vhd"])
    }

    @Test(arguments: ["vhd", "vhdx"]) func sizesChangeButNotOverData(format: String) throws {
        let name = "a.\(format)"
        try create(name, size: 16 << 20)
        try use(name) { try $0.write([UInt8](repeating: 7, count: 4096), at: 6 << 20) }
        try work.resize(folder(name), to: 40 << 20)
        #expect(try work.information(folder(name)).size == 40 << 20)
        try work.resize(folder(name), to: 8 << 20)
        let failure = #expect(throws: DiskOperationError.self) { try work.resize(folder(name), to: 4 << 20) }
        #expect(failure?.code == .dataWouldBeLost)
        #expect(throws: DiskOperationError.self) { try work.resizeToMinimum(folder(name)) }
        // A master boot record with one partition from 1 MiB to 5 MiB.
        var boot = [UInt8](repeating: 0, count: 512)
        boot.replaceSubrange(446..<462, with: [0, 0, 0, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 0x20, 0, 0])
        (boot[510], boot[511]) = (0x55, 0xaa)
        try use(name) { try $0.write(boot, at: 0) }
        #expect(try work.information(folder(name)).minimumSize == 5 << 20)
        #expect(throws: DiskOperationError.self) { try work.resize(folder(name), to: 4 << 20) }
        try work.resizeToMinimum(folder(name))
        #expect(try work.information(folder(name)).size == 5 << 20)
        #expect(try use(name, readOnly: true) { try $0.read(at: 0, count: 512) } == boot)
        #expect(try work.problems(folder(name)) == [])
    }

    @Test(arguments: ["vhd", "vhdx"]) func emptyRoomIsGivenBack(format: String) throws {
        let name = "a.\(format)"
        var specification = DiskSpecification(path: folder(name), kind: .dynamic, size: 64 << 20)
        specification.blockSize = 1 << 20
        try work.create(specification)
        try use(name) { disk in
            for megabyte in 0..<60 { try disk.write([UInt8](repeating: 9, count: 1 << 20), at: UInt64(megabyte) << 20) }
            for megabyte in 2..<58 { try disk.write([UInt8](repeating: 0, count: 1 << 20), at: UInt64(megabyte) << 20) }
        }
        let (bytes, before) = (try content(name), try folder.bytes(name).count)
        try work.compact(folder(name))
        #expect(try folder.bytes(name).count < before - 40 << 20)
        #expect(try content(name) == bytes)
        try create("f.\(format)", .fixed, size: 4 << 20)
        #expect(throws: DiskOperationError.self) { try work.compact(folder("f.\(format)")) }
    }

    @Test(arguments: ["vhd", "vhdx"]) func parentsAreChanged(format: String) throws {
        try create("a.\(format)", size: 8 << 20)
        try create("b.\(format)", .differencing, parent: "a.\(format)")
        _ = folder.folder("moved")
        rename(folder("a.\(format)"), folder("moved/a.\(format)"))
        #expect(try work.problems(folder("b.\(format)")).count == 1)
        try work.setParent(folder("b.\(format)"), to: folder("moved/a.\(format)"))
        #expect(try work.problems(folder("b.\(format)")) == [])
        try work.convert(folder("moved/a.\(format)"), to: folder("copy.\(format)"))
        let failure = #expect(throws: DiskOpenError.self) { try work.setParent(folder("b.\(format)"), to: folder("copy.\(format)")) }
        #expect(failure?.code == .parentMismatch)
        try work.setParent(folder("b.\(format)"), to: folder("copy.\(format)"), ignoringIdentifier: true)
        #expect(try work.information(folder("b.\(format)")).parentPath == folder("copy.\(format)"))
        let loop = #expect(throws: DiskOpenError.self) {
            try work.setParent(folder("b.\(format)"), to: folder("b.\(format)"), ignoringIdentifier: true)
        }
        #expect(loop?.code == .chainLoop)
        let old = try work.information(folder("copy.\(format)")).diskIdentifier
        try work.resetIdentifier(folder("copy.\(format)"))
        #expect(try work.information(folder("copy.\(format)")).diskIdentifier != old)
    }

    @Test func nothingHappensUnderARunningMachine() throws {
        try create("a.vhd", size: 8 << 20)
        try create("b.vhd", .differencing, parent: "a.vhd")
        let running = try DiskChain.resolve(path: folder("b.vhd"), format: .vhd)
        defer { running.close() }
        let attempts: [() throws -> Void] = [
            { try work.merge(folder("b.vhd")) }, { try work.resize(folder("b.vhd"), to: 16 << 20) },
            { try work.resize(folder("a.vhd"), to: 16 << 20) }, { try work.compact(folder("a.vhd")) },
            { try work.convert(folder("b.vhd"), to: folder("c.vhd")) }, { try work.resetIdentifier(folder("a.vhd")) },
            { try work.setParent(folder("b.vhd"), to: folder("a.vhd")) }, { _ = try work.problems(folder("b.vhd")) },
        ]
        for attempt in attempts {
            let failure = #expect(throws: DiskOpenError.self) { try attempt() }
            #expect(failure?.code == .inUse)
        }
        #expect(folder.names == ["a.vhd", "b.vhd"])
    }
}

private final class Counter: @unchecked Sendable {
    // Safety: one thread uses it.
    private var count = 0
    func next() -> Int {
        defer { count += 1 }
        return count
    }
}
