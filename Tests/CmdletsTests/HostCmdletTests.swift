import Cmdlets
import Glibc
import Testing

/// What is set for the whole host, and what machines of generation 1 have.
@Suite struct HostCmdletTests {
    let context = TestContext()

    private func run(_ name: String, _ arguments: RawArgument...) throws -> PipelineResult {
        try Pipeline.run([CommandCall(name, arguments)], context: context)
    }

    private func property(_ name: String, of value: Value) throws -> Value { try PropertyReader.property(name, of: value) ?? .null }

    private func folder() throws -> String {
        let path = context.host.storePath + "-files"
        #expect(mkdir(path, 0o700) == 0)
        return path
    }

    @Test func addressesComeFromTheHostsRange() throws {
        _ = try run(
            "Set-VMHost", .named("MacAddressMinimum", .string("00-15-5D-10-00-00")), .named("MacAddressMaximum", .string("00155D100001")))
        let host = try run("Get-VMHost").value
        #expect(try property("MacAddressMinimum", of: host).text == "00155D100000")
        _ = try run("New-VM", .word("a"))
        _ = try run("New-VM", .word("b"))
        let addresses = try run("Get-VMNetworkAdapter", .word("*")).values.map { try property("MacAddress", of: $0).text }
        #expect(Set(addresses) == ["00155D100000", "00155D100001"])
        // When all are taken, any with the common prefix.
        _ = try run("Add-VMNetworkAdapter", .word("b"))
        #expect(try run("Get-VMNetworkAdapter", .word("b")).values.count == 2)
        let wrong = context.failure { _ = try run("Set-VMHost", .named("MacAddressMaximum", .string("00155D0FFFFF"))) }
        #expect(wrong?.identifier == "MacAddressInvalid")
    }

    @Test func aMachinesFilesLieWhereNewVMPutsThem() throws {
        let base = try folder()
        let machine = try run(
            "New-VM", .word("web01"), .named("Path", .string(base)), .named("NewVHDPath", .string("web01.vhdx")),
            .named("NewVHDSizeBytes", .integer(64 << 20))
        ).value
        #expect(try property("Path", of: machine).text == base + "/web01")
        #expect(try property("SnapshotFileLocation", of: machine).text == base + "/web01/Snapshots")
        let disk = try run("Get-VMHardDiskDrive", .word("web01")).values.map { try property("Path", of: $0).text }
        #expect(disk == [base + "/web01/Virtual Hard Disks/web01.vhdx"])
        #expect(access(disk.first ?? "", F_OK) == 0)
        // The host's folder for machines is what -Path is when it is not given.
        _ = try run("Set-VMHost", .named("VirtualMachinePath", .string(base)))
        #expect(try property("Path", of: run("New-VM", .word("web02")).value).text == base + "/web02")
        #expect(try property("VirtualMachinePath", of: run("Get-VMHost").value).text == base)
        let wrong = context.failure { _ = try run("Set-VMHost", .named("VirtualMachinePath", .string(base + "/none"))) }
        #expect(wrong?.identifier == "FolderNotFound")
        let outside = context.failure { _ = try run("New-VM", .word("../x"), .named("Path", .string(base))) }
        #expect(outside?.identifier == "VMNameInvalid")
    }

    @Test func thisHostIsNamedByCimSessionToo() throws {
        _ = try run("New-VM", .word("web01"))
        #expect(try run("Get-VM", .word("web01"), .named("CimSession", .string("localhost"))).value.text == "web01")
        let far = context.failure { _ = try run("Get-VM", .named("CimSession", .string("elsewhere"))) }
        #expect(far?.identifier == "RemoteHostNotSupported")
    }

