import Basics
import Cmdlets
import Glibc
import Management
import Shell
import Testing

/// What Tab offers for a text before the cursor. One after the other with the session's tests: signals belong to the process.
extension SessionTests {
    @Suite("Completion", .serialized)
    struct CompletionTests {
        /// A session over a store with some things in it.
        private struct Bench {
            let store: String
            let session: Session

            init(_ program: String = "") throws {
                var template = Array("/tmp/lunavisor-shell-XXXXXX".utf8CString)
                try #require(mkdtemp(&template) != nil)
                store = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
                let host = VirtualMachineHost(storePath: store, starter: NoWorkers())
                var options = SessionOptions()
                options.isInteractive = true
                session = try Session(host: host, options: options, terminal: TestTerminal())
                let setup = """
                    New-VMSwitch 'lab net' -SwitchType Private | Out-Null; New-VMSwitch lan -SwitchType Internal | Out-Null
                    New-VM web01 -NoVHD -SwitchName lan | Out-Null; New-VM web02 -NoVHD | Out-Null; New-VM 'my vm' -NoVHD | Out-Null
                    Checkpoint-VM web01 before; Checkpoint-VM web02 'after all'
                    vm = Get-VM web01; vms = Get-VM; config = { inner = { deep = 1 }, other = 2 }; _G.vmCount = 3
                    """
                #expect(ProgramRunner.runCommands(setup + "\n" + program, in: session) == 0)
            }

            func clean() { FolderRemoval.remove(store) }

            /// The line as it is with each candidate in place of its word.
            func lines(_ text: String) -> [String] {
                let (start, candidates) = Completer(session: session).candidates(text)
                let before = String(decoding: Array(text.utf8)[..<start], as: UTF8.self)
                return candidates.map { before + $0.text }
            }

            func summary(_ text: String, of label: String) -> String? {
                Completer(session: session).candidates(text).candidates.first { $0.label == label }?.summary()
            }
        }

        private static let cases: [(String, String?)] = [
            // Cmdlets, in any letter case, also behind a pipe, in parentheses, behind a keyword and an assignment.
            ("set-vmproc", "Set-VMProcessor"), ("Get-VM | Suspend", "Get-VM | Suspend-VM"), ("print((Get-VMEven", "print((Get-VMEvent"),
            ("if not Test-VH", "if not Test-VHD"), ("local h = Get-VMEven", "local h = Get-VMEvent"),
            ("x = 1; Get-VMEven", "x = 1; Get-VMEvent"),
            // Parameters and their values.
            ("New-VHD -Differ", "New-VHD -Differencing"), ("Stop-VM web01 -turn", "Stop-VM web01 -TurnOff"),
            ("New-VMSwitch x -SwitchType Pri", "New-VMSwitch x -SwitchType Private"),
            ("New-VMSwitch x -SwitchType:Pri", "New-VMSwitch x -SwitchType:Private"),
            ("Set-VM web01 -CheckpointType ProductionO", "Set-VM web01 -CheckpointType ProductionOnly"),
            ("Stop-VM web01 -Force:$f", "Stop-VM web01 -Force:$false"),
            // Names: virtual machines, switches, adapters, checkpoints, services; quoted where they must be.
            ("Start-VM web01, my", "Start-VM web01, 'my vm'"), ("Start-VM 'my", "Start-VM 'my vm'"),
            ("Start-VM -Name web01, WEB02", "Start-VM -Name web01, web02"), ("Connect-VMNetworkAdapter web01 -SwitchName la", nil),
            ("Connect-VMNetworkAdapter web01 -SwitchName 'lab", "Connect-VMNetworkAdapter web01 -SwitchName 'lab net'"),
            ("Remove-VMSwitch lan", "Remove-VMSwitch lan"),
            ("Get-VMNetworkAdapter web01 -Name Net", "Get-VMNetworkAdapter web01 -Name 'Network Adapter'"),
            ("Restore-VMSnapshot -VMName web01 -Name b", "Restore-VMSnapshot -VMName web01 -Name before"),
            ("Get-VMSnapshot web02 -Name a", "Get-VMSnapshot web02 -Name 'after all'"),
            ("Get-VMIntegrationService web01 -Name Heart", "Get-VMIntegrationService web01 -Name Heartbeat"),
            // Properties of what comes down the pipeline.
            ("Get-VM | Sort-Object Uptim", "Get-VM | Sort-Object Uptime"),
            (
                "Get-VM | Where-Object Name -like x | Select-Object Name, Uptim",
                "Get-VM | Where-Object Name -like x | Select-Object Name, Uptime"
            ),
            ("Get-VM | ? { $_.Uptim", "Get-VM | ? { $_.Uptime"), ("(Get-VM web01).Uptim", "(Get-VM web01).Uptime"),
            // The function form.
            ("New-VM{ Na", "New-VM{ Name = "), ("New-VM{ Name = \"x\", Gen", "New-VM{ Name = \"x\", Generation = "),
            ("Get-VM{ Name = \"web02", "Get-VM{ Name = \"web02\""), ("Start-VM(\"web02", "Start-VM(\"web02\""),
            ("New-VMSwitch{ Name = \"x\", SwitchType = Pri", "New-VMSwitch{ Name = \"x\", SwitchType = \"Private\""),
            // Lua's names and fields, of live objects and of tables.
            ("vmCou", "vmCount"), ("$vmCou", "$vmCount"), ("print(vm.Uptim", "print(vm.Uptime"), ("$vm.Uptim", "$vm.Uptime"),
            ("config.inner.d", "config.inner.deep"), ("string.forma", "string.format"), ("vms[1].Uptim", "vms[1].Uptime"),
            ("vm.NetworkAdapters[1].SwitchNam", "vm.NetworkAdapters[1].SwitchName"), ("Stop-VM $vmCou", "Stop-VM $vmCount"),
            // Words of the shell.
            ("hist", "history"), ("help about_lang", "help about_Language"),
        ]

