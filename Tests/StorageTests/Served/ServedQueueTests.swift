import Basics
import CHost
import Glibc
import Storage
import TestSupport
import Testing

/// Many requests under way at a time, to a service that ends at any moment.
@Suite struct ServedQueueTests {
    private static let size: UInt64 = 12 << 20
    private static let depth = 32
    private static let strace: String? = (["/usr/bin/strace", "/bin/strace"] as [String]).first { access($0, X_OK) == 0 }
    private let folder: DiskFolder

    init() throws { folder = try DiskFolder() }

    /// What was begun and has no end yet; of a read, what it has to bring.
    private struct Begun { var wanted: [UInt8]? }

    /// Random requests at the depth, some of which touch the same sectors; each must end once, and reads bring what the writes begun
    /// before them left.
    private func work(_ disk: ServedDisk, on model: inout [UInt8], _ generator: inout SeededGenerator, steps: Int) throws {
        var underway: [UInt64: Begun] = [:]
        var tag: UInt64 = 0
        func collect() {
            disk.collect { tag, outcome in
                guard let begun = underway.removeValue(forKey: tag) else {
                    Issue.record("request \(tag) ended twice")
                    return
                }
                switch outcome {
                case .failure(let error): Issue.record("request \(tag): \(error.message)")
                case .success(let data): if let wanted = begun.wanted { #expect(data.elementsEqual(wanted), "request \(tag)") }
                }
            }
        }
        for _ in 0..<steps {
            let count = Int.random(in: 1...(Int.random(in: 0..<20, using: &generator) == 0 ? 2048 : 32), using: &generator) * 512
            let offset = Int.random(in: 0..<(Int(Self.size) - count) / 512, using: &generator) * 512
            switch Int.random(in: 0..<50, using: &generator) {
            case 0: try disk.flush()
            case 1: #expect(try disk.read(at: UInt64(offset), count: count) == Array(model[offset..<offset + count]))
            case 2..<20:
                guard try disk.beginRead(tag, count: count, at: UInt64(offset)) else { break }
                underway[tag] = Begun(wanted: Array(model[offset..<offset + count]))
            default:
                var bytes = generator.bytes(count)
                let hasBegun = try bytes.withUnsafeMutableBytes { buffer in
                    var segment = iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)
                    return try withUnsafePointer(to: &segment) {
                        try disk.beginWrite(tag, from: UnsafeBufferPointer(start: $0, count: 1), at: UInt64(offset))
                    }
                }
                guard hasBegun else { break }
                underway[tag] = Begun(wanted: nil)
                model.replaceSubrange(offset..<offset + count, with: bytes)
            }
            tag += 1
            if underway.count >= Self.depth { collect() }
        }
        while !underway.isEmpty { collect() }
    }

