import Processor
import TestSupport
import Testing

/// Programs that check the processor from inside; they print what is wrong and exit with 0 or 1.
@Suite(.enabled(if: Assembler.isInstalled, "nasm is not installed"))
struct GuestProgramTests {
    /// Run to "PASS" here and, as a foreign oracle, under QEMU's TCG.
    static let programs = ["exceptions32", "exceptions64", "debugging", "modes", "paging", "privilege32", "privilege64"]

    @Test(arguments: programs)
    func passes(_ program: String) throws {
        let machine = try GuestMachine()
        try machine.start(multiboot: Assembler.assemble("\(program).asm"))
        let ending = machine.run()
        #expect(machine.text == "PASS\n", "\(ending), RIP \(String(machine.processor.instructionPointer, radix: 16))")
        #expect(ending.code == 0)
    }
}
