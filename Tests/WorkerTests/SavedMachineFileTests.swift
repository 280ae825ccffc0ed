import Basics
import Boot
import DeviceModel
import Foundation
import TestSupport
import Testing
import Worker

/// The file of a saved machine as hostile input, and files of earlier programs.
@Suite(.timeLimit(.minutes(3)))
struct SavedMachineFileTests {
    private static let pages = 1024

    private func makeFile() throws -> [UInt8] {
        let memory = try GuestMemory(size: UInt64(Self.pages) << 12)
        for page in stride(from: 3, to: 700, by: 7) { _ = memory.fillPage(page) { $0[page] = 9 } }
        let file = NamelessFile()
        let header = SavedMachine.Header(
            shape: MemoryImageTests.shape, units: [.init(name: "one", version: 1, payload: String(repeating: "x", count: 5000))])
        try SavedMachine.write(header, memory: memory, to: file.descriptor)
        var bytes = [UInt8](repeating: 0, count: Int(lseek(file.descriptor, 0, SEEK_END)))
        #expect(pread(file.descriptor, &bytes, bytes.count, 0) == bytes.count)
        return bytes
    }

    private func code(_ bytes: [UInt8], _ body: (Int32) throws(MachineError) -> Void) -> MachineError.Code? {
        let file = NamelessFile()
        #expect(write(file.descriptor, bytes, bytes.count) == bytes.count)
        do throws(MachineError) {
            try body(file.descriptor)
            return nil
        } catch { return error.code }
    }

    private func restoring(_ bytes: [UInt8]) -> MachineError.Code? {
        code(bytes) { (descriptor) throws(MachineError) in
            guard let memory = try? GuestMemory(size: UInt64(Self.pages) << 12) else { return }
            _ = try SavedMachine.read(from: descriptor, into: memory) { _ in }
            memory.forEachUsedPage { _, _ in }
        }
    }

    private func verifying(_ bytes: [UInt8]) -> MachineError.Code? {
        code(bytes) { (descriptor) throws(MachineError) in _ = try SavedMachine.verify(descriptor) }
    }

