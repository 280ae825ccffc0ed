import Cmdlets
import Glibc
import Testing

/// The cmdlets on drives and controllers, with images in a folder of the test's own.
@Suite struct DriveCmdletTests {
    let context = TestContext()
    private var folder: String { String(context.host.storePath.dropLast("/store".count)) }

    init() throws { _ = try context.call("New-VM", .word("web01"), .word("64MB")) }

    /// A raw disk of a mebibyte, or a file with this text.
    private func image(_ name: String, text: String? = nil) throws -> String {
        let path = folder + "/" + name
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        if let text { _ = write(descriptor, Array(text.utf8), text.utf8.count) } else { ftruncate(descriptor, 1 << 20) }
        close(descriptor)
        return path
    }

    /// The least of an ISO image: a volume descriptor in sector 16 (ECMA-119, 8.1).
    private func disc(_ name: String) throws -> String {
        let path = try image(name)
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        defer { close(descriptor) }
        let head: [UInt8] = [1] + Array("CD001".utf8) + [1]
        try #require(pwrite(descriptor, head, head.count, 16 * 2048) == head.count)
        return path
    }

    private func property(_ name: String, _ value: Value) throws -> String { try PropertyReader.property(name, of: value)?.text ?? "none" }

    private func add(_ arguments: RawArgument...) throws -> Value {
        try Pipeline.run([CommandCall("Add-VMHardDiskDrive", arguments + [.flag("Passthru")])], context: context).value
    }

    @Test func aNewMachineHasAControllerAndAnAdapterButNoDrive() throws {
        #expect(try context.call("Get-VMScsiController", .word("web01")).values.count == 1)
        #expect(try context.call("Get-VMHardDiskDrive", .word("web01")).values.isEmpty)
        #expect(try context.call("Get-VMNetworkAdapter", .word("web01")).values.count == 1)
    }

