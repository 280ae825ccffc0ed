import Basics
import Boot
import Foundation
import TestSupport
import Testing
import Worker
import WorkerProtocol

/// Checkpoints of machines that go on, and machines restored from them.
@Suite(.enabled(if: Assembler.isInstalled, "nasm is not installed"), .serialized, .timeLimit(.minutes(5)))
struct MachineCheckpointTests {
    /// A file of a row, with the hash of the machine at its moment.
    private struct Point {
        let file: NamelessFile
        var figures: MemoryImageFigures
        var reference: MemoryImageReference { MemoryImageReference(name: "point", identity: figures.identity) }
    }

    /// A machine whose processors write to memory for ever.
    private func hammer(_ bench: MachineBench, exact: Bool, processors: Int) throws -> Machine {
        let image = try Assembler.assemble("Machine/hammer.asm", defining: ["COUNT": processors])
        return try bench.machine(
            DirectBoot(kernel: MemoryBootFile(name: "hammer", bytes: image)),
            MachineBench.configuration(exact: exact, processors: processors))
    }

    private func checkpoint(_ machine: Machine, on row: [Point]) throws -> Point {
        let file = NamelessFile()
        let figures = try machine.checkpoint(to: file.descriptor, parent: row.first?.reference, hashing: true)
        return Point(file: file, figures: figures)
    }

    private func restore(_ machine: Machine, _ row: ArraySlice<Point>) throws {
        guard let first = row.first else { return }
        let parents = row.dropFirst().prefix(first.figures.parents.count).map(\.file.descriptor)
        try machine.restore(from: first.file.descriptor, parents: parents)
    }

    @Test(arguments: [1, 2, 4]) func aRunningMachineIsCaughtInOneMoment(processors: Int) throws {
        let bench = MachineBench()
        let machine = try hammer(bench, exact: false, processors: processors)
        defer { machine.close() }
        try machine.start()
        #expect(bench.wait { _ in machine.status().instructions > 5_000_000 })
        var row: [Point] = []
        for round in 0..<5 {
            row.insert(try checkpoint(machine, on: row), at: 0)
            #expect(machine.state == .running)
            #expect(row[0].figures.parents.count == round && row[0].figures.pauseNanoseconds > 0)
            let count = machine.status().instructions
            #expect(bench.wait { _ in machine.status().instructions > count + 1_000_000 })
        }
        let other = try hammer(bench, exact: false, processors: processors)
        defer { other.close() }
        for index in row.indices.reversed() {
            try restore(other, row[index...])
            #expect(try other.stateHash() == row[index].figures.stateHash)
            // It runs from there, and its own checkpoint builds on that file.
            try other.resume()
            let count = other.status().instructions
            #expect(bench.wait { _ in other.status().instructions > count + 100_000 })
            let own = try checkpoint(other, on: Array(row[index...]))
            #expect(own.figures.parents.map(\.identity) == row[index...].map(\.figures.identity))
            try other.turnOff()
            let third = try hammer(bench, exact: false, processors: processors)
            defer { third.close() }
            try restore(third, [own] + row[index...])
            #expect(try third.stateHash() == own.figures.stateHash)
        }
        for point in row { _ = try SavedMachine.verify(point.file.descriptor) }
        // The guest's cold memory is in the first only.
        #expect(row[4].figures.bytes > 12 << 20)
        #expect(row[0].figures.pages > 0)
    }

    @Test(arguments: [1, 2]) func anExactRunIsNotDisturbed(processors: Int) throws {
        let bench = MachineBench()
        let end: UInt64 = 12_000_000
        let undisturbed = try hammer(bench, exact: true, processors: processors)
        defer { undisturbed.close() }
        try undisturbed.start(paused: true)
        try undisturbed.run(toCount: end)

        let machine = try hammer(bench, exact: true, processors: processors)
        defer { machine.close() }
        try machine.start(paused: true)
        let watcher = Watcher(machine)
        watcher.start()
        try machine.run(toCount: end)
        let points = try watcher.join()
        #expect(machine.status().instructions == end)
        #expect(try machine.stateHash() == undisturbed.stateHash())
        #expect(!points.isEmpty)

        // From each of them the same run follows.
        for index in points.indices.suffix(4) {
            let other = try hammer(bench, exact: true, processors: processors)
            defer { other.close() }
            let parents = (0..<index).reversed().map { points[$0].file.descriptor }
            try other.restore(from: points[index].file.descriptor, parents: parents)
            #expect(try other.stateHash() == points[index].figures.stateHash)
            try other.run(toCount: end)
            #expect(try other.stateHash() == undisturbed.stateHash())
        }
    }