    /// The frame's numbers, changed and sealed again.
    private func changed(_ bytes: [UInt8], _ change: (inout [String: Any]) -> Void) throws -> [UInt8] {
        let length = Int(try #require(bytes.littleEndian(at: 8, as: UInt32.self)))
        var frame = try #require(try JSONSerialization.jsonObject(with: Data(bytes[12..<12 + length])) as? [String: Any])
        change(&frame)
        let json = [UInt8](try JSONSerialization.data(withJSONObject: frame))
        var start = Array(bytes[..<8]) + [UInt8](littleEndian: UInt32(json.count)) + json
        var hash = StateHash()
        start.withUnsafeBytes { hash.combine($0) }
        start.append(littleEndian: hash.value)
        return start + [UInt8](repeating: 0, count: 4096 - start.count) + bytes[4096...]
    }

    private func part(_ frame: inout [String: Any], _ name: String, _ key: String, _ value: Any) {
        guard var part = frame[name] as? [String: Any] else { return }
        part[key] = value
        frame[name] = part
    }

    @Test func whatAFileSaysIsNotBelieved() throws {
        let bytes = try makeFile()
        // What was written elsewhere and copied is read whole, and is as good as the original.
        #expect(restoring(bytes) == nil && verifying(bytes) == nil)
        #expect(restoring(try changed(bytes) { _ in }) == nil)
        for pages in [0, -1, 1, Self.pages - 1, Self.pages + 64, 1 << 34, 1 << 40, Int.max] {
            #expect(restoring(try changed(bytes) { $0["pages"] = pages }) != nil, "\(pages) pages")
        }
        for name in ["decided", "filled", "header", "sums"] {
            for at in [UInt64(bytes.count), UInt64(bytes.count) - 3, UInt64.max, UInt64.max - 100, 1 << 63, 1 << 40] {
                #expect(restoring(try changed(bytes) { part(&$0, name, "at", at) }) == .savedTruncated, "\(name) at \(at)")
            }
            for count in [-1, Int.min, Int.max, 1 << 32, 0] where !(name == "sums" && count == 0) {
                #expect(restoring(try changed(bytes) { part(&$0, name, "bytes", count) }) != nil, "\(name) of \(count) bytes")
            }
            #expect(restoring(try changed(bytes) { part(&$0, name, "check", 77) }) == .savedCorrupt)
            #expect(verifying(try changed(bytes) { part(&$0, name, "check", 77) }) == .savedCorrupt)
        }
        // Two parts that name the same bytes.
        #expect(verifying(try changed(bytes) { $0["filled"] = $0["decided"] }) == .savedCorrupt)
        #expect(restoring(try changed(bytes) { $0["decided"] = $0["filled"] }) == .savedCorrupt, "it lacks pages and names no parent")
        #expect(restoring(try changed(bytes) { $0["version"] = 0 }) == .savedCorrupt)
        #expect(restoring(try changed(bytes) { $0["version"] = 3 }) == .savedNewer)
        // A length of the frame beyond its room, and one without end.
        #expect(restoring(Array(bytes[..<8]) + [0xff, 0xff, 0xff, 0] + bytes[12...]) != nil)
        #expect(restoring(Array(bytes[..<8]) + [0xff, 0xff, 0xff, 0xff] + bytes[12...]) == .savedCorrupt)
    }

    @Test func aNewerVersionIsNamedWithOurs() throws {
        let file = NamelessFile()
        let bytes = try changed(try makeFile()) { $0["version"] = 3 }
        #expect(write(file.descriptor, bytes, bytes.count) == bytes.count)
        do {
            _ = try SavedMachine.describe(file.descriptor)
            Issue.record("it was read")
        } catch { #expect(error.message.contains("version 3") && error.message.contains("knows 2")) }
    }

    @Test func aFileThatEndsEarlyIsNoMachine() throws {
        let bytes = try makeFile()
        for length in [0, 4, 11, 12, 100, 4096, 5000, 700 << 12, Self.pages << 12, bytes.count - 1] {
            #expect(restoring(Array(bytes.prefix(length))) == .savedTruncated, "\(length) bytes")
        }
    }

    @Test func damageOfPagesIsFoundWhereItIsLookedFor() throws {
        let bytes = try makeFile()
        var random = SystemRandomNumberGenerator()
        for _ in 0..<40 {
            var damaged = bytes
            damaged[4096 + Int.random(in: 0..<Self.pages << 12, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
            #expect(verifying(damaged) == .savedCorrupt)
        }
        let length = Int(try #require(bytes.littleEndian(at: 8, as: UInt32.self))) + 20
        let end = 4096 + Self.pages << 12
        for _ in 0..<200 {
            var damaged = bytes
            let place =
                Bool.random(using: &random) ? Int.random(in: 0..<length, using: &random) : Int.random(in: end..<bytes.count, using: &random)
            damaged[place] ^= UInt8.random(in: 1...255, using: &random)
            #expect(verifying(damaged) != nil, "byte \(place)")
            _ = restoring(damaged)
        }
    }

    /// Somebody writes to the file of a saved machine: nothing of it comes into memory. Put right again, it is used again, and is not read whole
    /// a second time.
    @Test func editedPagesAreFoundBeforeTheyAreUsed() throws {
        let file = NamelessFile()
        let source = try GuestMemory(size: UInt64(Self.pages) << 12)
        _ = source.fillPage(9) { $0[5] = 77 }
        try SavedMachine.write(SavedMachine.Header(shape: MemoryImageTests.shape, units: []), memory: source, to: file.descriptor)
        func use() -> MachineError? {
            do throws(MachineError) {
                guard let memory = try? GuestMemory(size: UInt64(Self.pages) << 12) else { return MachineError(.memory) }
                _ = try SavedMachine.read(from: file.descriptor, into: memory) { _ in }
                return memory.load(9 << 12 + 5, as: UInt8.self) == 77 ? nil : MachineError(.savedMismatch)
            } catch { return error }
        }
        func modified() -> timespec {
            var information = stat()
            #expect(fstat(file.descriptor, &information) == 0)
            return information.st_mtim
        }
        let written = modified()
        #expect(use() == nil)
        for (page, byte) in [(9, 5), (700, 0)] {
            var value: UInt8 = 78
            #expect(pwrite(file.descriptor, &value, 1, off_t(4096 + page << 12 + byte)) == 1)
            let failure = use()
            #expect(failure?.code == .savedCorrupt && failure?.message.contains("page \(page) ") == true)
            value = page == 9 ? 77 : 0
            #expect(pwrite(file.descriptor, &value, 1, off_t(4096 + page << 12 + byte)) == 1)
            #expect(use() == nil)
            #expect(modified().tv_sec == written.tv_sec && modified().tv_nsec == written.tv_nsec)
        }
    }

    // MARK: Files of earlier programs

    /// Exact machines that ran Machine/verbs.asm, MODE 7, to count 20,000. Their processors go on as those of a machine that was started
    /// now; what firmware tables in RAM say may have grown since.
    @Test(.enabled(if: Assembler.isInstalled, "nasm is not installed"), arguments: [(1, 32), (2, 2)] as [(Int, UInt64)])
    func earlierFilesOpen(version: Int, megabytes: UInt64) throws {
        let path = BuiltShell.repository.appendingPathComponent("Tests/SavedMachines/version\(version).saved").path
        let descriptor = open(path, O_RDONLY)
        defer { close(descriptor) }
        #expect(try SavedMachine.describe(descriptor).version == version)
        #expect(try SavedMachine.verify(descriptor).units.isEmpty == false)
        let bench = MachineBench()
        let image = try Assembler.assemble("Machine/verbs.asm", defining: ["MODE": 7])
        var processors: [[UnitState]] = []
        for isRestored in [true, false] {
            let machine = try bench.machine(
                .init(kernel: MemoryBootFile(name: "verbs", bytes: image)), MachineBench.configuration(exact: true, megabytes: megabytes))
            defer { machine.close() }
            if isRestored { try machine.restore(from: descriptor) } else { try machine.start(paused: true) }
            if isRestored { #expect(machine.status().instructions == 20_000) }
            try machine.run(toCount: 60_000)
            processors.append(try machine.unitStates().filter { $0.name.hasPrefix("vp.") })
        }
        #expect(!processors[0].isEmpty && processors[0] == processors[1])
    }
}
