import Cmdlets
import Foundation
import Glibc
import Management
import Shell
import Synchronization
import Testing

/// A terminal that keeps what is written.
final class TestTerminal: Terminal {
    private let texts = Mutex((output: "", host: "", error: ""))

    var isInteractive: Bool { false }
    var width: Int? { nil }
    var output: String { texts.withLock { $0.output } }
    var host: String { texts.withLock { $0.host } }
    var error: String { texts.withLock { $0.error } }
    func writeOutput(_ text: String) { texts.withLock { $0.output += text } }
    func write(_ text: String) { texts.withLock { $0.host += text } }
    func writeError(_ text: String) { texts.withLock { $0.error += text } }
    func ask(_ question: String, choices: [(key: Character, meaning: String)]) -> Character? { nil }
    func progress(_ activity: String, fraction: Double?) {}
    func raw(_ body: (_ readByte: (_ timeoutMilliseconds: Int32) -> UInt8?) throws -> Void) throws {}
}

/// Starts nothing: these tests need inventories, not machines.
struct NoWorkers: WorkerStarter {
    func start(_ launch: WorkerLaunch) throws -> Int32 { throw ErrorRecord("There are no workers here.", "NoWorkers", .notImplemented) }
}

/// What one program did.
struct Trial {
    var code: Int32
    var output: String
    var error: String
    /// What Write-Host and its kin wrote.
    var host = ""

