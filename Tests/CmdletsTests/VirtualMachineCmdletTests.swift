import Cmdlets
import Testing

/// The cmdlets on virtual machines that need no worker, on a store of their own.
@Suite struct VirtualMachineCmdletTests {
    let context = TestContext()

    private func make(_ names: String...) throws {
        for name in names { _ = try context.call("New-VM", .word(name), .word("64MB"), .flag("NoVHD")) }
    }

    @Test func newVMHasTheDefaultsAndGetVMFindsIt() throws {
        let new = try context.call("New-VM", .named("Name", .string("web01")), .named("MemoryStartupBytes", .string("128MB")))
        #expect(new.shape == .one)
        let found = try context.call("Get-VM", .word("WEB01"))
        #expect(found.shape == .one)
        func property(_ name: String) throws -> String { try PropertyReader.property(name, of: found.value)?.text ?? "none" }
        #expect(try property("state") == "Off")
        #expect(try property("Generation") == "2")
        #expect(try property("MemoryStartup") == "134217728")
        #expect(try property("VMName") == "web01")
        #expect(try property("Uptime") == "00:00:00")
        #expect(try property("WorkerProcessId") == "")
        #expect(try context.call("Get-VM", .word("web*")).shape == .many)
        #expect(try context.call("Get-VM", .word("nothing*")).values.isEmpty)
        let id = try property("Id")
        #expect(try context.call("Get-VM", .named("Id", .string(id))).value.text == "web01")
    }

    @Test func aMissingNameIsAnErrorWithTheNearest() throws {
        try make("web01")
        let error = context.failure { _ = try context.call("Get-VM", .positional(.list([.string("web01"), .string("wep01")]))) }
        #expect(error?.identifier == "VMNotFound")
        #expect(error?.recommendedAction?.contains("web01") == true)
        #expect(error?.results.map(\.text) == ["web01"])
        #expect(try context.call("Get-VM", .word("none"), .named("EA", .string("SilentlyContinue"))).value.isNull)
    }

    @Test func theTableOfVirtualMachines() throws {
        try make("web01")
        let text = try context.shown(CommandCall("Get-VM"))
        #expect(text.hasPrefix("Name  State CPUUsage(%) MemoryAssigned(M)   Uptime Status"))
        #expect(text.split(separator: "\n").count == 3)
    }

