import Boot
import Foundation
import Persistence
import Processor
import TestSupport
import Testing
import Worker
import WorkerProtocol

/// The verbs of a machine and what its guest can do to it, in both time modes.
@Suite(.enabled(if: Assembler.isInstalled, "nasm is not installed"), .timeLimit(.minutes(3)))
struct MachineVerbTests {
    @Test(arguments: [false, true]) func aProgramPrintsAndEnds(exact: Bool) throws {
        let bench = MachineBench()
        let machine = try bench.machine(mode: 1, exact: exact)
        defer { machine.close() }
        try machine.start()
        #expect(machine.wait(seconds: 60) { $0 == .off })
        machine.drain()
        #expect(bench.output == "hello from COM1\nPASS\n")
        #expect(bench.exitCode == 0)
        #expect(bench.states == [.starting, .running, .stopping, .off])
        #expect(machine.status().instructions > 0)
    }

    @Test(arguments: ["Auto", "Translator", "Interpreter"]) func refusedExecutableMemoryIsSaidAndTheInterpreterRuns(engine: String) throws {
        let image = try Assembler.assemble("Machine/verbs.asm", defining: ["MODE": 1])
        var configuration = MachineBench.configuration()
        configuration.processor.engine = engine
        var options = MachineOptions(testPorts: true)
        options.refusesExecutableMemory = true
        let bench = MachineBench()
        let machine = try Machine(
            configuration: configuration, boot: DirectBoot(kernel: MemoryBootFile(name: "verbs", bytes: image)), options: options,
            delegate: bench)
        defer { machine.close() }
        try machine.start()
        #expect(machine.wait(seconds: 60) { $0 == .off })
        machine.drain()
        #expect(bench.output == "hello from COM1\nPASS\n" && machine.status().engine == "Interpreter")
        let warnings = bench.events.filter { $0.kind == .unsupported && $0.severity == .warning }
        #expect(warnings.count == (engine == "Interpreter" ? 0 : 1))
        #expect(warnings.allSatisfy { $0.text.contains("executable memory") })
    }

    @Test(.enabled(if: Translation.isPossible, "the host refuses executable memory"))
    func aHostWithoutBMI2IsSaidAndTheTranslatorRuns() throws {
        let image = try Assembler.assemble("Machine/verbs.asm", defining: ["MODE": 1])
        var options = MachineOptions(testPorts: true)
        options.lacksBMI2 = true
        let bench = MachineBench()
        let machine = try Machine(
            configuration: MachineBench.configuration(), boot: DirectBoot(kernel: MemoryBootFile(name: "verbs", bytes: image)),
            options: options, delegate: bench)
        defer { machine.close() }
        try machine.start()
        #expect(machine.wait(seconds: 60) { $0 == .off })
        machine.drain()
        #expect(bench.output == "hello from COM1\nPASS\n" && machine.status().engine == "Translator")
        #expect(bench.events.filter { $0.kind == .unsupported && $0.text.contains("BMI2") }.count == 1)
    }

    @Test(arguments: [false, true]) func typedBytesComeBack(exact: Bool) throws {
        let bench = MachineBench()
        let machine = try bench.machine(mode: 2, exact: exact)
        defer { machine.close() }
        try machine.start()
        var text = (0..<9000).map { UInt8(97 + $0 % 16) }
        let expected = String(decoding: text, as: UTF8.self)
        while !text.isEmpty { text.removeFirst(try machine.sendConsole(port: 1, text)) }
        while try machine.sendConsole(port: 1, Array("Q".utf8)) == 0 {}
        #expect(machine.wait(seconds: 60) { $0 == .off })
        machine.drain()
        #expect(bench.output == expected + "PASS\n")
        #expect(bench.inputs.isEmpty == !exact, "Exact mode logs what enters")
        #expect(throws: MachineError.self) { try machine.sendConsole(port: 1, [1]) }
        #expect(throws: MachineError.self) { try machine.sendConsole(port: 3, [1]) }
    }

    @Test(arguments: [false, true]) func aDeadlyHaltIsAnEventAndTheMachineStays(exact: Bool) throws {
        let bench = MachineBench()
        let machine = try bench.machine(mode: 3, exact: exact)
        defer { machine.close() }
        try machine.start()
        #expect(bench.wait { $0.events.contains { $0.kind == .deadlyHalt } })
        #expect(machine.state == .running)
        try machine.turnOff()
        #expect(machine.state == .off)
    }

