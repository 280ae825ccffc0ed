import Boot
import Foundation
import TestSupport
import Testing
import Worker
import WorkerProtocol

/// Saving and restoring whole machines, and what is made of damaged files.
@Suite(.enabled(if: Assembler.isInstalled, "nasm is not installed"), .timeLimit(.minutes(3)))
struct MachineSavedStateTests {
    @Test func theSameRunGivesTheSameHash() throws {
        var results: [UInt64] = []
        for _ in 0..<2 {
            let bench = MachineBench()
            let machine = try bench.machine(mode: 7, exact: true)
            defer { machine.close() }
            try machine.start(paused: true)
            try machine.run(toCount: 54_321)
            #expect(machine.status().instructions == 54_321)
            results.append(try machine.stateHash())
        }
        #expect(results[0] == results[1])
    }

    @Test(arguments: [5, 7]) func aRestoredMachineGoesOnAlike(mode: Int) throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<5 {
            let count = UInt64.random(in: 1...60_000, using: &generator)
            let bench = MachineBench()
            let first = try bench.machine(mode: mode, exact: true)
            defer { first.close() }
            try first.start(paused: true)
            try first.run(toCount: count)
            let file = NamelessFile()
            let before = try first.stateHash()
            // Saving ends a machine; another one takes the state, and the first takes it back.
            try first.save(to: file.descriptor)
            #expect(first.state == .saved)
            let second = try bench.machine(mode: mode, exact: true)
            defer { second.close() }
            for machine in [first, second] {
                file.rewind()
                try machine.restore(from: file.descriptor)
                #expect(machine.state == .paused)
                #expect(machine.status().instructions == count)
                #expect(try machine.stateHash() == before, "at count \(count)")
            }
            let third = try bench.machine(mode: mode, exact: true)
            defer { third.close() }
            try third.start(paused: true)
            for machine in [first, second, third] { try machine.run(toCount: count + 33_333) }
            let hashes = try [first, second, third].map { try $0.stateHash() }
            #expect(hashes[0] == hashes[1] && hashes[1] == hashes[2], "saved at count \(count)")
        }
    }

    @Test func aRealMachineKeepsItsUptime() throws {
        let bench = MachineBench()
        let first = try bench.machine(mode: 5)
        defer { first.close() }
        try first.start()
        #expect(bench.wait { _ in first.status().instructions > 1_000_000 })
        let file = NamelessFile()
        try first.save(to: file.descriptor)
        let saved = first.status()
        let second = try bench.machine(mode: 5)
        defer { second.close() }
        file.rewind()
        try second.restore(from: file.descriptor)
        #expect(second.status().uptime == saved.uptime && second.status().instructions == saved.instructions)
        try second.resume()
        #expect(bench.wait { _ in second.status().instructions > saved.instructions })
    }

    @Test func damageIsFoundAndTheMachineStaysOff() throws {
        let bench = MachineBench()
        let machine = try bench.machine(mode: 5, exact: true)
        defer { machine.close() }
        try machine.start(paused: true)
        try machine.run(toCount: 5000)
        let file = NamelessFile()
        try machine.save(to: file.descriptor)
        let length = Int(lseek(file.descriptor, 0, SEEK_END))
        var bytes = [UInt8](repeating: 0, count: length)
        #expect(pread(file.descriptor, &bytes, length, 0) == length)

        func failure(_ bytes: [UInt8], other: Machine? = nil) throws -> MachineError.Code? {
            let damaged = NamelessFile()
            #expect(write(damaged.descriptor, bytes, bytes.count) == bytes.count)
            damaged.rewind()
            let target = try other ?? bench.machine(mode: 5, exact: true)
            defer { target.close() }
            do { try target.restore(from: damaged.descriptor) } catch {
                #expect(target.state == .off)
                return error.code
            }
            return nil
        }
        #expect(try failure(bytes) == nil)
        #expect(try failure(Array(bytes.dropLast(3))) == .savedTruncated)
        #expect(try failure(Array(bytes.prefix(4))) == .savedTruncated)
        #expect(try failure(Array("not a saved machine at all".utf8)) == .savedCorrupt)
        // Pages of RAM are read when the guest wants them; SavedMachineFileTests looks for damage in them.
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<30 {
            var damaged = bytes
            let place = (4096 + 32 << 20..<length).randomElement(using: &generator) ?? 0
            damaged[place] ^= UInt8.random(in: 1...255, using: &generator)
            _ = try failure(damaged)
            damaged = bytes
            damaged[Int.random(in: 0..<300, using: &generator)] ^= UInt8.random(in: 1...255, using: &generator)
            #expect(try failure(damaged) != nil)
        }
        var configuration = MachineBench.configuration(exact: true, megabytes: 64)
        configuration.processor.count = 2
        let other = try bench.machine(DirectBoot(kernel: MemoryBootFile(name: "none", bytes: [])), configuration)
        #expect(try failure(bytes, other: other) == .savedMismatch)
    }

    @Test func aFullDiskLeavesTheMachineRunning() throws {
        let bench = MachineBench()
        let machine = try bench.machine(mode: 5)
        defer { machine.close() }
        try machine.start()
        let full = open("/dev/full", O_WRONLY)
        defer { close(full) }
        do {
            try machine.save(to: full)
            Issue.record("/dev/full took the state")
        } catch { #expect(error.code == .writeFailed) }
        #expect(machine.state == .running)
        let count = machine.status().instructions
        #expect(bench.wait { _ in machine.status().instructions > count })
    }
}