    @Test func settingsAreChangedTogether() throws {
        try make("web01", "web02")
        let result = try context.call(
            "Set-VM", .word("web*"), .named("ProcessorCount", .integer(4)), .named("Notes", .string("")), .flag("Passthru"))
        #expect(result.shape == .many)
        #expect(try PropertyReader.property("ProcessorCount", of: result.value)?.text == "{4, 4}")
        _ = try context.call("Set-VMProcessor", .word("web01"), .named("Count", .integer(2)), .named("Engine", .string("interp")))
        #expect(try PropertyReader.property("Engine", of: context.call("Get-VMProcessor", .word("web01")).value)?.text == "Interpreter")
        let memory = try context.call("Get-VMMemory", .word("web01")).value
        _ = try Pipeline.run(
            [CommandCall("Set-VMMemory", [.named("StartupBytes", .integer(96 << 20))])], input: .one(memory), context: context)
        #expect(try PropertyReader.property("Startup", of: memory)?.integerValue == 96 << 20)
        #expect(
            context.failure { _ = try context.call("Set-VM", .word("web01"), .named("ProcessorCount", .integer(9))) }?.message.contains(
                "1 to 8") == true)
    }

    @Test func processorsShareChannelsOfStorage() throws {
        try make("web01")
        func share() throws -> Int64? {
            let settings = try context.call("Get-VMStorageSettings", .word("web01"))
            #expect(settings.shape == .one)
            return try PropertyReader.property("VirtualProcessorsPerChannel", of: settings.value)?.integerValue
        }
        #expect(try share() == 1)
        let machine = try context.call(
            "Set-VMStorageSettings", .word("web01"), .named("VirtualProcessorsPerChannel", .integer(4)), .flag("Passthru"))
        #expect(machine.value.text == "web01")
        #expect(try share() == 4)
        _ = try context.call("Set-VMStorageSettings", .word("web01"), .named("VirtualProcessorsPerChannel", .integer(1)))
        #expect(try share() == 1)
        #expect(
            context.failure {
                _ = try context.call("Set-VMStorageSettings", .word("web01"), .named("VirtualProcessorsPerChannel", .integer(0)))
            } != nil)
    }

    @Test func firmwareKeepsKernelSettings() throws {
        try make("web01")
        let firmware = try context.call(
            "Set-VMFirmware", .word("web01"), .named("KernelArguments", .string("console=ttyS0")), .flag("Passthru"))
        #expect(firmware.shape == .one)
        #expect(try PropertyReader.property("KernelArguments", of: firmware.value)?.text == "console=ttyS0")
        _ = try context.call("Set-VMFirmware", .word("web01"), .named("KernelArguments", .string("")))
        #expect(try PropertyReader.property("KernelArguments", of: firmware.value)?.isNull == true)
    }

    @Test func stopWithoutTheServiceFailsAlsoWithForce() throws {
        try make("web01")
        // One that is off is in the wanted state already.
        _ = try context.call("Stop-VM", .word("web01"))
        #expect(context.testTerminal.error.contains("already in the specified state"))
        #expect(
            context.failure { _ = try context.call("Stop-VM", .word("web01"), .flag("TurnOff"), .flag("Save")) }?.message.contains("-Save")
                == true)
    }

    @Test func removingAsks() throws {
        try make("web01", "web02", "web03")
        #expect(context.failure { _ = try context.call("Remove-VM", .word("web*")) }?.identifier == "ConfirmationRequired")
        #expect(try context.call("Get-VM").values.count == 3)
        let handle = try context.call("Get-VM", .word("web01"))
        _ = try Pipeline.run(
            [CommandCall("Get-VM", [.word("web0[12]")]), CommandCall("Remove-VM", [.flag("Force")])], context: context)
        #expect(try context.call("Get-VM").values.map(\.text) == ["web03"])
        #expect(try PropertyReader.property("IsDeleted", of: handle.value)?.booleanValue == true)
        try Display.show(result: handle, context)
        #expect(context.testTerminal.takeOutput().contains("Removed"))
    }

    @Test func duplicateAndBadNamesAreRefused() throws {
        try make("web01")
        #expect(context.failure { _ = try context.call("New-VM", .word("WEB01")) }?.identifier == "VMNameExists")
        for name in ["a*", "../x", "a/b", String(decoding: [0x61, 0xff], as: UTF8.self)] {
            #expect(
                context.failure { _ = try context.call("New-VM", .positional(.string(name))) }?.identifier == "VMNameInvalid", "\(name)")
        }
        #expect(context.failure { _ = try context.call("New-VM", .positional(.string(""))) }?.identifier == "ParameterArgumentEmpty")
        #expect(try context.call("Get-VM").values.count == 1)
    }

    @Test func renameAndCount() throws {
        try make("web01")
        _ = try context.call("Rename-VM", .word("web01"), .word("db01"))
        #expect(try context.call("New-VM", .word("n"), .named("Count", .integer(2))).values.map(\.text) == ["n1", "n2"])
        #expect(try context.call("Get-VM").values.map(\.text) == ["db01", "n1", "n2"])
    }

    @Test func partsOfAVirtualMachine() throws {
        try make("web01")
        #expect(try context.call("Get-VMComPort", .word("web01")).values.map(\.text) == ["COM 1", "COM 2"])
        let one = try context.call("Get-VMComPort", .word("web01"), .word("2"))
        #expect(one.shape == .one)
        #expect(one.value.text == "COM 2")
        #expect(try context.call("Get-VMHost").value.text.isEmpty == false)
        #expect(try context.call("Get-VirtualProcessor", .word("web01")).values.isEmpty)
        #expect(try context.call("Get-VMEvent", .word("web01")).values.count >= 1)
        let seconds = RawArgument.named("Timeout", .integer(0))
        for state in ["Heartbeat", "IPAddress", "MemoryOperations", "Reboot"] {
            let error = context.failure { _ = try context.call("Wait-VM", .word("web01"), .named("For", .string(state)), seconds) }
            #expect(error?.identifier == "WaitTimeout", "\(state)")
        }
        _ = try context.call("Wait-VM", .word("web01"), .named("For", .string("Off")), .named("Timeout", .integer(5)))
    }

    @Test func aPatternThatMatchesNothingIsToldForVerbs() throws {
        _ = try context.call("Start-VM", .word("none*"))
        #expect(context.testTerminal.error.contains("no virtual machine matches"))
    }
}
