import Cmdlets
import Testing

@Suite struct ArchitectureCmdletTests {
    private func architecture(_ name: String, _ context: TestContext) throws -> String? {
        try PropertyReader.property("Architecture", of: context.call("Get-VM", .word(name)).value)?.text
    }

    @Test func aMachineHasTheHostsArchitectureOrItsOwn() throws {
        let context = TestContext()
        _ = try context.call("New-VM", .word("a"), .word("64MB"), .flag("NoVHD"))
        #expect(try architecture("a", context) == "Microkernel")
        _ = try context.call("Set-VMHost", .named("Architecture", .string("Microkernel")))
        _ = try context.call("New-VM", .word("b"), .word("64MB"), .flag("NoVHD"))
        #expect(try architecture("b", context) == "Microkernel")
        _ = try context.call("New-VM", .word("c"), .named("Architecture", .string("DriverDomain")), .word("64MB"), .flag("NoVHD"))
        #expect(try architecture("c", context) == "DriverDomain")
        _ = try context.call("Set-VM", .word("c"), .named("Architecture", .string("Hosted")))
        #expect(try architecture("c", context) == "Hosted")
    }

    @Test func aMachineMayBeMonolithic() throws {
        let context = TestContext()
        _ = try context.call("Set-VMHost", .named("Architecture", .string("Monolithic")))
        _ = try context.call("New-VM", .word("a"), .word("64MB"), .flag("NoVHD"))
        #expect(try architecture("a", context) == "Monolithic")
        _ = try context.call("New-VM", .word("b"), .word("64MB"), .named("Architecture", .string("Microkernel")), .flag("NoVHD"))
        #expect(try architecture("b", context) == "Microkernel")
    }

    @Test func aMachineThatIsOffIsNotMeasured() throws {
        let context = TestContext()
        _ = try context.call("New-VM", .word("a"), .word("64MB"), .flag("NoVHD"))
        #expect(context.failure { _ = try context.call("Measure-Architecture", .word("a")) }?.identifier == "VMNotRunning")
    }

    @Test func whatIsTrustedIsToldByArchitecture() throws {
        let context = TestContext()
        func parts(_ architecture: String) throws -> [(process: String, lines: Int64, modules: [String], calls: [String])] {
            try context.call("Get-TrustedComputingBase", .word(architecture)).values.map { value in
                func field(_ name: String) throws -> Value { try PropertyReader.property(name, of: value) ?? .null }
                return (
                    try field("Process").text, try field("Lines").integerValue ?? 0, try field("Modules").elements.map(\.text),
                    try field("SystemCalls").elements.map(\.text)
                )
            }
        }
        let (whole, apart) = (try parts("Microkernel"), try parts("DriverDomain"))
        #expect(whole.map(\.process) == ["Worker", "Switch"] && apart.map(\.process) == ["Worker", "Disk service", "Switch"])
        #expect(try parts("Hosted").map(\.process) == ["Hosted", "Switch"])
        // Disk formats are another process's.
        #expect(whole[0].modules.contains("Storage") && !apart[0].modules.contains("Storage") && apart[0].lines < whole[0].lines)
        #expect(apart[1].calls.contains("pwritev") && !apart[1].calls.contains { ["open", "openat", "execve", "socket"].contains($0) })
        #expect(whole.allSatisfy { $0.lines > 1000 && $0.calls.isEmpty })
        _ = try context.call("New-VM", .word("a"), .word("64MB"), .flag("NoVHD"))
        #expect(try context.call("Get-TrustedComputingBase", .named("VMName", .string("a"))).values.isEmpty)
    }
}
