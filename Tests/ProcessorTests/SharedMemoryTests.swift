import CHost
import DeviceModel
import Processor
import Testing

#if canImport(Glibc)
    import Glibc
#endif

/// Two VPs of one partition on threads of their own.
@Suite(.serialized) struct SharedMemoryTests {
    /// Runs each machine on a thread of its own until it halts or reaches `limit`.
    static func runTogether(_ machines: [FlatMachine], limit: UInt64 = 2_000_000_000) {
        final class Job {
            let body: () -> Void
            init(_ body: @escaping () -> Void) { self.body = body }
        }
        var threads: [pthread_t] = []
        for machine in machines {
            var thread = pthread_t()
            let job = Job { _ = machine.run(limit) }
            pthread_create(
                &thread, nil,
                { argument in
                    guard let argument else { return nil }
                    Unmanaged<Job>.fromOpaque(argument).takeRetainedValue().body()
                    return nil
                }, Unmanaged.passRetained(job).toOpaque())
            threads.append(thread)
        }
        for thread in threads { pthread_join(thread, nil) }
    }

    @Test(arguments: [0x30_0000, 0x30_0ffe] as [UInt64]) func lockedAdditionsAreAtomic(address: UInt64) throws {
        // mov ecx, 20000; again: lock add dword [rdx], 1; dec ecx; jnz again; hlt
        let program: [UInt8] = [0xb9, 0x20, 0x4e, 0, 0, 0xf0, 0x83, 0x02, 1, 0xff, 0xc9, 0x75, 0xf8, 0xf4]
        let first = try FlatMachine(.long, program)
        let second = try FlatMachine(sharing: first, at: FlatMachine.code)
        first[2] = address
        second[2] = address
        Self.runTogether([first, second])
        #expect(first.memory.load(address, as: UInt32.self) == 40000)
        #expect(first.engine.instructionsRetired == 60002)
    }

    @Test func codeChangedByAnotherVPIsSeen() throws {
        // again: mov eax, 1; cmp eax, 2; jne again; hlt
        let reader = try FlatMachine(.long, [0xb8, 1, 0, 0, 0, 0x83, 0xf8, 2, 0x75, 0xf6, 0xf4])
        // mov ecx, 3000000; wait: dec ecx; jnz wait; mov byte [0x10001], 2; hlt
        _ = reader.memory.write(
            0x20000, [0xb9, 0xc0, 0xc6, 0x2d, 0, 0xff, 0xc9, 0x75, 0xfc, 0xc6, 0x04, 0x25, 1, 0, 1, 0, 2, 0xf4])
        let writer = try FlatMachine(sharing: reader, at: 0x20000)
        Self.runTogether([reader, writer])
        #expect(reader[0] == 2)
        #expect(reader.engine.state.halted)
    }

    @Test func theLastOfManyChangesOfCodeIsSeen() throws {
        // again: nop ×3; mov eax, CHANGED; cmp eax, 20000; jne again; hlt
        let reader = try FlatMachine(.long, [0x90, 0x90, 0x90, 0xb8, 0, 0, 0, 0, 0x3d, 0x20, 0x4e, 0, 0, 0x75, 0xf1, 0xf4])
        // mov ecx, 1; next: mov [0x10004], ecx; mov eax, ecx; and eax, 0x3ff; inc eax; wait: dec eax; jnz wait; inc ecx;
        // cmp ecx, 20001; jne next; hlt
        _ = reader.memory.write(
            0x20000,
            [
                0xb9, 1, 0, 0, 0, 0x89, 0x0c, 0x25, 4, 0, 1, 0, 0x89, 0xc8, 0x25, 0xff, 3, 0, 0, 0xff, 0xc0, 0xff, 0xc8, 0x75, 0xfc, 0xff,
                0xc1, 0x81, 0xf9, 0x21, 0x4e, 0, 0, 0x75, 0xe2, 0xf4,
            ])
        let writer = try FlatMachine(sharing: reader, at: 0x20000)
        Self.runTogether([reader, writer])
        #expect(writer[1] == 20_001 && writer.engine.state.halted)
        #expect(reader[0] == 20_000 && reader.engine.state.halted)
    }

    @Test func flushReachesARunningVP() throws {
        // again: mov eax, [rdx]; test eax, eax; jz again; hlt. The host maps another page while it spins.
        let machine = try FlatMachine(.long, [0x8b, 0x02, 0x85, 0xc0, 0x74, 0xfa, 0xf4])
        machine[2] = 0x30_0000
        _ = machine.memory.store(0x30_1000, UInt32(7))
        let box = FlushJob(engine: machine.engine, memory: machine.memory)
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<FlushJob>.fromOpaque(argument).takeUnretainedValue().run()
                return nil
            }, Unmanaged.passUnretained(box).toOpaque())
        #expect(machine.run(1 << 40) == .halted)
        pthread_join(thread, nil)
        #expect(machine[0] == 7)
    }

    @Test func aKickEndsTheRun() throws {
        // again: jmp again
        let machine = try FlatMachine(.long, [0xeb, 0xfe])
        machine.engine.kick()
        #expect(machine.run(1 << 40) == .requested)
        let box = KickJob(engine: machine.engine)
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<KickJob>.fromOpaque(argument).takeUnretainedValue().run()
                return nil
            }, Unmanaged.passUnretained(box).toOpaque())
        #expect(machine.run(1 << 40) == .requested)
        pthread_join(thread, nil)
    }
}

/// Changes the page entry of 0x300000 and flushes it, from a thread that is not the VP's.
private final class FlushJob {
    private unowned let engine: Interpreter
    private let memory: GuestMemory
    init(engine: Interpreter, memory: GuestMemory) { (self.engine, self.memory) = (engine, memory) }
    func run() {
        _ = memory.store(0x4000 + 0x300 * 8, UInt64(0x30_1007))
        engine.flushTranslations(of: 0x30_0000)
    }
}

private final class KickJob {
    private unowned let engine: Interpreter
    init(engine: Interpreter) { self.engine = engine }
    func run() { engine.kick() }
}
