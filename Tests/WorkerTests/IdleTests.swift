import Boot
import Foundation
import Persistence
import TestSupport
import Testing
import Worker
import WorkerProtocol

/// Processors that sleep and wake each other as operating systems do lose no wake-up: Tests/GuestPrograms/HyperV/idle.asm, whose rounds
/// end only when every one arrived. More processors than the host has, and host threads that take them away in the middle.
@Suite(.enabled(if: Assembler.isInstalled, "nasm is not installed"), .serialized)
struct IdleTests {
    struct Load: Sendable, CustomTestStringConvertible {
        var processors: Int
        var rounds: Int
        var mode: VirtualMachineConfiguration.TimeMode
        /// Threads of the host that do nothing but take its processors.
        var burners = 0
        var testDescription: String { "\(processors) VPs, \(rounds) rounds, \(mode.rawValue), \(burners) burning threads" }
    }

    static let loads = [
        Load(processors: 2, rounds: 2_000, mode: .exact),
        Load(processors: 4, rounds: 1_000, mode: .exact),
        Load(processors: 2, rounds: factor * 10_000, mode: .real),
        Load(processors: 4, rounds: factor * 5_000, mode: .real),
        Load(processors: 4, rounds: factor * 1_000, mode: .real, burners: 2),
        Load(processors: 8, rounds: factor * 2_000, mode: .real),
    ]

    /// How many times as long as usual the programs run in Real mode: `LUNAVISOR_IDLE_FACTOR`.
    static let factor = ProcessInfo.processInfo.environment["LUNAVISOR_IDLE_FACTOR"].flatMap { Int($0) } ?? 1

    @Test("every sleeper wakes", arguments: loads)
    func wakes(load: Load) throws {
        let image = try Assembler.assemble("HyperV/idle.asm", defining: ["COUNT": load.processors, "ROUNDS": load.rounds])
        let watcher = ProgramWatcher()
        var configuration = VirtualMachineConfiguration(id: .init(), name: "idle", creationTime: 0)
        configuration.memory.startupBytes = 64 << 20
        configuration.processor.count = load.processors
        configuration.timeMode = load.mode
        configuration.seed = load.mode == .exact ? 1 : nil
        let machine = try Machine(
            configuration: configuration, boot: DirectBoot(kernel: MemoryBootFile(name: "idle", bytes: image)),
            options: MachineOptions(testPorts: true), delegate: watcher)
        defer { machine.close() }
        let burning = Burners(count: load.burners)
        defer { burning.stop() }
        try machine.start()
        let code = watcher.waitForExit(seconds: 60 * Double(Self.factor))
        #expect(watcher.output.hasSuffix("PASS\n"), "\(watcher.output)")
        #expect(code == "0")
    }
}

/// Threads that keep the host's processors busy until they are stopped.
private final class Burners: @unchecked Sendable {
    // Safety: guarded by `condition`.
    private let condition = NSCondition()
    private var running: Int
    private var isOver = false

    init(count: Int) {
        running = count
        for _ in 0..<count { Thread { [self] in burn() }.start() }
    }

    private func burn() {
        while !condition.withLock({ isOver }) {}
        condition.withLock {
            running -= 1
            condition.broadcast()
        }
    }

    func stop() {
        condition.lock()
        isOver = true
        while running > 0 { condition.wait() }
        condition.unlock()
    }
}
