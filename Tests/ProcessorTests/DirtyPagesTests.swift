import DeviceModel
import Foundation
import Processor
import Testing

/// Which pages the engine marks as dirty, and that no store is lost between two collections.
@Suite(.serialized) struct DirtyPagesTests {
    /// Page numbers of a set.
    private func pages(_ set: PageSet) -> [Int] { (0..<set.count).filter { set.contains($0) } }

    /// What a program marks that is run for the `round`th time, in long mode with RDX at 0x300000.
    private func marks(_ program: [UInt8], rounds: Int = 3) throws -> [[Int]] {
        let machine = try FlatMachine(.long, program)
        machine.memory.trackDirtyPages()
        return (0..<rounds).map { _ in
            _ = machine.memory.collectDirtyPages()
            var state = machine.engine.state
            (state.rip, state.halted) = (FlatMachine.code, false)
            state.general[2] = 0x30_0000
            machine.engine.state = state
            machine.run()
            return pages(machine.memory.collectDirtyPages())
        }
    }

    @Test func aLoadMarksNothingButThePageTable() throws {
        // mov eax, [rdx]; hlt
        let rounds = try marks([0x8b, 0x02, 0xf4])
        // The first sets accessed bits: page tables at 1000 to 5000.
        #expect(!rounds[0].contains(0x300) && rounds[0].contains(5))
        #expect(rounds[1] == [] && rounds[2] == [])
    }

    @Test func aStoreMarksItsPageEachTime() throws {
        // mov [rdx], eax; mov [rdx+8], eax; hlt
        let rounds = try marks([0x89, 0x02, 0x89, 0x42, 8, 0xf4])
        #expect(rounds[0].contains(0x300) && rounds[0].contains(5))
        #expect(rounds[1] == [0x300] && rounds[2] == [0x300])
    }

    @Test func aStoreBehindALoadMarksToo() throws {
        // mov eax, [rdx]; mov [rdx], eax; hlt
        #expect(try marks([0x8b, 0x02, 0x89, 0x02, 0xf4]).dropFirst() == [[0x300], [0x300]])
    }

    @Test func aStoreOverTwoPagesMarksBoth() throws {
        // mov [rdx-2], eax; hlt. Then as a locked addition.
        #expect(try marks([0x89, 0x42, 0xfe, 0xf4]).last == [0x2ff, 0x300])
        #expect(try marks([0xf0, 0x01, 0x42, 0xfe, 0xf4]).last == [0x2ff, 0x300])
    }

    @Test func aStoreBesideCodeMarksItsPage() throws {
        // mov [0x10800], eax; hlt: the page of the program itself never gets a write tag. Then lock add to it.
        #expect(try marks([0x89, 0x04, 0x25, 0x00, 0x08, 1, 0, 0xf4]).last == [0x10])
        #expect(try marks([0xf0, 0x01, 0x04, 0x25, 0x00, 0x08, 1, 0, 0xf4]).last == [0x10])
    }

    @Test func aTagThatIsHeldIsTakenBack() throws {
        // again: mov [rdx], ecx; in al, 0x10 (collects); dec ecx; jnz again; hlt
        let machine = try FlatMachine(.long, [0x89, 0x0a, 0xe4, 0x10, 0xff, 0xc9, 0x75, 0xf8, 0xf4])
        machine[1] = 5
        machine[2] = 0x30_0000
        machine.memory.trackDirtyPages()
        var found: [Bool] = []
        machine.onPortRead = { machine in
            found.append(machine.memory.collectDirtyPages().contains(0x300))
            return 0
        }
        machine.run()
        #expect(found == [true, true, true, true, true])
    }

    @Test func nothingIsMarkedUnasked() throws {
        let machine = try FlatMachine(.long, [0x89, 0x02, 0xf4])
        machine[2] = 0x30_0000
        machine.run()
        #expect(machine.memory.collectDirtyPages().isEmpty)
    }

    /// Counts run, page tables and registers are what they are without collections.
    @Test func collectingChangesNothingForTheGuest() throws {
        // again: mov rax, [rbx]; add [rdx], rax; add rdx, 0x1008; and edx, 0x1ffff8; or edx, 0x200000; lea rbx, [rdx+8]; dec ecx;
        // jnz again; hlt
        let program: [UInt8] = [
            0x48, 0x8b, 0x03, 0x48, 0x01, 0x02, 0x48, 0x81, 0xc2, 8, 0x10, 0, 0, 0x81, 0xe2, 0xf8, 0xff, 0x1f, 0, 0x81, 0xca, 0, 0, 0x20, 0,
            0x48, 0x8d, 0x5a, 8, 0xff, 0xc9, 0x75, 0xdf, 0xf4,
        ]
        var results: [(ProcessorState, [UInt8]?)] = []
        for collects in [false, true] {
            let machine = try FlatMachine(.long, program)
            (machine[1], machine[2], machine[3]) = (50_000, 0x20_0000, 0x20_0100)
            if collects { machine.memory.trackDirtyPages() }
            var limit: UInt64 = 0
            while limit < 1_000_000 {
                limit += collects ? 997 : 1_000_000
                if machine.run(limit) == .halted { break }
                if collects { _ = machine.memory.collectDirtyPages() }
            }
            #expect(machine.engine.state.halted)
            // The guest cleared no accessed or dirty bit, but the host does, as a guest without a flush could.
            results.append((machine.engine.state, machine.memory.read(0, count: 4 << 20)))
        }
        #expect(results[0].0 == results[1].0 && results[0].1 == results[1].1)
    }