    /// Takes checkpoints, each on the one before, until the machine stands paused.
    private final class Watcher: @unchecked Sendable {
        private let machine: Machine
        private let lock = NSCondition()
        // Safety: guarded by `lock`.
        private var points: [(file: NamelessFile, figures: MemoryImageFigures)] = []
        private var failure: (any Error)?
        private var isDone = false

        init(_ machine: Machine) { self.machine = machine }

        func start() {
            Thread { [self] in
                do {
                    while machine.state != .running {}
                    while machine.state == .running, points.count < 12 {
                        let file = NamelessFile()
                        let parent = points.last.map { MemoryImageReference(name: "point", identity: $0.figures.identity) }
                        points.append((file, try machine.checkpoint(to: file.descriptor, parent: parent, hashing: true)))
                    }
                } catch { failure = error }
                lock.lock()
                isDone = true
                lock.broadcast()
                lock.unlock()
            }.start()
        }

        func join() throws -> [(file: NamelessFile, figures: MemoryImageFigures)] {
            lock.lock()
            defer { lock.unlock() }
            while !isDone { lock.wait() }
            if let failure { throw failure }
            return points
        }
    }

    @Test func aRefusalLeavesTheMachineAndTheRowAsTheyWere() throws {
        struct Refusal: Error {}
        let bench = MachineBench()
        let machine = try hammer(bench, exact: false, processors: 2)
        defer { machine.close() }
        try machine.start()
        #expect(bench.wait { _ in machine.status().instructions > 3_000_000 })
        let first = try checkpoint(machine, on: [])
        for _ in 0..<3 {
            let before = machine.status().instructions
            let file = NamelessFile()
            #expect(throws: Refusal.self) {
                try machine.checkpoint(to: file.descriptor, parent: first.reference) { throw Refusal() }
            }
            #expect(machine.state == .running)
            #expect(bench.wait { _ in machine.status().instructions > before + 100_000 })
        }
        let full = open("/dev/full", O_WRONLY)
        defer { close(full) }
        do {
            _ = try machine.checkpoint(to: full, parent: first.reference)
            Issue.record("/dev/full took the checkpoint")
        } catch { #expect((error as? MachineError)?.code == .writeFailed) }
        #expect(machine.state == .running && machine.imageIdentity == first.figures.identity)
        // What the failed ones collected is in the next one.
        let second = try checkpoint(machine, on: [first])
        #expect(second.figures.parents == [first.reference])
        let other = try hammer(bench, exact: false, processors: 2)
        defer { other.close() }
        try restore(other, [second, first])
        #expect(try other.stateHash() == second.figures.stateHash)
        #expect(bench.states.allSatisfy { [.starting, .running, .paused].contains($0) })
    }

    @Test func aPausedMachineStaysPaused() throws {
        let bench = MachineBench()
        let machine = try hammer(bench, exact: true, processors: 1)
        defer { machine.close() }
        try machine.start(paused: true)
        try machine.run(toCount: 6_000_000)
        let first = try checkpoint(machine, on: [])
        #expect(machine.state == .paused && first.figures.pauseNanoseconds == 0)
        #expect(try machine.stateHash() == first.figures.stateHash)
        // Nothing happened: the next one is empty.
        let second = try checkpoint(machine, on: [first])
        #expect(second.figures.pages == 0 && second.figures.stateHash == first.figures.stateHash)
        // Another parent than the last file: full.
        let third = try checkpoint(machine, on: [first])
        #expect(third.figures.parents.isEmpty && third.figures.pages == first.figures.pages)
        // After a reset there is nothing to build on.
        try machine.reset()
        #expect(machine.imageIdentity == nil)
        try machine.pause()
        let fourth = try checkpoint(machine, on: [third])
        #expect(fourth.figures.parents.isEmpty)
        let other = try hammer(bench, exact: true, processors: 1)
        defer { other.close() }
        try restore(other, [fourth])
        #expect(try other.stateHash() == fourth.figures.stateHash)
        try machine.turnOff()
        #expect(throws: MachineError.self) { try machine.checkpoint(to: fourth.file.descriptor) }
    }

