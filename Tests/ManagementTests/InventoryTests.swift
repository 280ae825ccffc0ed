import Basics
import Glibc
import Management
import Persistence
import Testing

@Suite struct InventoryTests {
    @Test func aMissingStoreIsEmptyAndIsNotMade() throws {
        let test = try TestHost()
        #expect(try test.host.machines().isEmpty)
        #expect(access(test.host.storePath, F_OK) != 0)
        let partitions = try test.host.partitions()
        #expect(partitions.map(\.id) == [1])
        #expect(partitions[0].virtualProcessorCount > 0 && partitions[0].memoryBytes > 0)
    }

    @Test func handlesAreInternedAndNamesIgnoreCase() throws {
        let test = try TestHost()
        let made = try test.machine("Web01")
        #expect(try test.host.machine(named: "wEB01") === made)
        #expect(try test.host.machine(id: made.id) === made)
        #expect(try test.host.machines(matching: "w?b*").map(\.name) == ["Web01"])
        #expect(try test.host.machines(matching: "[a-m]*").isEmpty)
        #expect(identifier { try test.host.machine(named: "web02") } == "VMNotFound")
    }

    /// What another process did is seen, though names are remembered: renaming, exchanging, removing.
    @Test func whatAnotherHostDidIsSeen() throws {
        let test = try TestHost()
        let (a, b) = (try test.machine("a"), try test.machine("b"))
        let other = VirtualMachineHost(storePath: test.host.storePath, starter: InProcessStarter())
        // Only configurations that have not changed for a moment are remembered.
        usleep(150_000)
        for _ in 0..<2 { #expect(try test.host.machine(named: "a") === a) }
        #expect(test.host.knownMachine(named: "a") === a)
        try other.machine(named: "a").rename(to: "c")
        #expect(test.host.knownMachine(named: "a") == nil)
        #expect(identifier { try test.host.machine(named: "a") } == "VMNotFound")
        try other.machine(named: "b").rename(to: "a")
        #expect(try test.host.machine(named: "a") === b)
        #expect(try test.host.machine(named: "c") === a)
        usleep(150_000)
        #expect(try test.host.machine(named: "A") === b)
        #expect(test.host.knownMachine(named: "A") === b)
        _ = try other.machine(named: "a").remove()
        #expect(test.host.knownMachine(named: "A") == nil)
        #expect(try test.host.machines().map(\.name) == ["c"])
        #expect(test.host.macAddresses().count == 1)
    }

    @Test(arguments: ["", "  ", " a", "a/b", "..", "a*", "x[1]", "a\u{7}b", "a\u{202e}b", String(repeating: "n", count: 101)])
    func badNamesAreRefused(_ name: String) throws {
        let test = try TestHost()
        #expect(identifier { try test.machine(name) } == "VMNameInvalid")
        #expect(access(test.host.storePath, F_OK) != 0)
    }

    @Test func namesAreUnique() throws {
        let test = try TestHost()
        let first = try test.machine("a")
        #expect(identifier { try test.machine("A") } == "VMNameExists")
        let second = try test.machine("b")
        #expect(identifier { try second.rename(to: "A") } == "VMNameExists")
        try first.rename(to: "c")
        try second.rename(to: "a")
        #expect(try test.host.machines().map(\.name) == ["a", "c"])
        #expect(identifier { try test.host.create(all: ["d", "e", "D"].map { VirtualMachineSpecification(name: $0) }) } == "VMNameExists")
        #expect(try test.host.machines().count == 2)
    }

    @Test func rangesAreChecked() throws {
        let test = try TestHost()
        func refusal(_ change: (inout VirtualMachineSpecification) -> Void) -> String? {
            var specification = VirtualMachineSpecification(name: "x")
            change(&specification)
            return identifier { try test.host.create(specification) }
        }
        #expect(refusal { $0.memoryStartupBytes = 16 << 20 } == "MemoryOutOfRange")
        #expect(refusal { $0.memoryStartupBytes = 2 << 40 } == "MemoryOutOfRange")
        #expect(refusal { $0.memoryStartupBytes = 65 << 20 } == "MemoryOutOfRange")
        #expect(refusal { $0.processorCount = 0 } == "ProcessorCountOutOfRange")
        #expect(refusal { $0.processorCount = 9 } == "ProcessorCountOutOfRange")
        #expect(refusal { $0.generation = 3 } == "GenerationInvalid")
        #expect(refusal { $0.firmware.kernelPath = "/nowhere/vmlinuz" } == "KernelNotFound")
        #expect(refusal { $0.firmware.kernelPath = "/tmp" } == "KernelUnreadable")
        #expect(try test.host.machines().isEmpty)
    }

    @Test func aVMWhoseConfigurationCannotBeReadIsListedByItsLastName() throws {
        let test = try TestHost()
        let machine = try test.machine("precious")
        for (text, identifier) in [
            ("{\"version\": 1, \"name\": \"prec", "ConfigurationUnreadable"), ("", "ConfigurationUnreadable"),
            ("{\"version\": 99}", "ConfigurationNewer"),
        ] {
            let folder = try Folder(path: "\(test.host.storePath)/vms/\(machine.id)")
            try folder.replaceFile("configuration.json", with: Array(text.utf8))
            let found = try test.otherHost().machine(named: "precious")
            let status = try found.status()
            #expect(status.state == .offCritical)
            #expect(ManagementTests.identifier { try found.start() } == identifier)
            #expect(ManagementTests.identifier { try test.machine("Precious") } == "VMNameExists")
            if identifier == "ConfigurationNewer" { #expect(status.statusText.contains("99") && status.statusText.contains("1")) }
        }
        try machine.remove()
        #expect(try test.host.machines().isEmpty)
    }

    @Test func aNewerOrCorruptStoreIsRefused() throws {
        let test = try TestHost()
        _ = try test.machine()
        let folder = try Folder(path: test.host.storePath)
        try folder.replaceFile("store.json", with: Array("{\"version\": 7, \"id\": \"x\"}".utf8))
        #expect(identifier { try test.host.machines() } == "StoreNewer")
        try folder.replaceFile("store.json", with: Array("{\"ver".utf8))
        #expect(identifier { try test.host.machines() } == "StoreUnreadable")
        try folder.remove("store.json")
        #expect(try test.host.machines().map(\.name) == ["web01"])
    }

    @Test func aStoreThatCannotBeMadeSaysSo() throws {
        let test = try TestHost()
        let file = try test.folder.write("plain", "no folder")
        let host = VirtualMachineHost(storePath: file + "/store", starter: InProcessStarter())
        #expect(identifier { try host.create(VirtualMachineSpecification(name: "a")) } != nil)
        let proc = VirtualMachineHost(storePath: "/proc/lunavisor-store", starter: InProcessStarter())
        #expect(identifier { try proc.create(VirtualMachineSpecification(name: "a")) } == "StoreNotWritable")
    }

    @Test func configurationIsCheckedAsAWhole() throws {
        let test = try TestHost()
        let machine = try test.machine()
        let before = try machine.configuration()
        #expect(
            identifier {
                try machine.configure {
                    $0.notes = "new"
                    $0.processor.count = 99
                }
            } == "ProcessorCountOutOfRange")
        #expect(try machine.configuration() == before)
        #expect(try machine.status().statusText == "Operating normally")
        try machine.configure { $0.timeMode = .exact }
        #expect(try machine.status().statusText.contains("not for secrets"))
        #expect(try machine.configuration().seed != nil)
        try machine.configure { $0.timeMode = .real }
        #expect(try machine.configuration().seed == nil)
    }

    @Test func aVMWithoutKernelNamesTheMissingFirmware() throws {
        let test = try TestHost()
        for (generation, word) in [(1, "BIOS"), (2, "UEFI")] {
            var specification = VirtualMachineSpecification(name: "generation\(generation)")
            specification.generation = generation
            let machine = try test.host.create(specification)
            do {
                try machine.start()
                Issue.record("started")
            } catch let error as ManagementError {
                #expect(error.identifier == "FirmwareMissing" && error.message.contains(word))
            }
            #expect(try machine.status().state == .off)
        }
    }
}