        @Test("one thing to choose is completed")
        func single() throws {
            let bench = try Bench()
            defer { bench.clean() }
            for (text, completed) in Self.cases {
                let lines = bench.lines(text)
                if let completed {
                    #expect(lines == [completed], "\(text) → \(lines)")
                } else {
                    #expect(lines.count > 1, "\(text) → \(lines)")
                }
            }
        }

        @Test("parameters that are given, or that go with none of those, are not offered")
        func parameters() throws {
            let bench = try Bench()
            defer { bench.clean() }
            let rest = bench.lines("New-VHD x.vhdx -Fixed -SizeBytes 1GB -")
            #expect(!rest.contains { $0.hasSuffix("-Fixed") || $0.hasSuffix("-SizeBytes") || $0.hasSuffix("-ParentPath") }, "\(rest)")
            #expect(rest.contains { $0.hasSuffix("-BlockSizeBytes") })
            #expect(bench.lines("Get-VM web01 -Id").isEmpty == false)
            // An alias counts as its parameter.
            #expect(!bench.lines("Get-VM -VMName web01 -").contains { $0.hasSuffix("-Name") })
            #expect(!bench.lines("Get-VM -").contains { $0.hasSuffix("-Verbose") } && bench.lines("Get-VM -Verb") == ["Get-VM -Verbose"])
            // Nothing typed: what may be given.
            #expect(bench.lines("Get-VMHost ").contains("Get-VMHost -ComputerName"))
        }

