import Boot
import Foundation
import Persistence
import TestSupport
import Testing
import Worker
import WorkerProtocol

/// The guest programs of Tests/GuestPrograms/HyperV, each in a machine of its own, in both time modes.
@Suite("Hyper-V guest programs", .enabled(if: Assembler.isInstalled, "nasm is not installed"), .serialized)
struct HyperVProgramTests {
    struct Program: Sendable, CustomTestStringConvertible {
        var name: String
        var processors = 1
        var rounds: Int?
        var mode: VirtualMachineConfiguration.TimeMode
        var testDescription: String { "\(name), \(processors) VPs, \(mode.rawValue)" }
    }

    static let programs: [Program] = VirtualMachineConfiguration.TimeMode.allCases.flatMap { mode in
        [
            Program(name: "hypercall", mode: mode),
            Program(name: "synic", mode: mode),
            Program(name: "clocks", mode: mode),
            Program(name: "rubbish", mode: mode),
            Program(name: "smp", processors: 2, rounds: 1000, mode: mode),
            Program(name: "smp", processors: 4, rounds: 100, mode: mode),
            Program(name: "smp", processors: 8, rounds: 40, mode: mode),
        ]
    }

    @Test("the program says PASS", .timeLimit(.minutes(3)), arguments: programs)
    func passes(program: Program) throws {
        let image = try Assembler.assemble(
            "HyperV/\(program.name).asm", defining: ["COUNT": program.processors, "ROUNDS": program.rounds ?? 1])
        let watcher = ProgramWatcher()
        var configuration = VirtualMachineConfiguration(id: .init(), name: program.name, creationTime: 0)
        configuration.memory.startupBytes = 64 << 20
        configuration.processor.count = program.processors
        configuration.timeMode = program.mode
        configuration.seed = program.mode == .exact ? 1 : nil
        let machine = try Machine(
            configuration: configuration,
            boot: DirectBoot(kernel: MemoryBootFile(name: program.name, bytes: image)),
            options: MachineOptions(testPorts: true), delegate: watcher)
        defer { machine.close() }
        try machine.start()
        let code = watcher.waitForExit(seconds: 120)
        #expect(watcher.output.hasSuffix("PASS\n"), "\(watcher.output)")
        #expect(code == "0")
    }
}

/// Collects what a guest program prints and how it ends.
final class ProgramWatcher: MachineDelegate, @unchecked Sendable {
    // Safety: all fields are touched under `condition`.
    private let condition = NSCondition()
    private var bytes: [UInt8] = []
    private var exit: String?

    var output: String {
        condition.withLock { String(decoding: bytes, as: UTF8.self) }
    }

    func machine(console port: Int, wrote bytes: [UInt8]) {
        condition.withLock { self.bytes += bytes }
    }

    func machine(happened event: MachineEvent) {
        condition.withLock {
            switch event.kind {
            case .guestExit: exit = event.parameters?.first.map(String.init)
            case .tripleFault, .failure, .unsupported, .deadlyHalt: exit = exit ?? event.kind.rawValue
            default: break
            }
            condition.broadcast()
        }
    }

    func machine(changedTo state: VirtualMachineState) {}

    /// The exit code's text, or the event that ended the program; nil when the time is over.
    func waitForExit(seconds: Double) -> String? {
        let deadline = Date(timeIntervalSinceNow: seconds)
        condition.lock()
        defer { condition.unlock() }
        while exit == nil, condition.wait(until: deadline) {}
        return exit
    }
}