    /// Runs a program in a session over an empty store of its own.
    static func run(_ program: String, options: SessionOptions = SessionOptions()) throws -> Trial {
        var template = Array("/tmp/lunavisor-shell-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let store = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { FolderRemoval.remove(store) }
        let terminal = TestTerminal()
        let host = VirtualMachineHost(storePath: store, starter: NoWorkers())
        let session = try Session(host: host, options: options, terminal: terminal)
        let code = ProgramRunner.runCommands(program, in: session)
        return Trial(code: code, output: terminal.output, error: terminal.error, host: terminal.host)
    }

    /// Does something in a session over an empty store of its own.
    static func inSession<Result>(options: SessionOptions, _ body: (Session) throws -> Result) throws -> Result {
        var template = Array("/tmp/lunavisor-shell-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let store = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { FolderRemoval.remove(store) }
        let host = VirtualMachineHost(storePath: store, starter: NoWorkers())
        return try body(try Session(host: host, options: options, terminal: TestTerminal()))
    }
}

// One after the other: the signal handlers belong to the process.
@Suite("Session", .serialized)
struct SessionTests {
    private static let two =
        "New-VM -Name web1 -NoVHD -MemoryStartupBytes 64MB | Out-Null; New-VM -Name web2 -NoVHD -MemoryStartupBytes 128MB | Out-Null\n"

    @Test("A script's modules may lie beside it, and are translated")
    func moduleBesideScript() throws {
        var template = Array("/tmp/lunavisor-shell-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { FolderRemoval.remove(folder) }
        try "return { size = 2KB, count = #(Get-VM) }".write(toFile: folder + "/beside.lua", atomically: true, encoding: .utf8)
        var options = SessionOptions()
        options.scriptName = folder + "/script.lua"
        let trial = try Trial.run("local beside = require 'beside'; print(beside.size, beside.count)", options: options)
        #expect(trial.output == "2048\t0\n", "\(trial.error)")
    }

    @Test(
        "Programs print what they should",
        arguments: [
            ("print(1, nil, true, 1.5, 'x')", "1\tnil\ttrue\t1.5\tx\n"),
            ("print(1KB, 1.5MB, 4GB/2)", "1024\t1572864\t2147483648.0\n"),
            (
                "local v = Get-VM web1; print(v, v.name, v == Get-VM('WEB1'), ({[v]=1})[Get-VM('web1')], #v, v[1], v.Count)",
                "web1\tweb1\ttrue\t1\t1\tweb1\t1\n"
            ),
            ("print(Get-VM('web*').Name, #Get-VM(), Get-VM().Count, (Get-VM)[1], (Get-VM)[9])", "web1 web2\t2\t2\tweb1\tnil\n"),
            ("print(#(Get-VM nope*), Get-VM('nope', {EA='SilentlyContinue'}))", "0\tnil\n"),
            (
                "for v in Get-VM web* do print(v) end for i, v in $t do print(i) end t = {7, 8} for i, v in $t do print(i, v) end",
                "web1\nweb2\n1\t7\n2\t8\n"
            ),
            ("if Get-VM nope* then print(1) else print(2) end if not Get-VM nope* then print(3) end while Get-VM nope* do end", "2\n3\n"),
            (
                "print((Get-VM):Where(function(v) return v.Name == 'web2' end)[1], (Get-VM):First(), (Get-VM):Last(1)[1], (Get-VM):ForEach(function(v) return v.Name end))",
                "web2\tweb1\tweb2\tweb1 web2\n"
            ),
            (
                "print((Get-VM | ? { $_.Name -like '*2' -and $_.Generation -eq 2 }).Name, (Get-VM | ? Name -match 'B1$').Name)",
                "web2\tweb1\n"
            ),
            (
                "x = (Get-VM web1 | Select-Object Name, @{n='MB'; e={ $_.MemoryStartup/1MB }}); print(x.Name, x.mb, x)",
                "web1\t64.0\t@{Name=web1; MB=64.0}\n"
            ),
            ("print(Get-VM | Select-Object -First 1)", "web1\n"),
            // null of JSON keeps its place and counts.
            (
                "local l = ConvertFrom-Json '[1,null,{}]'; print(#l, l[1], l[2], l.Count, ConvertTo-Json(l, {Compress = true}))",
                "3\t1\tnil\t3\t[1,null,{}]\n"
            ),
            (
                "local l = ConvertFrom-Json '[null,2,null]'; print(#l, (ConvertTo-Json $l -Compress)); for i, v in $l do print(i, v) end for v in $l do print(v) end l[4] = 5 print(#l)",
                "3\t[null,2,null]\n1\tnil\n2\t2\n3\tnil\n2\n4\n"
            ),
            (
                "local r = ConvertFrom-Json '{\"a\":[null,{\"b\":null}]}'; print(#r.a, r.a[2].b, (ConvertTo-Json $r -Compress))",
                "2\tnil\t{\"a\":[null,{\"b\":null}]}\n"
            ),
            (
                "$f = Get-VMSystemSwitchExtensionPortFeature -FeatureName 'Ethernet Switch Port Security Settings'; $f.SettingData.EnableDhcpGuard = $true; Add-VMSwitchExtensionPortFeature web1 -VMSwitchExtensionFeature $f; print((Get-VMNetworkAdapter web1).DhcpGuard[1], #(Get-VMSwitchExtensionPortFeature web1))",
                "On\t1\n"
            ),
            (
                "local l = Get-VMSystemSwitchExtensionPortFeature; print(try(function() l.Name = 'x' end, function(e) return e.FullyQualifiedErrorId end))",
                "ListAssigned\n"
            ),
            ("try(function() try(5) end, function(e) print(e) end)", "-c:2: `try` takes functions.\n"),
            ("try(function() try(function() end, 5) end, function(e) print(e.FullyQualifiedErrorId) end)", "TryNeedsFunctions\n"),
            (
                "print((Get-VM | ? { $_.Name -in 'web2', 'web3' }).Name, #(Get-VM | ? { $_.Name -notin 'WEB1','web2' -or $_.Name -cin 'WEB1', 'x' }))",
                "web2\t0\n"
            ),
            ("Get-VM | % { print($_.Name -in 'web1', 'web2') }", "true\tweb2\nfalse\tweb2\n"),
            (
                "local p = { Name = 'web1' }; print((Get-VM @p).Name, Get-VM(p).Name, Get-VM{ Name = 'web2' }.Name, #Get-VM({'web1', 'web2'}))",
                "web1\tweb1\tweb2\t2\n"
            ),
            (
                "local n = 5; print(try(function() Get-VM @n end, function(e) return e.FullyQualifiedErrorId end))", "SplatNotTable\n"
            ),
            ("print(try(function() Get_VM(5) end, function(e) return e.FullyQualifiedErrorId end))", "VMNotFound\n"),
            (
                "print(try(function() Get-VM nope end, function(e) return e.FullyQualifiedErrorId, e.Category, e.Exception == e end))",
                "VMNotFound\tObjectNotFound\ttrue\n"
            ),
            ("print(pcall(Get_VM, 'nope'))", "false\t-c:2: There is no VM “nope” in this store.\n"),
            ("try(function() error('a') end, function(e) print(e.Message, e) end, function() print('f') end)", "a\t-c:2: a\nf\n"),
            ("print(pcall(try, function() error({1}) end, function(e) error(e) end))", nil),
            (
                "local d = Get-Date; print(d.AddDays(-1) < d, d:AddDays(1) - d, d.AddHours(2).ToString('HH') ~= d.ToString('HH'), (d - d.AddMinutes(-1)).TotalSeconds)",
                "true\t1.00:00:00\ttrue\t60.0\n"
            ),
            ("local u = (Get-VM web1).Uptime; print(u, u < 5, u == u, u + u)", "00:00:00\ttrue\ttrue\t00:00:00\n"),
            (
                "print(load('return (Get-VM web1).Name, ...')(5), load('return x', 'c', 't', {x = 5})(), load('return (Get-VM web1).Name .. y', 'c', 't', {y = '!'})())",
                "web1\t5\tweb1!\n"
            ),
            // Only a file may begin with a line for the system; the search path is judged before it is searched.
            ("print(load('#! /bin/x\\nreturn 1') == nil, load('#=1', 'c'))", "true\tnil\t[string \"c\"]:1: unexpected symbol near '#'\n"),
            ("package.path = {}; print(select(2, pcall(require, 'x')))", "'package.path' must be a string\n"),
            ("local _ENV = {print = print}; print((Get-VM web1).Name)", "web1\n"),
            (
                "Get-VM nope -EA SilentlyContinue -ErrorVariable e; Get-VM web1 -OutVariable o | Out-Null; print(#e, o[1], #$Error, $Error[1].Message)",
                "1\tweb1\t1\tThere is no VM “nope” in this store.\n"
            ),
            ("$ErrorActionPreference = 'continue'; Get-VM nope; print($ErrorActionPreference)", "Continue\n"),
            ("$env:LV_X = 'a'; print($env:LV_X, \"$env:LV_X\"); Get-VM | Out-Null; $null = 5; $null, y = 1, 2; print($null, y)", nil),
            ("goto done; Get-VM web1; do local z = 1 end ::done:: print('end')", "end\n"),
            ("local r = {} for k, v in pairs(Get-VM web1) do r[k] = v end print(r.Name, r.Generation)", "web1\t2\n"),
            ("print((Get-VM web1) .. '!', 'n: ' .. Get-VM('web2'))", "web1!\tn: web2\n"),
            (
                "local co = coroutine.wrap(function() for v in Get-VM do coroutine.yield(v.Name) end end) print(co(), co(), (co()))",
                "web1\tweb2\tnil\n"
            ),
            ("print(debug.traceback and select('#', Get-VM('web1')))", "1\n"),
        ] as [(String, String?)])
    func programs(_ program: String, _ expected: String?) throws {
        let trial = try Trial.run(Self.two + program)
        if let expected {
            #expect(trial.output == expected)
            #expect(trial.code == 0, "\(trial.error)")
        } else {
            #expect(!trial.output.isEmpty)
        }
    }

    @Test(
        "Mistakes name what was wrong and what to write",
        arguments: [
            ("Get-VM nope", "-c:2: There is no VM “nope”"), ("\n\nerror('x')", "-c:4: x"), ("x = = 1", "-c:2: unexpected symbol near '='"),
            ("local VMName = 'a'; Get-VM $vmname", "Did you mean “VMName”"), ("Get-VM(nil)", "has no value (nil)"),
            ("Get-VM{ Name = zz }", "“zz” has no value"),
            ("Get-VM -Naem x", "Did you mean -Name"), ("Gett-VM x", "Did you mean Get-VM"), ("x = Gett-VM", "Did you mean Get-VM"),
            ("Get-VMM x", "no cmdlet “Get-VMM”"), ("print((Get-VM web1).Stat)", "Did you mean State"),
            ("x = Get-VM web1; x.Name = 'b'", "Rename-VM"),
            ("x = Get-VM; x.Where(print)", "Write a colon"), ("x = Get-VM; print(x[0])", "count from 1"),
            ("vms = Get-VM; for v in vms do end", "$vms"),
            ("Remove-VM web1", "-Force"), ("if (1 -eq 1) { }", "if … then … end"), ("foreach ($v in Get-VM) { }", "for vm in $vms do"),
            ("try { Get-VM }", "try(function()"), ("for i in 1..5 | Get-VM do end", "for i = 1, 5"), ("x += 1", "x = x + 1"),
            ("Get-VM | % { print($_); $_ }", "return"),
            ("print(\"a\"); New-VM -Name \"x$nothing\" -NoVHD", "`$nothing`"), ("local a = {}; print(Get-VM(a, {Name = nil}).x)", nil),
            ("print(load('x = = 1'))\nerror({code = 1})", "table:"), ("$ErrorActionPreference = 'foo'", "SilentlyContinue"),
        ] as [(String, String?)])
    func mistakes(_ program: String, _ expected: String?) throws {
        let trial = try Trial.run(Self.two + program)
        guard let expected else { return }
        #expect(trial.error.contains(expected), "\(trial.error)")
        #expect(trial.code == 1)
    }

    @Test("Shown results keep their shape as JSON")
    func json() throws {
        var options = SessionOptions()
        options.outputFormat = .json
        let trial = try Trial.run(
            Self.two + "Get-VM web1 | Select-Object Name; Get-VM web* | Select-Object Name; print('p'); Get-VM no* | Select-Object Name",
            options: options)
        #expect(trial.output == "{\"Name\":\"web1\"}\n[{\"Name\":\"web1\"},{\"Name\":\"web2\"}]\np\n[]\n")
    }

    @Test(
        "Exit codes",
        arguments: [
            ("os.exit(7)", 7), ("os.exit(true)", 0), ("os.exit(false)", 1), ("pcall(os.exit, 5); print(1)", 5), ("error('x')", 1), ("", 0),
        ])
    func exitCodes(_ program: String, _ code: Int32) throws {
        let trial = try Trial.run(program)
        #expect(trial.code == code)
        #expect(trial.output == "")
    }

    @Test("finally runs on the way of os.exit")
    func finallyOnExit() throws {
        let trial = try Trial.run(
            "try(function() os.exit(3) end, function() print('catch') end, function() for i = 1, 1e6 do end print('finally') end)")
        #expect(trial.code == 3)
        #expect(trial.output == "finally\n")
    }

    @Test(
        "An interrupt stops every loop; cleanup runs",
        arguments: [
            "while true do end", "while true do pcall(function() while true do end end) end",
            "local co = coroutine.wrap(function() while true do pcall(function() while true do end end) end end) co()",
            "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
            "while true do xpcall(function() while true do end end, function(m) return m end) end", "Start-Sleep 60",
            "while true do pcall(Start_Sleep, 60) end",
            "while true do setmetatable({}, {__gc = function() for i = 1, 1e4 do end end}) end",
            "Get-VM | ForEach-Object { while true do end }; while true do end",
        ])
    func interrupts(_ loop: String) throws {
        // The program raises the signal itself, so that nothing depends on time.
        let trial = try Trial.run(
            "try(function() io.popen('kill -INT $PPID'):close() \(loop) end, function() print('catch') end, function() for i = 1, 1e6 do end print('finally') end)"
        )
        #expect(trial.code == 130)
        #expect(trial.output == "finally\n")
    }

    @Test("<close> runs during an interrupt")
    func closeOnInterrupt() throws {
        let trial = try Trial.run(
            "local x <close> = setmetatable({}, {__close = function() for i = 1, 1e6 do end print('closed') end}) io.popen('kill -INT $PPID'):close() while true do end"
        )
        #expect(trial.code == 130)
        #expect(trial.output == "closed\n")
    }

    @Test("A script that wants too much memory fails, and the next one runs")
    func memory() throws {
        var options = SessionOptions()
        options.memoryLimit = 16 << 20
        let trial = try Trial.run(
            "print(pcall(function() local t = {} while true do t[#t + 1] = ('x'):rep(1e5) .. #t end end)); print(#Get-VM()); t = {} while true do t[#t + 1] = Get-Date end",
            options: options)
        #expect(trial.output == "false\tnot enough memory\n0\n")
        #expect(trial.error.contains("not enough memory"))
        #expect(trial.code == 1)
    }

    @Test(
        "Under a tight memory cap calls of every kind fail with an error, and the session goes on",
        arguments: Array(stride(from: 200, through: 1400, by: 100)))
    func tightMemory(_ kilobytes: Int) throws {
        var options = SessionOptions()
        options.memoryLimit = kilobytes << 10
        let program = """
            -- Everything that allocates stands inside a protected call; what runs between them needs no memory.
            local kept, failures, calls, first, i = {}, 0, 0, nil, 0
            local bodies = {
                function() kept[#kept + 1] = (Get-Date) end,
                function() kept[#kept + 1] = Get-VM() end,
                function() kept[#kept + 1] = { pcall(Get_VM, 'nope' .. i) } end,
                function() kept[#kept + 1] = (Get-Date | Select-Object Year) end,
                function() kept[#kept + 1] = assert(load('return Get-VM ' .. ('x'):rep(200) .. i .. ' -EA Ignore')) end,
            }
            while failures <= 200 and i < 20000 do
                i = i + 1
                for k = 1, 5 do
                    local good, problem = pcall(bodies[k])
                    calls = calls + 1
                    if not good then
                        failures = failures + 1
                        first = first or problem
                    end
                end
            end
            kept = nil
            collectgarbage()
            print(tostring(first))
            print(failures > 200, calls > failures, #Get-VM(), (Get-Date).Year > 2000)
            """
        let trial = try Trial.run(program, options: options)
        let lines = trial.output.split(separator: "\n").map(String.init)
        #expect(lines.first?.contains("memory") ?? false, "\(lines) \(trial.error)")
        #expect(lines.last == "true\ttrue\t0\ttrue", "\(lines) \(trial.error)")
        #expect(trial.code == 0, "\(trial.error)")
    }

    @Test("Keeping many results costs no more for each than keeping few")
    func collectorPauses() throws {
        func seconds(_ count: Int) throws -> Double {
            let trial = try Trial.run(
                "local start, t = os.clock(), {} for i = 1, \(count) do t[i] = Get-Date end print(os.clock() - start)")
            return try #require(Double(trial.output.dropLast()))
        }
        // Eight times as many: linear cost gives 8, quadratic 64. os.clock counts processor time, so a busy machine does not matter.
        #expect(try seconds(32_000) / seconds(4_000) < 24)
    }

    @Test("Finalizers that call cmdlets do not disturb results")
    func finalizers() throws {
        let program = """
            local calls = 0
            local function litter() setmetatable({}, {__gc = function() calls = calls + #tostring((Get-VM web1).Name) end}) end
            collectgarbage("setpause", 0)
            for i = 1, 3000 do
                litter()
                local v, list = (Get-VM web1), (Get-VM | Select-Object Name, Generation)
                if v.Name ~= "web1" or list[2].Name ~= "web2" or list[1].Generation ~= 2 then error("round " .. i) end
            end
            print(calls > 0)
            """
        let trial = try Trial.run(Self.two + program)
        #expect(trial.output == "true\n", "\(trial.error)")
    }

    @Test("Where-Object compares a property with $null; a variable that has no value is an error still")
    func whereNull() throws {
        let list = "ConvertFrom-Json '[{\"A\":1,\"N\":\"one\"},{\"A\":null,\"N\":\"none\"}]' | "
        for (test, wanted) in [("-eq $null", "none"), ("-Value $null -EQ", "none"), ("-ne $null", "one")] {
            let trial = try Trial.run(list + "Where-Object A \(test) | ForEach-Object { print($_.N) }")
            #expect(trial.output == wanted + "\n", "\(test): \(trial.error)")
        }
        let trial = try Trial.run(list + "Where-Object A -eq $nothing")
        #expect(trial.error.contains("has no value (nil)"), "\(trial.error)")
    }

    @Test("Habits of PowerShell are answered with our words")
    func habits() throws {
        for (line, wanted) in [
            ("throw \"x\"", "error(\"x\")"), ("throw $x", "error(\"x\")"), ("Get-VM none -EA 0", "Write SilentlyContinue for 0."),
            ("Get-VM none -ErrorAction 4", "Write Ignore for 4."),
        ] {
            let trial = try Trial.run(line)
            #expect(trial.code == 1 && trial.error.contains(wanted), "\(line): \(trial.error)")
        }
        for call in ["$Error.Clear()", "$Error:Clear()", "local list = $Error; list.Clear(); print(#list)"] {
            let trial = try Trial.run("Get-VM none -ErrorAction SilentlyContinue\nprint(#$Error)\n\(call)\nprint(#$Error)")
            #expect(trial.output.hasPrefix("1\n") && trial.output.hasSuffix("0\n"), "\(call): \(trial.output)\(trial.error)")
        }
    }

    @Test("Restricted mode")
    func restricted() throws {
        var options = SessionOptions()
        options.isRestricted = true
        let trial = try Trial.run(
            "print(io, os.execute, os.remove, package.loadlib, debug.sethook, debug.getinfo ~= nil, os.getenv ~= nil)", options: options)
        #expect(trial.output == "nil\tnil\tnil\tnil\tnil\ttrue\ttrue\n")
        #expect(try Trial.run("while true do end", options: options).code == 1)
        let finalizer = try Trial.run("setmetatable({}, {__gc = function() end})", options: options)
        #expect(finalizer.code == 1 && finalizer.error.contains("--restricted forbids __gc"), "\(finalizer.error)")
        #expect(try Trial.run("print(setmetatable({}, {__index = {a = 1}}).a)", options: options).output == "1\n")
    }

    @Test("Restricted mode keeps cmdlets that write, delete and attach in the store and the script's folder")
    func restrictedPaths() throws {
        var options = SessionOptions()
        options.isRestricted = true
        options.scriptName = "/nonexistent-lunavisor-scripts/test.lua"
        for call in [
            "New-VHD /tmp/lunavisor-restricted.vhdx 8MB", "Merge-VHD /tmp/lunavisor-restricted.vhdx -Force",
            "Convert-VHD /nonexistent-lunavisor-scripts/../tmp/a.vhd b.vhdx", "Get-Date | Out-File /tmp/lunavisor-restricted.txt",
            "Start-VMTrace Error", "New-VHDSnapshot /tmp/lunavisor-restricted.vhds",
        ] {
            let trial = try Trial.run(call, options: options)
            #expect(trial.code == 1 && trial.error.contains("--restricted forbids"), "\(call): \(trial.error)")
        }
        let within = try Trial.run("New-VHD /nonexistent-lunavisor-scripts/a.vhdx 8MB", options: options)
        #expect(within.code == 1 && !within.error.contains("--restricted forbids"), "\(within.error)")
    }

    @Test("Globals are Lua's, the cmdlets', try, cmdlet and param")
    func globals() throws {
        let standard: Set<String> = [
            "_G", "_VERSION", "assert", "collectgarbage", "coroutine", "debug", "dofile", "error", "getmetatable", "io", "ipairs", "load",
            "loadfile",
            "math", "next", "os", "package", "pairs", "pcall", "print", "rawequal", "rawget", "rawlen", "rawset", "require", "select",
            "setmetatable",
            "string", "table", "tonumber", "tostring", "type", "utf8", "warn", "xpcall", "try", "cmdlet", "param",
        ]
        let trial = try Trial.run("for k in pairs(_G) do print(k) end")
        let cmdlets = Set(Catalogue().all.map { $0.name.replacing("-", with: "_") })
        #expect(Set(trial.output.split(separator: "\n").map(String.init)) == standard.union(cmdlets))
    }
}