    @Test func nodesAreTheHosts() throws {
        let nodes = try run("Get-VMHostNumaNode").values
        let processors = try nodes.flatMap { try property("ProcessorsAvailability", of: $0).elements }
        #expect(Int64(processors.count) == (try property("LogicalProcessorCount", of: run("Get-VMHost").value)).integerValue)
        #expect(processors.allSatisfy { (0...100).contains($0.integerValue ?? -1) })
        for node in nodes {
            let total = try property("MemoryTotal", of: node).integerValue ?? 0
            let available = try property("MemoryAvailable", of: node).integerValue ?? 0
            #expect(total > 0 && (0...total).contains(available))
        }
        #expect(try run("Get-VMHostNumaNode", .named("Id", .integer(4711))).values.isEmpty)
        #expect(try run("Get-VMHostSupportedVersion", .flag("Default")).values.count == 1)
    }

    @Test func partsAreShownAsTheyWereAtACheckpoint() throws {
        _ = try run("New-VM", .word("web01"))
        _ = try run("Checkpoint-VM", .word("web01"), .named("SnapshotName", .string("first")))
        _ = try run("Set-VMProcessor", .word("web01"), .named("Count", .integer(4)))
        _ = try run("Add-VMNetworkAdapter", .word("web01"), .named("Name", .string("second")))
        let checkpoint = try run("Get-VMSnapshot", .word("web01")).values[0]
        let past = try run("Get-VMProcessor", .named("VMSnapshot", checkpoint)).value
        #expect(try property("Count", of: past).integerValue == 1)
        #expect(try property("VMSnapshotName", of: past).text == "first")
        #expect(try property("VMName", of: past).text == "web01")
        #expect(try property("VMId", of: past).text == property("Id", of: run("Get-VM", .word("web01")).value).text)
        let present = try run("Get-VMProcessor", .word("web01")).value
        #expect(try property("Count", of: present).integerValue == 4)
        #expect(try property("VMSnapshotName", of: present).text == "")
        #expect(try run("Get-VMNetworkAdapter", .named("VMSnapshot", checkpoint)).values.count == 1)
        let piped = try Pipeline.run(
            [CommandCall("Get-VMSnapshot", [.word("web01")]), CommandCall("Get-VMScsiController", [])], context: context)
        #expect(piped.values.count == 1)
        let change = context.failure { _ = try run("Set-VMProcessor", .named("VMProcessor", past), .named("Count", .integer(2))) }
        #expect(change?.identifier == "CheckpointUnchangeable")
        #expect(try property("Count", of: past).integerValue == 1)
    }

    @Test func generationOneHasABiosAndAFloppyDrive() throws {
        _ = try run("New-VM", .word("old"), .named("Generation", .integer(1)))
        _ = try run("New-VM", .word("new"))
        _ = try run("Set-VMBios", .word("old"), .named("StartupOrder", .list([.string("ide"), .string("CD")])), .flag("EnableNumLock"))
        let bios = try run("Get-VMBios", .word("old")).value
        #expect(try property("StartupOrder", of: bios).elements.map(\.text) == ["IDE", "CD"])
        #expect(try property("NumLockEnabled", of: bios).booleanValue == true)
        #expect(context.failure { _ = try run("Get-VMBios", .word("new")) }?.identifier == "GenerationInvalid")
        #expect(try run("Get-VMIdeController", .word("old")).values.isEmpty)

        let path = try folder() + "/boot.vfd"
        _ = try run("New-VFD", .word(path))
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_size == 1_474_560)
        #expect(context.failure { _ = try run("New-VFD", .word(path)) } != nil, "a file that is there stays")
        _ = try run("Set-VMFloppyDiskDrive", .word("old"), .word(path))
        #expect(try property("Path", of: run("Get-VMFloppyDiskDrive", .word("old")).values[0]).text == path)
        #expect(try property("Path", of: property("FloppyDrive", of: run("Get-VM", .word("old")).value)).text == path)
        #expect(try run("Get-VMFloppyDiskDrive", .word("new")).values.isEmpty)
        #expect(context.failure { _ = try run("Set-VMFloppyDiskDrive", .word("new"), .word(path)) }?.identifier == "GenerationInvalid")
    }
}