    @Test(arguments: [false, true]) func theThirdTripleFaultTurnsOff(exact: Bool) throws {
        let bench = MachineBench()
        let machine = try bench.machine(mode: 4, exact: exact)
        defer { machine.close() }
        try machine.start()
        #expect(machine.wait(seconds: 60) { $0 == .off })
        machine.drain()
        let faults = bench.events.filter { $0.kind == .tripleFault }
        #expect(faults.count == 3 && faults.allSatisfy { $0.severity == .critical })
        #expect(bench.states.filter { $0 == .reset }.count == 2)
    }

    @Test(arguments: [false, true]) func resetPortAndPowerOffEndWhatRuns(exact: Bool) throws {
        let bench = MachineBench()
        let machine = try bench.machine(mode: 6, exact: exact)
        defer { machine.close() }
        try machine.start()
        #expect(machine.wait(seconds: 60) { $0 == .off })
        machine.drain()
        #expect(bench.output.isEmpty, "no instruction follows a reset or power off")
        #expect(bench.events.map(\.kind) == [.started, .reset, .guestPowerOff])
    }

    @Test(arguments: [false, true]) func clockInterruptsWakeAHaltedProcessor(exact: Bool) throws {
        let bench = MachineBench()
        let machine = try bench.machine(mode: 7, exact: exact)
        defer { machine.close() }
        try machine.start()
        #expect(machine.wait(seconds: 60) { $0 == .off })
        machine.drain()
        #expect(bench.output == "PASS\n")
    }

    @Test(arguments: [false, true]) func timeStandsWhilePaused(exact: Bool) throws {
        let bench = MachineBench()
        let machine = try bench.machine(mode: 5, exact: exact)
        defer { machine.close() }
        try machine.start()
        #expect(bench.wait { _ in machine.status().instructions > 100_000 })
        try machine.pause()
        let status = machine.status()
        #expect(status.state == .paused)
        let hash = try machine.stateHash()
        #expect(machine.status().uptime == status.uptime && machine.status().instructions == status.instructions)
        #expect(try machine.stateHash() == hash)
        try machine.resume()
        #expect(bench.wait { _ in machine.status().instructions > status.instructions })
        try machine.reset()
        #expect(machine.state == .running)
        #expect(bench.wait { _ in machine.status().uptime > 0 })
        try machine.turnOff()
        try machine.start()
        #expect(machine.state == .running)
        let begun = machine.status().instructions
        #expect(bench.wait { _ in machine.status().instructions > begun + 200_000 })
        let processors = try machine.virtualProcessors(registers: true)
        #expect(processors.first?.registers?.first { $0.name == "RBX" }?.value == 0x200000)
        #expect(machine.partitionInformation().state == "Active")
    }

    @Test func verbsAreRefusedInTheWrongState() throws {
        let bench = MachineBench()
        let machine = try bench.machine(mode: 5)
        #expect(throws: MachineError.self) { try machine.pause() }
        #expect(throws: MachineError.self) { try machine.resume() }
        #expect(throws: MachineError.self) { try machine.turnOff() }
        #expect(throws: MachineError.self) { try machine.save(to: -1) }
        try machine.start()
        #expect(throws: MachineError.self) { try machine.start() }
        #expect(throws: MachineError.self) { try machine.stateHash() }
        machine.close()
        #expect(throws: MachineError.self) { try machine.resume() }
    }

    @Test func whatIsNotThereIsNamed() throws {
        let boot = DirectBoot(kernel: MemoryBootFile(name: "nothing", bytes: []))
        func failure(_ change: (inout VirtualMachineConfiguration) -> Void) -> MachineError? {
            var configuration = MachineBench.configuration()
            change(&configuration)
            do throws(MachineError) {
                _ = try Machine(configuration: configuration, boot: boot, delegate: nil)
                return nil
            } catch {
                return error
            }
        }
        #expect(failure { $0.processor.engine = "Kvm" }?.message.contains("“Kvm” is not there yet") == true)
        #expect(failure { $0.processor.engine = "Fast" }?.code == .engineUnknown)
        #expect(failure { $0.processor.model = "i486" }?.code == .modelUnknown)
        #expect(failure { $0.processor.count = 9 }?.code == .processorCount)
        #expect(failure { $0.memory.startupBytes = 12345 }?.code == .memory)
        let machine = try Machine(configuration: MachineBench.configuration(), boot: boot, delegate: nil)
        do {
            try machine.start()
            Issue.record("an empty kernel started")
        } catch let error { #expect((error as? MachineError)?.cause is BootError) }
        #expect(machine.state == .off)
    }
}
