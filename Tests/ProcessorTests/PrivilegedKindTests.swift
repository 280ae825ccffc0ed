import Processor
import Testing

/// Privileged instructions are counted to the last one, whichever engine runs them.
@Suite struct PrivilegedKindTests {
    /// Round and round: CLI, PUSHF, POPF, IN, OUT, RDTSC, MOV from CR0, SWAPGS, STI; then HLT.
    private static let program: [UInt8] = [
        0xb9, 100, 0, 0, 0,
        0xfa, 0x9c, 0x9d, 0xe4, 0x10, 0xe6, 0x10, 0x0f, 0x31, 0x0f, 0x20, 0xc0, 0x0f, 0x01, 0xf8, 0xfb,
        0xff, 0xc9, 0x75, 0xec,
        0xf4,
    ]

    private func counts(_ machine: FlatMachine) -> [PrivilegedKind: UInt64]? {
        machine.engine.privilegedCounts.map { Dictionary(uniqueKeysWithValues: zip(PrivilegedKind.allCases, $0)).filter { $0.value > 0 } }
    }

    @Test(arguments: [false, true]) func countsAreExact(translating: Bool) throws {
        let machine = try FlatMachine(.long, Self.program, translating: translating, countsPrivileged: true)
        #expect(machine.engine.run(until: 100_000) == .halted)
        let expected: [PrivilegedKind: UInt64] = [
            .interruptFlag: 200, .flags: 200, .portAccess: 200, .timestamp: 100, .controlRegister: 100, .swapBase: 100, .halt: 1,
        ]
        #expect(counts(machine) == expected)
        #expect(machine.engine.instructionsRetired == 1 + 100 * 11 + 1)
    }

    @Test(arguments: [false, true]) func whatFaultsIsNotCounted(translating: Bool) throws {
        // CLI; then WRMSR of a register that is not there, whose handler halts.
        let machine = try FlatMachine(
            .long, [0xfa, 0xb9, 0xff, 0xff, 0xff, 0x7f, 0x0f, 0x30], translating: translating, countsPrivileged: true)
        #expect(machine.engine.run(until: 100) == .halted)
        let expected: [PrivilegedKind: UInt64] = [.interruptFlag: 1, .halt: 1]
        #expect(counts(machine) == expected)
    }

    @Test func othersAreNotCounted() throws {
        let machine = try FlatMachine(.long, Self.program)
        #expect(machine.engine.run(until: 100_000) == .halted)
        #expect(machine.engine.privilegedCounts == nil)
    }
}