    private func open(_ name: String) throws -> ServedDisk {
        if name.hasSuffix(".raw") {
            try folder.file(name, [UInt8](repeating: 0, count: Int(Self.size)))
        } else {
            var specification = DiskSpecification(path: folder(name), kind: .dynamic, size: Self.size)
            specification.blockSize = name.hasSuffix("x") ? 1 << 20 : 256 << 10
            try DiskOperations().create(specification)
        }
        return try ServedDisk(DiskChain.resolve(path: folder(name), format: try #require(DiskFormat.of(fileName: name))).entries)
    }

    private func content(_ name: String) throws -> [UInt8] {
        let disk = try DiskChain.resolve(path: folder(name), format: try #require(DiskFormat.of(fileName: name))).disk()
        defer { try? disk.close() }
        return try disk.read(at: 0, count: Int(disk.size))
    }

    @Test(arguments: ["q.raw", "q.vhd", "q.vhdx"]) func eachEndsOnceAndInTheGuestsOrder(_ name: String) throws {
        let disk = try open(name)
        var model = [UInt8](repeating: 0, count: Int(Self.size))
        var generator = SeededGenerator(state: 7)
        try work(disk, on: &model, &generator, steps: 3000)
        let figures = disk.figures
        #expect(figures.restarts == 0)
        // Requests that come together go together: else each had a message of its own, and one back.
        #expect(figures.messages < figures.exchanges * 3 / 2, "\(figures)")
        #expect(try disk.read(at: 0, count: model.count) == model)
        try disk.close()
        #expect(try content(name) == model)
    }

    @Test(arguments: ["k.raw", "k.vhd", "k.vhdx"], UInt64(1)...4)
    func nothingUnderWayIsLostWhenTheServiceIsKilled(_ name: String, _ seed: UInt64) throws {
        let disk = try open(name)
        var model = [UInt8](repeating: 0, count: Int(Self.size))
        let isOver = Flag()
        let killer = HostThread(name: "killer") {
            var generator = SeededGenerator(state: seed)
            while !isOver.isUp {
                usleep(UInt32.random(in: 0..<40_000, using: &generator))
                if let process = disk.figures.process { kill(process, SIGKILL) }
            }
        }
        var generator = SeededGenerator(state: seed << 32)
        let done = Result {
            for _ in 0..<200 where disk.figures.restarts < 15 { try work(disk, on: &model, &generator, steps: 200) }
        }
        isOver.isUp = true
        killer.join()
        try done.get()
        #expect(disk.figures.restarts >= 15, "the kills came while it worked")
        #expect(try disk.read(at: 0, count: model.count) == model, "seed \(seed), \(disk.figures)")
        try disk.close()
        #expect(try content(name) == model, "seed \(seed): after closing")
        if !name.hasSuffix(".raw") { #expect(try DiskOperations().problems(folder(name)) == []) }
    }

    /// Reads of what the host has in memory: their messages are shared.
    @Test func requestsThatComeTogetherGoTogether() throws {
        let disk = try open("depth.raw")
        func messages(depth: Int) throws -> UInt64 {
            let before = disk.figures.messages
            let start = HostTime.monotonic()
            for first in stride(from: 0, to: 3200, by: depth) {
                var left = 0
                for tag in first..<first + depth {
                    #expect(try disk.beginRead(UInt64(tag), count: 4096, at: UInt64(tag % 2048) * 4096))
                    left += 1
                }
                while left > 0 { disk.collect { _, _ in left -= 1 } }
            }
            let (count, time) = (disk.figures.messages - before, HostTime.monotonic() - start)
            print("3200 reads at depth \(depth): \(count) messages, \(time / 3200) ns each")
            return count
        }
        #expect(try messages(depth: 1) == 6400)
        #expect(try messages(depth: 32) <= 3200)
        try disk.close()
    }

    /// The disk is checkpointed and freed of checkpoints again and again while it is written and its service is killed.
    @Test(arguments: UInt64(1)...3) func workOnTheChainGoesOnBesideRequestsAndKills(_ seed: UInt64) throws {
        let disk = try open("base.vhdx")
        var model = [UInt8](repeating: 0, count: Int(Self.size))
        let isOver = Flag()
        let killer = HostThread(name: "killer") {
            var generator = SeededGenerator(state: seed)
            while !isOver.isUp {
                usleep(UInt32.random(in: 0..<60_000, using: &generator))
                if let process = disk.figures.process { kill(process, SIGKILL) }
            }
        }
        let images = try ImageFolder(path: folder.path)
        let chainWork = Outcome()
        let worker = HostThread(name: "chain") {
            chainWork.keep {
                for round in 1...4 {
                    let child = try ImagePlace(folder: images, name: "child\(round).avhdx")
                    let (live, base) = (try disk.takeOver { _ in images }, folder("base.vhdx"))
                    try live.fork(to: child)
                    disk.handBack()
                    guard disk.images == [child.path, base] else { throw TestFailure(description: "\(disk.images)") }
                    usleep(30_000)
                    let again = try disk.takeOver { _ in images }
                    try again.merge(child.path)
                    disk.handBack()
                    guard disk.images == [base] else { throw TestFailure(description: "\(disk.images)") }
                    try child.unlink()
                    usleep(30_000)
                }
            }
            isOver.isUp = true
        }
        var generator = SeededGenerator(state: seed << 32)
        let done = Result { while !isOver.isUp { try work(disk, on: &model, &generator, steps: 100) } }
        worker.join()
        killer.join()
        try done.get()
        try chainWork.get()
        #expect(try disk.read(at: 0, count: model.count) == model, "seed \(seed), \(disk.figures)")
        #expect(disk.figures.process != nil, "a service has it again")
        #expect(throws: (any Error).self, "it is locked all the time") {
            try HostDiskFile.open(path: folder("base.vhdx"), readOnly: false).close()
        }
        try disk.close()
        #expect(try content("base.vhdx") == model, "seed \(seed): after closing")
        #expect(try DiskOperations().problems(folder("base.vhdx")) == [])
    }

    /// The counters of the service's system calls say what strace(1) counts.
    @Test(.enabled(if: Self.strace != nil, "there is no strace(1)")) func systemCallsAreCountedAsStraceCountsThem() throws {
        let strace = try #require(Self.strace)
        let disk = try open("count.raw")
        let process = try #require(disk.figures.process)
        var model = [UInt8](repeating: 0, count: Int(Self.size))
        var generator = SeededGenerator(state: 3)
        // The language's runtime has made its own by then.
        try work(disk, on: &model, &generator, steps: 500)
        let report = folder("strace")
        let tracer = try ChildProcess(
            strace, ["-f", "-o", report, "-p", "\(process)"], environment: [:], streams: ("/dev/null", "/dev/null", folder("errors")))
        try waitUntil("strace watches") { text("/proc/\(process)/status").contains("TracerPid:\t\(tracer.identifier)") }
        // Its wait for a message, which begins anew under strace, and what strace has not seen yet.
        try disk.flush()
        usleep(200_000)
        let before = disk.figures.calls
        try work(disk, on: &model, &generator, steps: 500)
        let after = disk.figures.calls
        usleep(200_000)
        tracer.signal(SIGINT)
        guard tracer.ending(within: 20) != nil else { throw TestFailure(description: "strace does not end") }
        let known = [
            "recvfrom", "sendto", "pread64", "pwrite64", "preadv", "pwritev", "preadv2", "pwritev2", "fdatasync", "fallocate", "lseek",
        ]
        let lines = text(report).split(separator: "\n").map { $0.drop { $0.isNumber || $0 == " " } }
        let names = lines.map { String($0.prefix { $0 != "(" }) }
        let counted = names.count { known.contains($0) }
        let others = Dictionary(names.filter { !known.contains($0) }.map { ($0, 1) }, uniquingKeysWith: +)
        print("strace: \(counted) calls for messages and images, beside them \(others); counted by the service: \(after - before)")
        // At its beginning and end strace sees the waits for a message and the flush, which lie outside.
        #expect(abs(counted - Int(after - before)) <= 6)
        try disk.close()
    }

    private func text(_ path: String) -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        var all: [UInt8] = []
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = fread(&bytes, 1, bytes.count, file)
            if count == 0 { return String(decoding: all, as: UTF8.self) }
            all += bytes[..<count]
        }
    }

    private func waitUntil(_ what: String, _ condition: () -> Bool) throws {
        let deadline = HostTime.monotonic() + 20_000_000_000
        while !condition() {
            if HostTime.monotonic() > deadline { throw TestFailure(description: "waited in vain until \(what)") }
            usleep(1_000)
        }
    }
}

/// What a thread's work came to.
private final class Outcome: @unchecked Sendable {
    // Safety: read after the thread has ended.
    private var failure: (any Error)?
    func keep(_ body: () throws -> Void) { do { try body() } catch { failure = error } }
    func get() throws { if let failure { throw failure } }
}
