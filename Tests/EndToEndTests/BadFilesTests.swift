import Foundation
import TestSupport
import Testing

/// Kernels and ramdisks that cannot be: a clear error, and nothing is lost.
@Suite("Bad kernels and ramdisks", .enabled(if: BuiltShell.executable != nil, "lunavisor is not built"))
struct BadFilesTests {
    @Test("a kernel that is not there, no file or empty is refused before a machine exists")
    func refusedAtOnce() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let empty = try shell.file("empty", [])
        for (path, says) in [("/nowhere/vmlinuz", "does not exist"), ("/tmp", "is not a file"), (empty, "is empty")] {
            let outcome = try shell.command("New-VM a -NoVHD -KernelPath '\(path)'")
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains(path) && outcome.errors.contains(says), "\(outcome.errors)")
        }
        #expect(try shell.value("#(Get-VM)") == "0")
    }

    @Test("a text file is not bootable; the machine stays and takes another kernel")
    func notBootable() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        for (name, text) in [("short", "no kernel\n"), ("long", String(repeating: "no kernel at all\n", count: 4000))] {
            let path = try shell.file(name, Array(text.utf8))
            #expect(try shell.command("New-VM \(name) -NoVHD -MemoryStartupBytes 32MB -KernelPath '\(path)'").status == 0)
            let outcome = try shell.command("Start-VM \(name)")
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains(path) && outcome.errors.contains("cannot be booted"), "\(outcome.errors)")
            #expect(try shell.value("(Get-VM \(name)).State") == "Off")
            #expect(try shell.value("(Get-VMEvent \(name) | ? Kind -eq StartFailed).Message").contains(path))
        }
        let good = try shell.file("good", TinyKernel.counting.image)
        #expect(try shell.command("Set-VMFirmware short -KernelPath '\(good)'; Start-VM short").status == 0)
        #expect(try shell.value("(Get-VM short).State") == "Running")
    }

    @Test("a kernel that is cut off says so", .enabled(if: BuiltShell.guest != nil, "Scripts/guest-image was not run"))
    func truncated() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let kernel = try Data(contentsOf: URL(fileURLWithPath: #require(BuiltShell.guest) + "/vmlinuz"), options: .alwaysMapped)
        for length in [700, 5000, kernel.count / 2, kernel.count - 4096] {
            let path = try shell.file("cut-\(length)", [UInt8](kernel.prefix(length)))
            let outcome = try shell.command(
                "New-VM c\(length) -NoVHD -MemoryStartupBytes 128MB -KernelPath '\(path)' | Out-Null; Start-VM c\(length)")
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains(path) && outcome.errors.contains("truncated"), "\(length): \(outcome.errors)")
        }
    }

    @Test("an ELF program that is cut off says so")
    func truncatedProgram() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let path = try shell.file("cut", TinyKernel.counting.image.dropLast(2))
        let outcome = try shell.command("New-VM c -NoVHD -MemoryStartupBytes 32MB -KernelPath '\(path)' | Out-Null; Start-VM c")
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("truncated"), "\(outcome.errors)")
    }

    @Test("a ramdisk larger than the memory is refused, also when the memory shrinks later")
    func largeRamdisk() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let ramdisk = try shell.file("ramdisk", [])
        #expect(truncate(ramdisk, 40 << 20) == 0)
        let kernel = try shell.file("kernel", TinyKernel.counting.image)
        let create = "New-VM a -NoVHD -KernelPath '\(kernel)' -InitialRamdiskPath '\(ramdisk)' -MemoryStartupBytes"
        let refused = try shell.command("\(create) 32MB")
        #expect(refused.status == 1)
        #expect(refused.errors.contains("larger than the memory"), "\(refused.errors)")
        #expect(try shell.command("\(create) 64MB").status == 0)
        #expect(truncate(ramdisk, 100 << 20) == 0)
        let late = try shell.command("Start-VM a")
        #expect(late.status == 1)
        #expect(late.errors.contains("larger than the memory"), "\(late.errors)")
        #expect(try shell.value("(Get-VM a).State") == "Off")
    }
}