    @Test func drivesAreAddedFoundMovedAndRemoved() throws {
        let path = try image("a.raw")
        let drive = try add(.word("web01"), .named("Path", .string(path)))
        #expect(try property("ControllerLocation", drive) == "0")
        #expect(try property("Format", drive) == "RAW")
        #expect(try property("Path", drive) == path)
        let second = try add(.word("web01"), .word("SCSI"), .word("0"), .word("7"), .word(try image("b.img")))
        #expect(try property("ControllerLocation", second) == "7")
        let found = try context.call(
            "Get-VMHardDiskDrive", .word("web01"), .named("ControllerNumber", .integer(0)), .named("ControllerLocation", .integer(7)))
        #expect(found.shape == .one)
        #expect(try property("Path", found.value).hasSuffix("/b.img"))
        #expect(
            context.failure { _ = try context.call("Set-VMHardDiskDrive", .word("web01"), .named("ToControllerLocation", .integer(9))) }?
                .identifier == "DriveAmbiguous")
        let moved = try Pipeline.run(
            [CommandCall("Set-VMHardDiskDrive", [.named("ToControllerLocation", .integer(9)), .flag("Passthru")])], input: .one(second),
            context: context
        ).value
        #expect(try property("ControllerLocation", moved) == "9")
        #expect(try property("IsDeleted", second).lowercased() == "true")
        #expect(try context.shown(CommandCall("Get-VMHardDiskDrive", [.word("web01")])).hasPrefix("VMName ControllerType ControllerNumber"))
        _ = try context.call("Remove-VMHardDiskDrive", .word("web01"), .word("SCSI"), .word("0"), .word("0"))
        _ = try Pipeline.run(
            [CommandCall("Get-VM"), CommandCall("Get-VMHardDiskDrive"), CommandCall("Remove-VMHardDiskDrive")], context: context)
        #expect(try context.call("Get-VMHardDiskDrive", .word("web01")).values.isEmpty)
        #expect(access(path, F_OK) == 0)
    }

    @Test func badImagesAreRefusedAndLeaveTheMachineAlone() throws {
        func identifier(_ arguments: RawArgument...) -> String? {
            context.failure { _ = try Pipeline.run([CommandCall("Add-VMHardDiskDrive", [.word("web01")] + arguments)], context: context) }?
                .identifier
        }
        let good = try image("good.raw")
        #expect(identifier(.named("Path", .string(folder + "/none.vhdx"))) == "DiskNotFound")
        #expect(
            identifier(.named("Path", .string(try image("text.vhdx", text: String(repeating: "no disk ", count: 100_000)))))
                == "DiskNotThisFormat")
        #expect(identifier(.named("Path", .string(try image("empty.raw", text: "")))) == "DiskTruncated")
        #expect(identifier(.named("Path", .string(try image("disc.iso")))) == "DiskFormatInvalid")
        #expect(identifier(.named("Path", .string(try image("notes.txt")))) == "DiskFormatInvalid")
        #expect(identifier(.named("Path", .string(folder))) == "DiskFormatInvalid")
        #expect(identifier() == "DiskPathMissing")
        #expect(identifier(.named("ControllerType", .string("IDE")), .named("Path", .string(good))) == "ControllerTypeInvalid")
        #expect(identifier(.named("ControllerNumber", .integer(1)), .named("Path", .string(good))) == "ControllerNotFound")
        #expect(
            identifier(.named("ControllerLocation", .integer(64)), .named("Path", .string(good))) == "ParameterArgumentTransformationError")
        _ = try add(.word("web01"), .named("Path", .string(good)))
        #expect(identifier(.named("Path", .string(good))) == "DiskAttachedTwice")
        #expect(
            identifier(
                .named("ControllerNumber", .integer(0)), .named("ControllerLocation", .integer(0)),
                .named("Path", .string(try image("c.raw"))))
                == "ControllerLocationInUse")
        _ = try add(.word("web01"), .named("Path", .string(folder + "/later.vhdx")), .flag("AllowUnverifiedPaths"))
        #expect(try context.call("Get-VMHardDiskDrive", .word("web01")).values.count == 2)
    }

    @Test func anImageInUseIsNamed() throws {
        let path = try image("locked.raw")
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        defer { close(descriptor) }
        var lock = flock()
        (lock.l_type, lock.l_whence) = (Int16(F_WRLCK), Int16(SEEK_SET))
        // F_OFD_SETLK
        try #require(fcntl(descriptor, 37, &lock) == 0)
        let error = context.failure { _ = try add(.word("web01"), .named("Path", .string(path))) }
        #expect(error?.identifier == "DiskInUse")
        #expect(error?.message.contains(path) == true)
    }

    @Test func aHundredDisksFitOnTwoControllers() throws {
        _ = try context.call("Add-VMScsiController", .word("web01"))
        for number in 0..<100 { _ = try add(.word("web01"), .named("Path", .string(try image("d\(number).raw")))) }
        let drives = try context.call("Get-VMHardDiskDrive", .word("web01")).values
        #expect(drives.count == 100)
        #expect(try property("ControllerNumber", drives[64]) == "1")
        #expect(try property("ControllerLocation", drives[99]) == "35")
        let controllers = try context.call("Get-VMScsiController", .word("web01")).values
        #expect(try PropertyReader.property("Drives", of: controllers[1])?.elements.count == 36)
        _ = try context.call("Remove-VMScsiController", .word("web01"), .word("0"))
        #expect(try context.call("Get-VMHardDiskDrive", .word("web01")).values.count == 36)
        for _ in 0..<3 { _ = try context.call("Add-VMScsiController", .word("web01")) }
        #expect(context.failure { _ = try context.call("Add-VMScsiController", .word("web01")) }?.identifier == "ControllerLimit")
    }

    @Test func discsGoInAndOut() throws {
        let disc = try disc("tools.iso")
        let drive = try context.call("Add-VMDvdDrive", .word("web01"), .flag("Passthru")).value
        #expect(try property("DvdMediaType", drive) == "None")
        _ = try context.call("Set-VMDvdDrive", .word("web01"), .named("Path", .string(disc)))
        #expect(try property("Path", drive) == disc)
        #expect(try property("DvdMediaType", drive) == "ISO")
        _ = try context.call("Set-VMDvdDrive", .word("web01"), .named("Path", .string("")))
        #expect(try property("DvdMediaType", drive) == "None")
        _ = try context.call("Set-VMDvdDrive", .word("web01"), .named("Path", .string(disc)))
        _ = try context.call("Set-VMDvdDrive", .word("web01"), .flag("Eject"))
        #expect(try property("DvdMediaType", drive) == "None")
        #expect(
            context.failure { _ = try context.call("Set-VMDvdDrive", .word("web01"), .named("Path", .string(try image("x.raw")))) }?
                .identifier
                == "DiskFormatInvalid")
        _ = try context.call("Remove-VMDvdDrive", .word("web01"), .word("0"), .word("0"))
        #expect(try context.call("Get-VMDvdDrive", .word("web01")).values.isEmpty)
        #expect(context.failure { _ = try context.call("Set-VMDvdDrive", .word("web01"), .flag("Eject")) }?.identifier == "DriveNotFound")
    }

    @Test func newMachinesComeWithDisks() throws {
        let path = folder + "/root.vhdx"
        let made = try context.call(
            "New-VM", .word("db01"), .word("64MB"), .named("NewVHDPath", .string(path)), .named("NewVHDSizeBytes", .string("64MB")),
            .named("BootDevice", .string("CD")))
        #expect(try PropertyReader.property("HardDrives", of: made.value)?.elements.count == 1)
        #expect(try PropertyReader.property("DVDDrives", of: made.value)?.elements.count == 1)
        _ = try context.call("Remove-VM", .word("db01"), .flag("Force"))
        #expect(access(path, F_OK) == 0)
        _ = try context.call("New-VM", .word("db02"), .word("64MB"), .named("VHDPath", .string(path)))
        // A name that exists: the new disk goes again, and one that was there is never overwritten.
        let other = folder + "/other.vhdx"
        func refused(_ name: String, _ disk: String) -> String? {
            context.failure {
                _ = try context.call(
                    "New-VM", .word(name), .word("64MB"), .named("NewVHDPath", .string(disk)), .named("NewVHDSizeBytes", .string("64MB")))
            }?.identifier
        }
        #expect(refused("db02", other) == "VMNameExists")
        #expect(access(other, F_OK) != 0)
        #expect(refused("db03", path) == "DiskExists")
        #expect(access(path, F_OK) == 0)
        #expect(
            context.failure { _ = try context.call("New-VM", .word("db04"), .word("64MB"), .named("VHDPath", .string(other))) }?.identifier
                == "DiskNotFound")
        #expect(try context.call("Get-VM", .word("db0*")).values.map(\.text) == ["db02"])
    }
}