    /// A tag that was taken back and given again needs no walk: bits that the guest cleared without a flush stay clear.
    @Test func noDirtyBitIsSetForATagGivenAgain() throws {
        // mov [rdx], eax; in al, 0x10; mov [rdx], eax; hlt
        let machine = try FlatMachine(.long, [0x89, 0x02, 0xe4, 0x10, 0x89, 0x02, 0xf4])
        machine[2] = 0x30_0000
        machine.memory.trackDirtyPages()
        machine.onPortRead = { machine in
            _ = machine.memory.store(0x4000 + 0x300 * 8, UInt64(0x30_0007))
            _ = machine.memory.collectDirtyPages()
            return 0
        }
        machine.run()
        #expect(machine.pageEntry(0x30_0000) == 0x30_0007)
        #expect(machine.memory.collectDirtyPages().contains(0x300))
    }

    /// VPs write everywhere while a collector copies what is dirty: in the end its copy is RAM.
    @Test(arguments: [1, 2, 4]) func noStoreIsLost(processors: Int) throws {
        // again: imul rax, rsi; add rax, rdi; mov rbx, rax; shr rbx, 40; and ebx, 0x1ffff8; mov [rbx+0x200000], rax; lock inc qword [rdx];
        // shr rbx, 1; add [rbx+0x200005], al; dec rcx; jnz again; hlt
        let program: [UInt8] = [
            0x48, 0x0f, 0xaf, 0xc6, 0x48, 0x01, 0xf8, 0x48, 0x89, 0xc3, 0x48, 0xc1, 0xeb, 40, 0x81, 0xe3, 0xf8, 0xff, 0x1f, 0,
            0x48, 0x89, 0x83, 0, 0, 0x20, 0, 0xf0, 0x48, 0xff, 0x02, 0x48, 0xd1, 0xeb, 0x00, 0x83, 5, 0, 0x20, 0,
            0x48, 0xff, 0xc9, 0x75, 0xd3, 0xf4,
        ]
        var machines = [try FlatMachine(.long, program)]
        while machines.count < processors { machines.append(try FlatMachine(sharing: machines[0], at: FlatMachine.code)) }
        for (index, machine) in machines.enumerated() {
            (machine[0], machine[1], machine[2]) = (UInt64(index + 1), 1_000_000, 0x20_0800)
            (machine[6], machine[7]) = (6_364_136_223_846_793_005, UInt64(2 * index + 1))
        }
        let memory = machines[0].memory
        let crew = Crew(machines)
        var copy = memory.read(0, count: 4 << 20) ?? []
        memory.trackDirtyPages()
        copy = memory.read(0, count: 4 << 20) ?? []
        func collect() {
            let dirty = memory.collectDirtyPages()
            var next = 0
            while let run = dirty.run(from: next) {
                copy.replaceSubrange(run.lowerBound * 4096..<run.upperBound * 4096, with: memory.bytes(of: run))
                next = run.upperBound
            }
        }
        crew.start()
        var rounds = 0
        while !crew.isDone {
            collect()
            rounds += 1
        }
        crew.join()
        collect()
        #expect(rounds > 0)
        #expect(copy == memory.read(0, count: 4 << 20))
        #expect(memory.load(0x20_0800, as: UInt64.self) != 0)
    }
}

/// Machines that run until they halt, each on a thread of its own.
private final class Crew: @unchecked Sendable {
    // Safety: each machine is used by its thread only, between `start` and `join`; the rest is guarded by `lock`.
    private let machines: [FlatMachine]
    private let lock = NSCondition()
    private var running: Int

    init(_ machines: [FlatMachine]) {
        self.machines = machines
        running = machines.count
    }

    func start() {
        for index in machines.indices {
            let thread = Thread { [self] in
                _ = machines[index].run(1 << 40)
                lock.lock()
                running -= 1
                lock.broadcast()
                lock.unlock()
            }
            thread.stackSize = 8 << 20
            thread.start()
        }
    }

    var isDone: Bool {
        lock.lock()
        defer { lock.unlock() }
        return running == 0
    }

    func join() {
        lock.lock()
        while running > 0 { lock.wait() }
        lock.unlock()
    }
}