    @Test func aGuestThatIsResetMeanwhileIsCaughtAfterwards() throws {
        let bench = MachineBench()
        let machine = try hammer(bench, exact: false, processors: 2)
        defer { machine.close() }
        try machine.start()
        #expect(bench.wait { _ in machine.status().instructions > 3_000_000 })
        let first = try checkpoint(machine, on: [])
        try machine.reset()
        #expect(bench.wait { _ in machine.status().instructions > 6_000_000 })
        let second = try checkpoint(machine, on: [first])
        #expect(second.figures.parents.isEmpty)
        let other = try hammer(bench, exact: false, processors: 2)
        defer { other.close() }
        try restore(other, [second])
        #expect(try other.stateHash() == second.figures.stateHash)
    }

    @Test func theFileThatAMachineRunsFromIsNotOverwritten() throws {
        let bench = MachineBench()
        let machine = try hammer(bench, exact: true, processors: 1)
        defer { machine.close() }
        try machine.start(paused: true)
        try machine.run(toCount: 6_000_000)
        let point = try checkpoint(machine, on: [])
        try machine.turnOff()
        try restore(machine, [point])
        do {
            _ = try machine.checkpoint(to: point.file.descriptor)
            Issue.record("it was overwritten")
        } catch { #expect((error as? MachineError)?.code == .writeFailed) }
        do {
            try machine.save(to: point.file.descriptor)
            Issue.record("it was overwritten")
        } catch { #expect(error.code == .writeFailed) }
        #expect(machine.state == .paused)
        #expect(try machine.stateHash() == point.figures.stateHash)
    }

    @Test func anotherFileIsNoParent() throws {
        let bench = MachineBench()
        let machine = try hammer(bench, exact: true, processors: 1)
        defer { machine.close() }
        try machine.start(paused: true)
        var row: [Point] = []
        for count in 1...3 {
            try machine.run(toCount: UInt64(count) * 2_000_000)
            row.insert(try checkpoint(machine, on: row), at: 0)
        }
        let stranger = try checkpoint(machine, on: [])
        let header = try SavedMachine.describe(row[0].file.descriptor)
        #expect(header.parents == [row[1].reference, row[2].reference] && header.identity == row[0].figures.identity)
        let descriptors = row.map(\.file.descriptor)
        let wrong: [[Int32]] = [
            [], [descriptors[1]], [descriptors[2], descriptors[1]], [descriptors[1], stranger.file.descriptor],
            [descriptors[1], descriptors[2], descriptors[2]], [descriptors[0], descriptors[0]],
        ]
        let target = try hammer(bench, exact: true, processors: 1)
        defer { target.close() }
        for parents in wrong {
            do {
                try target.restore(from: descriptors[0], parents: parents)
                Issue.record("restored on \(parents)")
            } catch { #expect(error.code == .savedParent) }
            #expect(target.state == .off)
        }
        #expect(throws: MachineError.self) { try target.restore(from: stranger.file.descriptor, parents: [descriptors[2]]) }
        try restore(target, row[...])
        #expect(try target.stateHash() == row[0].figures.stateHash)
    }

    @Test("a machine saves what has changed since its checkpoint, time and again, and goes on from there", arguments: [false, true])
    func savedChanges(exact: Bool) throws {
        let bench = MachineBench()
        var machine = try hammer(bench, exact: exact, processors: 1)
        defer { machine.close() }
        try machine.start()
        #expect(bench.wait { _ in machine.status().instructions > 2_000_000 })
        let row = [try checkpoint(machine, on: [])]
        for round in 0..<4 {
            let count = machine.status().instructions
            #expect(bench.wait { _ in machine.status().instructions > count + 200_000 })
            try machine.pause()
            let hash = try machine.stateHash()
            let file = NamelessFile()
            let parents = try machine.save(to: file.descriptor, parent: row[0].reference)
            #expect(parents.map(\.identity) == [row[0].figures.identity], "round \(round)")
            machine.close()
            machine = try hammer(bench, exact: exact, processors: 1)
            try machine.restore(from: file.descriptor, parents: [row[0].file.descriptor], goesAway: true)
            #expect(try machine.stateHash() == hash)
            #expect(machine.imageIdentity == row[0].figures.identity)
            try machine.resume()
        }
        // A full one is its own, and leaves nothing to build on.
        let file = NamelessFile()
        #expect(try machine.save(to: file.descriptor).isEmpty)
        try machine.restore(from: file.descriptor, parents: [], goesAway: true)
        #expect(machine.imageIdentity == nil)
    }
}
