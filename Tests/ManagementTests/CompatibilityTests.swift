import Basics
import Glibc
import Management
import Persistence
import Testing

/// What a report finds, and that it is gone when it is mended.
@Suite struct CompatibilityTests {
    private let test: TestHost

    init() throws { test = try TestHost() }

    private func exported(_ change: (inout VirtualMachineConfiguration) throws -> Void) throws -> String {
        let machine = try test.machine()
        try machine.configure(change)
        return try machine.export(to: test.folder.path + "/exports")
    }

    private func identifiers(_ report: CompatibilityReport) throws -> [String] { try report.incompatibilities().map(\.identifier) }

    @Test func aMissingSwitchIsMendedByMakingOrLeavingIt() throws {
        let path = try exported { ($0.adapters[0].switchId, $0.adapters[0].switchName) = (GUID(), "inside") }
        let other = try TestHost()
        let (first, second) = (try other.host.compare(path), try other.host.compare(path))
        #expect(try identifiers(first) == ["SwitchNotFound"])
        let found = try #require(try first.incompatibilities().first)
        #expect(found.message.contains("“inside”"))
        #expect(found.source == .adapter(try first.machine.configuration().adapters[0].id))
        #expect(identifier { try other.host.importMachine(first) } == "SwitchNotFound")
        #expect(identifier { try other.host.importMachine(path) } == "SwitchNotFound")
        try second.machine.configure { ($0.adapters[0].switchId, $0.adapters[0].switchName) = (nil, nil) }
        #expect(try identifiers(second).isEmpty)
        let made = try other.host.createSwitch(VirtualSwitchSpecification(name: "Inside", switchType: .private))
        #expect(try identifiers(first).isEmpty)
        let machine = try other.host.importMachine(first)
        #expect(try machine.configuration().adapters[0].switchId == made.id)
        #expect(try identifiers(second) == ["VMIdExists", "VMNameExists"])
    }

    @Test func anAddressThatAnotherMachineHasIsMendedInThePlan() throws {
        let path = try exported { ($0.adapters[0].macAddress, $0.adapters[0].dynamicMacAddress) = ("00155D010203", false) }
        let other = try TestHost()
        let theirs = try other.machine("theirs")
        try theirs.configure { $0.adapters[0].macAddress = "00155D010203" }
        let report = try other.host.compare(path)
        #expect(try identifiers(report) == ["MACAddressExists"])
        let found = try #require(try report.incompatibilities().first)
        #expect(found.message.contains("“theirs”") && found.message.contains("00155D010203"))
        #expect(found.source == .adapter(try report.machine.configuration().adapters[0].id))
        #expect(identifier { try other.host.importMachine(report) } == "MACAddressExists")
        try report.machine.configure { $0.adapters[0].macAddress = "00155D010204" }
        #expect(try other.host.importMachine(report).configuration().adapters[0].macAddress == "00155D010204")
    }

    @Test func tooMuchMemoryIsMendedInThePlan() throws {
        let path = try exported { $0.memory.startupBytes = 1 << 40 }
        let other = try TestHost()
        let report = try other.host.compare(path)
        #expect(try identifiers(report) == ["MemoryTooLarge"])
        try report.machine.configure { $0.memory.startupBytes = 64 << 20 }
        #expect(try other.host.importMachine(report).configuration().memory.startupBytes == 64 << 20)
    }

    /// A planned VM can be seen and changed, and nothing else.
    @Test func aPlannedMachineIsNotThere() throws {
        let path = try exported { $0.notes = "theirs" }
        let other = try TestHost()
        let machine = try other.host.compare(path).machine
        #expect(try machine.status().state == .off)
        #expect(identifier { try machine.start() } == "PlannedMachine")
        #expect(identifier { try machine.remove() } == "PlannedMachine")
        #expect(identifier { try machine.rename(to: "a/b") } == "VMNameInvalid")
        #expect(try machine.configuration().notes == "theirs")
        #expect(try other.host.machines().isEmpty)
    }

    @Test func aMissingParentIsNamedWithItsDrive() throws {
        let fixture = try TransferFixture()
        let path = try fixture.machine.export(to: fixture.place)
        unlink(path + "/Virtual Hard Disks/base.vhdx")
        let report = try fixture.other.host.compare(path)
        let found = try report.incompatibilities()
        #expect(found.contains { $0.identifier == "ExportDamaged" && $0.message.contains("base.vhdx") }, "\(found)")
        let first = try #require(try report.machine.configuration().drives.first)
        #expect(found.first?.source == .drive(first))
    }

    @Test func theKernelComesAlong() throws {
        let path = try exported { _ in }
        unlink(test.kernel)
        let other = try TestHost()
        var options = ImportOptions()
        options.copies = true
        let machine = try other.host.importMachine(path, options)
        let kernel = try #require(try machine.configuration().firmware.kernelPath)
        #expect(kernel == other.path(machine, "boot/kernel"))
        #expect(access(kernel, R_OK) == 0)
    }
}