        @Test("variables of the environment, verbs and nouns, comparisons and what they ask for")
        func words() throws {
            let bench = try Bench("$env:LUNAVISOR_TAB_TEST = 'x'")
            defer { bench.clean() }
            #expect(bench.lines("print($env:LUNAVISOR_TAB") == ["print($env:LUNAVISOR_TAB_TEST"])
            #expect(bench.lines("Get-Command -Verb ").contains("Get-Command -Verb Checkpoint"))
            #expect(bench.lines("Get-Command -Noun VMSn").contains("Get-Command -Noun VMSnapshot"))
            let states = bench.lines("Get-VM | ? State -eq ")
            #expect(states.contains("Get-VM | ? State -eq Running") && states.contains("Get-VM | ? State -eq Off"), "\(states)")
            #expect(bench.lines("Get-VM | ? State -eq Runn") == ["Get-VM | ? State -eq Running"])
            #expect(bench.lines("Get-VM | ? { $_.State -eq Runn") == ["Get-VM | ? { $_.State -eq \"Running\""])
            #expect(bench.lines("Get-VM | ? { $_.State -ne 'Runn") == ["Get-VM | ? { $_.State -ne 'Running'"])
            #expect(bench.lines("Get-VM | ? { $_.CPUUsage -gt 5 -and $_.State -eq ").contains(where: { $0.hasSuffix("\"Off\"") }))
            #expect(bench.lines("Get-VM | ? { $_.State -notm") == ["Get-VM | ? { $_.State -notmatch"])
            #expect(bench.summary("Get-VM | ? { $_.State -e", of: "-eq") == "true when the left side equals the value")
            #expect(bench.summary("Get-VM | ? State -e", of: "-EQ")?.contains("equals the value") == true)
            #expect(bench.summary("help about_er", of: "about_Errors")?.isEmpty == false)
            // A value without a name is its parameter's.
            #expect(!bench.lines("Stop-VM web01 -").contains("Stop-VM web01 -Name"))
            #expect(bench.lines("Stop-VM web01 -").contains("Stop-VM web01 -TurnOff"))
        }

        @Test("each candidate says what it is")
        func summaries() throws {
            let bench = try Bench()
            defer { bench.clean() }
            #expect(bench.summary("Get-V", of: "Get-VM")?.contains("virtual machines") == true)
            #expect(bench.summary("Get-VM -", of: "-Name")?.contains("virtual machine") == true)
            #expect(bench.summary("Start-VM ", of: "web01")?.hasPrefix("Off") == true)
            #expect(bench.summary("vm.", of: "State")?.isEmpty == false)
            #expect(bench.summary("Set-VM web01 -AutomaticStopAction ", of: "Save") == "saves its state")
            #expect(bench.summary("New-VMSwitch a -SwitchType ", of: "Private") == "guests only")
            #expect(bench.summary("Get-VM | ? { $_.State -eq ", of: "Saved") == "its state lies in a file")
            // Where the word says it all, what the parameter is for.
            #expect(bench.summary("Write-Host x -ForegroundColor ", of: "Red")?.isEmpty == false)
            #expect(bench.summary("Restore-VMSnapshot -Name ", of: "before")?.contains("of web01") == true)
        }

        @Test("paths are completed, and never made from another file's name")
        func paths() throws {
            let bench = try Bench()
            defer { bench.clean() }
            let folder = bench.store + "/files"
            mkdir(folder, 0o700)
            mkdir(folder + "/inner", 0o700)
            for name in ["disk one.vhdx", "plain.vhdx", ".hidden"] { fclose(fopen("\(folder)/\(name)", "w")) }
            #expect(bench.lines("Get-VHD \(folder)/pl") == ["Get-VHD \(folder)/plain.vhdx"])
            #expect(bench.lines("Get-VHD \(folder)/di") == ["Get-VHD '\(folder)/disk one.vhdx'"])
            #expect(bench.lines("Get-VHD -Path \(folder)/in") == ["Get-VHD -Path \(folder)/inner/"])
            #expect(bench.lines("io.open(\"\(folder)/pl") == ["io.open(\"\(folder)/plain.vhdx\""])
            #expect(bench.lines("Get-VHD \(folder)/").count == 3)
            #expect(bench.lines("Get-VHD \(folder)/.h") == ["Get-VHD \(folder)/.hidden"])
        }

        @Test("nothing that can be typed traps it")
        func soup() throws {
            let bench = try Bench()
            defer { bench.clean() }
            var generator = SystemRandomNumberGenerator()
            let pieces = [
                "Get-VM", "New-VM", " ", "  ", "{", "}", "(", ")", "|", ";", ",", "=", "\"", "'", "$_", "$vm", ".", ":", "-", "-Name", "--",
                "\n", "\\",
                "ä", "🙂", "vm", "@", "[", "]", "1", "if ", "in ", "\t", "/", "~/",
            ]
            for _ in 0..<3000 {
                let text = (0..<Int.random(in: 0...12, using: &generator)).map { _ in pieces.randomElement(using: &generator) ?? "" }
                    .joined()
                let (start, _) = Completer(session: bench.session).candidates(text)
                #expect((0...text.utf8.count).contains(start), "\(text)")
            }
        }
    }
}
