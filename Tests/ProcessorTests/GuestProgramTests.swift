import Foundation
import Processor
import TestSupport
import Testing

/// Programs that check the processor from inside; they print what is wrong and exit with 0 or 1.
@Suite(.enabled(if: Assembler.isInstalled, "nasm is not installed"))
struct GuestProgramTests {
    /// Run to "PASS" here and, to know that the programs themselves are right, under QEMU's TCG.
    static let programs = ["debugging", "exceptions32", "exceptions64", "modes", "paging", "privilege32", "privilege64"]

    @Test(arguments: programs + ["interrupts"])
    func passes(_ program: String) throws {
        let machine = try GuestMachine()
        try machine.start(multiboot: Assembler.assemble("\(program).asm"))
        let ending = machine.run()
        #expect(machine.text == "PASS\n", "\(ending), RIP \(String(machine.processor.instructionPointer, radix: 16))")
        #expect(ending.code == 0)
    }

    /// The same in slices of a few instructions: where a run is cut must not show.
    @Test(arguments: programs)
    func passesInSlices(_ program: String) throws {
        let machine = try GuestMachine()
        try machine.start(multiboot: Assembler.assemble("\(program).asm"))
        var limit: UInt64 = 0
        var ending = GuestMachine.Ending(exit: .limit, code: nil)
        while ending.exit == .limit, limit < 50_000_000 {
            limit += 1 + limit % 7
            ending = machine.run(limit: limit)
            if ending.exit == .limit { #expect(machine.processor.instructionsRetired == limit) }
        }
        #expect(machine.text == "PASS\n", "\(ending)")
    }

    @Test(arguments: [0, 1])
    func tripleFault(_ variant: Int) throws {
        let machine = try GuestMachine()
        try machine.start(multiboot: Assembler.assemble("shutdown.asm", defining: ["VARIANT": variant]))
        #expect(machine.run() == GuestMachine.Ending(exit: .tripleFault, code: nil))
        #expect(machine.text == "before\n")
    }

    @Test(arguments: 0..<5)
    func taskSwitchIsRefused(_ variant: Int) throws {
        let machine = try GuestMachine()
        try machine.start(multiboot: Assembler.assemble("taskswitch.asm", defining: ["VARIANT": variant]))
        let ending = machine.run()
        guard case .unsupported(let what) = ending.exit else {
            Issue.record("ended with \(ending)")
            return
        }
        #expect(what.contains("task"))
        #expect(machine.notes == [.taskSwitchRefused])
        // The state stands before the instruction.
        #expect(machine.processor.instructionPointer == machine.processor.generalRegister(3))
    }

    static let isQEMUInstalled = FileManager.default.isExecutableFile(atPath: "/usr/bin/qemu-system-x86_64")

    @Test(.enabled(if: isQEMUInstalled, "qemu-system-x86_64 is not installed"), arguments: programs)
    func passesUnderQEMU(_ program: String) throws {
        let image = FileManager.default.temporaryDirectory.appendingPathComponent("lunavisor-\(UUID().uuidString).bin")
        try Data(Assembler.assemble("\(program).asm")).write(to: image)
        defer { try? FileManager.default.removeItem(at: image) }
        let outcome = try ForeignProgram.run(
            "/usr/bin/qemu-system-x86_64",
            "-accel tcg -cpu qemu64 -m 64 -no-reboot -display none -monitor none -serial none -debugcon stdio".split(separator: " ").map(
                String.init) + ["-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-kernel", image.path])
        #expect(outcome.output == "PASS\n")
        // isa-debug-exit ends with value × 2 + 1.
        #expect(outcome.status == 1)
    }
}
