import Basics
import CHost
import Glibc
import Storage
import Synchronization
import TestSupport
import Testing

/// Disks whose images another process reads and writes.
@Suite struct ServedDiskTests {
    private static let size: UInt64 = 12 << 20
    private let folder: DiskFolder

    init() throws { folder = try DiskFolder() }

    private func create(_ name: String, _ kind: DiskKind = .dynamic, parent: String? = nil) throws {
        if name.hasSuffix(".raw") {
            try folder.file(name, [UInt8](repeating: 0, count: Int(Self.size)))
            return
        }
        var specification = DiskSpecification(path: folder(name), kind: kind, size: Self.size)
        if kind == .dynamic { specification.blockSize = name.hasSuffix("x") ? 1 << 20 : 256 << 10 }
        specification.parentPath = parent.map { folder($0) }
        try DiskOperations().create(specification)
    }

    private func chain(_ name: String) throws -> [DiskChainEntry] {
        try DiskChain.resolve(path: folder(name), format: try #require(DiskFormat.of(fileName: name))).entries
    }

    private func open(
        _ name: String, starter: DiskServiceStarter = .process, patience: DiskServicePatience = .init(),
        note: @escaping @Sendable (String) -> Void = { _ in }
    ) throws -> ServedDisk {
        try ServedDisk(try chain(name), starter: starter, patience: patience, note: note)
    }

    /// The content as this process reads the closed image.
    private func content(_ name: String) throws -> [UInt8] {
        let disk = try DiskChain.resolve(path: folder(name), format: try #require(DiskFormat.of(fileName: name))).disk()
        defer { try? disk.close() }
        return try disk.read(at: 0, count: Int(disk.size))
    }

    private func waitUntil(_ what: String, _ condition: () -> Bool) throws {
        let deadline = HostTime.monotonic() + 20_000_000_000
        while !condition() {
            if HostTime.monotonic() > deadline { throw TestFailure(description: "waited in vain until \(what)") }
            usleep(1_000)
        }
    }

    /// What a guest does in any order, and what the disk must hold then.
    private func work(_ disk: ServedDisk, on model: inout [UInt8], seed: UInt64, steps: Int) throws {
        var generator = SeededGenerator(state: seed)
        for step in 0..<steps {
            let sector = UInt64.random(in: 0..<Self.size / 512 - 4096, using: &generator)
            let count = Int.random(in: 1...(step % 16 == 0 ? 4096 : 64), using: &generator) * 512
            let offset = Int(sector) * 512
            switch Int.random(in: 0..<10, using: &generator) {
            case 0: try disk.flush()
            case 1, 2: #expect(try disk.read(at: UInt64(offset), count: count) == Array(model[offset..<offset + count]), "step \(step)")
            default:
                let bytes = generator.bytes(count)
                try disk.write(bytes, at: UInt64(offset))
                model.replaceSubrange(offset..<offset + count, with: bytes)
            }
        }
    }

    @Test(arguments: ["a.raw", "a.vhd", "a.vhdx"]) func holdsWhatIsWritten(_ name: String) throws {
        try create(name)
        let disk = try open(name)
        #expect((disk.size, disk.logicalSectorSize, disk.isReadOnly) == (Self.size, 512, false))
        var model = [UInt8](repeating: 0, count: Int(Self.size))
        try work(disk, on: &model, seed: 1, steps: 60)
        // More than the window holds, and not at its beginning.
        var generator = SeededGenerator(state: 9)
        let large = generator.bytes(3 << 20)
        try disk.write(large, at: 512 * 77)
        model.replaceSubrange(512 * 77..<512 * 77 + large.count, with: large)
        #expect(try disk.read(at: 0, count: model.count) == model)
        try disk.close()
        #expect(try content(name) == model)
    }

    @Test func aGuestMeetsTheSameDiskAsWithoutAService() throws {
        try create("parent.vhdx")
        try create("child.avhdx", .differencing, parent: "parent.vhdx")
        let live = try LiveDisk(try chain("child.avhdx"))
        let known = (live.size, live.logicalSectorSize, live.physicalSectorSize, live.canDiscard, live.identifier)
        try live.close()
        let disk = try open("child.avhdx")
        #expect((disk.size, disk.logicalSectorSize, disk.physicalSectorSize, disk.canDiscard) == (known.0, known.1, known.2, known.3))
        #expect(disk.identifier == known.4)
        try disk.close()
    }

    /// Kills come at any moment: while it waits, opens, reads, allocates, flushes, is told the journal.
    @Test(arguments: ["k.raw", "k.vhd", "k.vhdx", "k.avhdx"]) func nothingIsLostWhenTheServiceIsKilled(_ name: String) throws {
        if name == "k.avhdx" {
            try create("base.vhdx")
            try create(name, .differencing, parent: "base.vhdx")
        } else {
            try create(name)
        }
        for seed in UInt64(1)...5 {
            let disk = try open(name)
            var model = try disk.read(at: 0, count: Int(Self.size))
            let isOver = Flag()
            let killer = HostThread(name: "killer") {
                var generator = SeededGenerator(state: seed)
                while !isOver.isUp {
                    usleep(UInt32.random(in: 0..<40_000, using: &generator))
                    if let process = disk.figures.process { kill(process, SIGKILL) }
                }
            }
            let done = Result {
                for round in UInt64(0)..<100 where disk.figures.restarts < 12 {
                    try work(disk, on: &model, seed: seed << 32 | round, steps: 40)
                }
            }
            isOver.isUp = true
            killer.join()
            try done.get()
            let figures = disk.figures
            #expect(figures.restarts >= 12, "the kills came while it worked")
            #expect(try disk.read(at: 0, count: model.count) == model, "seed \(seed), \(figures)")
            try disk.close()
            #expect(try content(name) == model, "seed \(seed): after closing")
            if !name.hasSuffix(".raw") { #expect(try DiskOperations().problems(folder(name)) == []) }
        }
    }

    @Test func aServiceThatEndsIsReplacedThoughNobodyAsks() throws {
        try create("idle.vhdx")
        let notes = Mutex<[String]>([])
        let disk = try open("idle.vhdx", note: { line in notes.withLock { $0.append(line) } })
        var generator = SeededGenerator(state: 3)
        // Its place in the file is known to the service alone.
        let bytes = generator.bytes(4096)
        try disk.write(bytes, at: 5 << 20)
        let first = try #require(disk.figures.process)
        kill(first, SIGKILL)
        try waitUntil("another service has begun") { disk.figures.restarts == 1 }
        #expect(disk.figures.process != first)
        #expect(try disk.read(at: 5 << 20, count: 4096) == bytes)
        #expect(notes.withLock { $0 }.contains { $0.contains("idle.vhdx") && $0.contains("instead of \(first)") })
        try disk.close()
        #expect(kill(first, 0) != 0)
    }

    @Test func aServiceThatHangsIsReplaced() throws {
        try create("hang.raw")
        var patience = DiskServicePatience()
        patience.request = 300
        let disk = try open("hang.raw", patience: patience)
        let first = try #require(disk.figures.process)
        kill(first, SIGSTOP)
        try disk.write([UInt8](repeating: 7, count: 512), at: 512)
        #expect(disk.figures.restarts == 1)
        #expect(disk.figures.process != first)
        #expect(try disk.read(at: 512, count: 512) == [UInt8](repeating: 7, count: 512))
        try disk.close()
    }

    @Test func aServiceHasOnlyWhatItNeeds() throws {
        try create("own.vhdx")
        let disk = try open("own.vhdx")
        let process = try #require(disk.figures.process)
        var open: Set<String> = []
        let handle = try #require(opendir("/proc/\(process)/fd"))
        defer { closedir(handle) }
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            guard let number = Int(name), number > 2 else { continue }
            var target = [CChar](repeating: 0, count: 4096)
            let count = readlink("/proc/\(process)/fd/\(name)", &target, target.count)
            open.insert(String(decoding: target.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
        let others = open.subtracting([folder("own.vhdx")])
        #expect(open.contains(folder("own.vhdx")))
        #expect(others.count == 1 && others.allSatisfy { $0.hasPrefix("socket:") }, "\(open)")
        let status = try #require(try text("/proc/\(process)/status"))
        #expect(status.contains("Seccomp:\t2") && status.contains("NoNewPrivs:\t1"))
        try disk.close()
        #expect(kill(process, 0) != 0)
    }

    private func text(_ path: String) throws -> String? {
        let file = fopen(path, "r")
        guard let file else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 16 << 10)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    @Test func theImageIsLockedAsLongAsTheDiskIsOpen() throws {
        try create("lock.vhdx")
        let disk = try open("lock.vhdx")
        func refused() -> Bool {
            do { try HostDiskFile.open(path: folder("lock.vhdx"), readOnly: false).close() } catch { return error.code == .inUse }
            return false
        }
        #expect(refused())
        kill(try #require(disk.figures.process), SIGKILL)
        #expect(refused())
        try waitUntil("another service has begun") { disk.figures.restarts == 1 }
        #expect(refused())
        try disk.close()
        #expect(!refused())
    }

    @Test func aServiceOfAnotherVersionIsRefused() throws {
        try create("older.raw")
        func code(_ body: () throws -> ServedDisk) -> (DiskOpenError.Code, String)? {
            do { try body().close() } catch let error as DiskOpenError { return (error.code, error.message) } catch {}
            return nil
        }
        // By the worker…
        let byWorker = try #require(code { try open("older.raw") })
        #expect(byWorker.0 == .serviceMismatch)
        #expect(byWorker.1.contains("lunavisor 0.0.9"), "\(byWorker.1)")
        // …and by the service, which is told who starts it.
        try create("newer.raw")
        let starter = DiskServiceStarter { name, options, descriptors in
            DiskServiceStarter.process.start(name, options.replacing("lunavisor 0.", with: "lunavisor 9."), descriptors)
        }
        let byService = try #require(code { try open("newer.raw", starter: starter) })
        #expect(byService.0 == .serviceMismatch)
        #expect(byService.1.contains("lunavisor 9."), "\(byService.1)")
        // The images are free again.
        try HostDiskFile.open(path: folder("older.raw"), readOnly: false).close()
    }

    @Test func aServiceThatSaysNothingIsGivenUp() throws {
        try create("mute.raw")
        var patience = DiskServicePatience()
        patience.start = 200
        do {
            try open("mute.raw", patience: patience).close()
            Issue.record("it was taken for a service")
        } catch let error as DiskOpenError { #expect(error.code == .serviceFailed) }
        try HostDiskFile.open(path: folder("mute.raw"), readOnly: false).close()
    }

    @Test func anImageThatIsNoneIsRefusedAsWithoutAService() throws {
        try folder.file("bad.vhdx", [UInt8](repeating: 1, count: 4 << 20))
        let file = try HostDiskFile.open(path: folder("bad.vhdx"), readOnly: false)
        let copy = fcntl(file.descriptor, F_DUPFD_CLOEXEC, 3)
        file.close()
        do {
            try ServedDisk([DiskChainEntry(descriptor: copy, path: folder("bad.vhdx"), format: .vhdx)]).close()
            Issue.record("it was opened")
        } catch { #expect((error as? DiskOpenError)?.code == .wrongFormat, "\(error)") }
    }

    /// A host that cannot start a service for a while costs requests, not what was written before.
    @Test func whenNoServiceCanBeStartedRequestsFailUntilOneCan() throws {
        try create("poor.vhdx")
        let isPoor = Flag()
        let starter = DiskServiceStarter { isPoor.isUp ? -ENOMEM : DiskServiceStarter.process.start($0, $1, $2) }
        let disk = try open("poor.vhdx", starter: starter)
        var generator = SeededGenerator(state: 4)
        let bytes = generator.bytes(8192)
        try disk.write(bytes, at: 3 << 20)
        isPoor.isUp = true
        kill(try #require(disk.figures.process), SIGKILL)
        try waitUntil("it is missed") { disk.figures.process == nil }
        #expect(throws: DiskError.self) { try disk.read(at: 3 << 20, count: 8192) }
        isPoor.isUp = false
        #expect(try disk.read(at: 3 << 20, count: 8192) == bytes)
        try disk.close()
    }
}

final class Flag: Sendable {
    private let value = Atomic<Bool>(false)
    var isUp: Bool {
        get { value.load(ordering: .acquiring) }
        set { value.store(newValue, ordering: .releasing) }
    }
}
