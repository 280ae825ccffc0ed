import Foundation
import TestSupport
import Testing

/// Programs and surroundings that must end with a clear error and lose nothing.
@Suite("Bad input", .serialized, .enabled(if: BuiltShell.executable != nil, "lunavisor is not built"))
struct BadInputTests {
    private func run(_ arguments: [String], input: String = "", within seconds: Double = 120) throws -> ForeignProgram.Outcome {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        return try ForeignProgram.run(
            try #require(BuiltShell.executable), ["--store", shell.store.path] + arguments, input: input, within: seconds)
    }

    @Test(
        "Programs that explode are stopped by their memory, not by the host's",
        arguments: [
            "local t = {} while true do t[#t + 1] = ('x'):rep(1 << 20) .. #t end", "local s = 'x' while true do s = s .. s end",
            "local t = {} for i = 1, math.huge do t[i] = i end",
        ])
    func memory(_ program: String) throws {
        let outcome = try run(["--restricted", "-c", program])
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("memory"), "\(outcome.errors.prefix(300))")
    }

    @Test("Endless recursion and endless loops end with an error under --restricted")
    func endless() throws {
        let loop = try run(["--restricted", "-c", "while true do end"])
        #expect(loop.status == 1)
        #expect(loop.errors.contains("instructions"), "\(loop.errors)")
        let recursion = try run(["-c", "local function f() return 1 + f() end f()"])
        #expect(recursion.status == 1)
        #expect(recursion.errors.contains("stack overflow"), "\(recursion.errors.prefix(300))")
        let pattern = try run(["-c", "print(('a'):rep(5000) -match '^(a+)+$b')"])
        #expect(pattern.status == 1)
        let costly = try run(["-c", "$t = ('a'):rep(40); ($t) | Where-Object { $_ -match '^(a+)+$b' }"], within: 60)
        #expect(costly.status == 0 || costly.errors.contains("given up"), "\(costly.errors)")
    }

    @Test(
        "Nesting without end is refused",
        arguments: [
            String(repeating: "(", count: 100_000), "x = " + String(repeating: "{", count: 100_000),
            String(repeating: "do ", count: 100_000),
            "Get-VM | % " + String(repeating: "{ % ", count: 50_000), "x = " + String(repeating: "not ", count: 100_000) + "1",
            "x = " + String(repeating: "1 .. ", count: 100_000) + "1", "Get-VM " + String(repeating: "(Get-VM ", count: 50_000),
            "print \"" + String(repeating: "$(\"", count: 20_000),
        ])
    func nesting(_ program: String) throws {
        let outcome = try run([], input: program)
        #expect(outcome.status == 1, "\(outcome.errors.prefix(300))")
        #expect(outcome.errors.utf8.count < 200_000)
    }

    @Test("Invalid UTF-8 is carried, never fatal")
    func invalidText() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("lunavisor-bytes-\(UUID().uuidString).lua")
        defer { try? FileManager.default.removeItem(at: file) }
        // Lua strings are bytes: what the program writes comes out as it is.
        try (Data("io.write('".utf8) + Data([0xff, 0xfe, 0xc3]) + Data("') -- ".utf8) + Data([0x80, 0xc0]) + Data("\n".utf8)).write(
            to: file)
        #expect(try shell.run([file.path]).status == 0)
        try (Data("Get-VM ".utf8) + Data([0xff, 0xfe, 0x80]) + Data("\n".utf8)).write(to: file)
        let command = try shell.run([file.path])
        #expect(command.status == 1)
        try (Data("x = \u{1F600} ".utf8) + Data([0xff])).write(to: file)
        #expect(try shell.run([file.path]).status == 1)
    }

    @Test("A line of 256 MiB is read and run, or refused; it does not end the program otherwise")
    func hugeLine() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("lunavisor-line-\(UUID().uuidString).lua")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data().write(to: file)
        let handle = try FileHandle(forWritingTo: file)
        try handle.write(contentsOf: Data("print(#'".utf8))
        let block = Data(repeating: 120, count: 1 << 20)
        for _ in 0..<256 { try handle.write(contentsOf: block) }
        try handle.write(contentsOf: Data("')".utf8))
        try handle.close()
        let outcome = try shell.run([file.path])
        #expect(
            outcome.status == 0 && outcome.output == "268435456\n" || outcome.status == 1 && outcome.errors.contains("memory"),
            "\(outcome.status) \(outcome.errors.prefix(300))")
    }

    @Test("A pipe that closes ends the program quietly with 141")
    func closedPipe() throws {
        let shell = try #require(BuiltShell.executable)
        for program in ["while true do print('x') end", "while true do Write-Output 'x' end", "for i = 1, 1e7 do io.write('line\\n') end"] {
            let outcome = try ForeignProgram.run(
                "/bin/bash",
                [
                    "-c", #"set -o pipefail; "$0" --store "$3" -c "$1" | head -n 1; echo "${PIPESTATUS[0]}" "#, shell, program, "",
                    "/tmp/lunavisor-none",
                ], within: 60)
            #expect(outcome.output == "x\n141\n" || outcome.output == "line\n141\n", "\(program): \(outcome.output)")
            #expect(outcome.errors == "", "\(program): \(outcome.errors)")
        }
    }

    @Test("A full disk under redirection is an error with exit code 1", .enabled(if: FileManager.default.fileExists(atPath: "/dev/full")))
    func fullDisk() throws {
        let shell = try #require(BuiltShell.executable)
        for program in ["print('x')", "Write-Output 'x'", "io.write('x')"] {
            let outcome = try ForeignProgram.run(
                "/bin/bash", ["-c", #""$0" --store /tmp/lunavisor-none -c "$1" >/dev/full; echo $?"#, shell, program], within: 60)
            #expect(outcome.output == "1\n", "\(program): \(outcome.output)")
            #expect(outcome.errors.contains("No space left on device"), "\(program): \(outcome.errors)")
        }
        for cmdlet in [
            "'x' .. 1 | Out-File /dev/full", "('x') | Set-Content /dev/full", "('x') | Out-File /dev/full",
            "Export-Csv({ {a = 1} }, '/dev/full')",
        ].dropFirst() {
            let outcome = try run(["-c", cmdlet])
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("No space left on device"), "\(cmdlet): \(outcome.errors)")
        }
    }

    @Test("An object whose machine is gone says so")
    func gone() throws {
        let outcome = try run([
            "-c", "local vm = New-VM gone -NoVHD; Remove-VM gone -Force; print(pcall(function() return vm.State end)); Start-VM $vm",
        ])
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("gone"), "\(outcome.errors)")
    }

    @Test("Objects of a wrong type in a pipeline name what is accepted")
    func wrongObjects() throws {
        let outcome = try run(["-c", "Get-Date | Stop-VM"])
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("Stop-VM") && outcome.errors.contains("DateTime"), "\(outcome.errors)")
    }
}
