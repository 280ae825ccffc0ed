import Foundation
import TestSupport
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// `lunavisor test` as a build server uses it.
@Suite("Scenario runner", .enabled(if: BuiltShell.executable != nil, "lunavisor is not built"))
struct ScenarioRunnerTests {
    /// Runs `lunavisor test` over files written for it; results lie beside them.
    private func run(
        _ arguments: [String], _ files: [String: String], in shell: BuiltShell, environment: [String: String] = [:]
    ) throws -> ForeignProgram.Outcome {
        let paths = try files.sorted { $0.key < $1.key }.map { try shell.file($0.key, Array($0.value.utf8)) }
        return try shell.run(["test"] + arguments + paths, environment: environment)
    }

    private func contents(_ shell: BuiltShell, _ name: String) throws -> String {
        try String(contentsOf: shell.store.appendingPathComponent("test-files/" + name), encoding: .utf8)
    }

    private static let mixed = """
        describe("sums", function()
            it("adds #quick", function() assert.are.equal(4, 2 + 2) end)
            it("subtracts #slow", function() assert.are.equal(1, 3 - 2) end)
            it("fails", function()
                New-VM left -NoVHD
                assert.are.equal("expected <one>", "passed in")
            end)
            pending("waits", "nobody wrote it")
            it("gives up", function() pending("no guest") end)
        end)
        """

    @Test("passes, failures and skips are told apart; a failure says both values, the line, the events and how to run it again")
    func report() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let keep = shell.store.appendingPathComponent("kept").path
        let outcome = try run(["--seed", "11", "--keep", keep], ["mixed.lua": Self.mixed], in: shell)
        #expect(outcome.status == 1)
        let path = shell.store.appendingPathComponent("test-files/mixed.lua").path
        for text in [
            "pass  sums adds #quick", "FAIL  sums fails", "skip  sums waits: nobody wrote it", "skip  sums gives up: no guest",
            "\(path):6:", "expected <one>", "passed in", "> assert.are.equal(\"expected <one>\", \"passed in\")", "events of left:",
            "Created by", "seed 11", "2 passed, 1 failed, 2 pending",
        ] { #expect(outcome.output.contains(text), "\(text) in\n\(outcome.output)") }
        let again = try #require(outcome.output.split(separator: "\n").first { $0.contains("to run it again: lunavisor test") })
        #expect(again.hasSuffix("test --seed 11 --filter 'sums fails' \(path)"))
        let once = try shell.run(["test", "--seed", "11", "--filter", "sums fails", path])
        #expect(once.output.contains("0 passed, 1 failed, 0 pending"), "\(once.output)")
        // The events of the failed case are kept.
        let folders = try FileManager.default.subpathsOfDirectory(atPath: keep)
        #expect(folders.contains { $0.hasSuffix("/1/left.events") } && folders.contains { $0.hasSuffix("/1/failure.txt") }, "\(folders)")
    }

    @Test("a setup that is pending leaves out all cases of its group, with its reason, and no other")
    func pendingGroup() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let text = """
            describe("apart", function()
                setup(function() pending("no network") end)
                setup(function() error("made ready for nothing") end)
                teardown(function() error("nothing is there to go") end)
                it("sends", function() error("it ran") end)
                pending("counts", "nobody wrote it")
                describe("deep", function()
                    setup(function() error("it was made ready") end)
                    it("receives", function() error("it ran") end)
                end)
            end)
            describe("beside", function() it("runs", function() end) end)
            """
        let outcome = try run([], ["apart.lua": text], in: shell)
        #expect(outcome.status == 0)
        for text in [
            "skip  apart sends: no network", "skip  apart counts: nobody wrote it", "skip  apart deep receives: no network",
            "pass  beside runs", "1 passed, 0 failed, 3 pending",
        ] { #expect(outcome.output.contains(text), "\(text) in\n\(outcome.output)") }
        let one = try run(["--filter", "deep"], ["apart.lua": text], in: shell)
        #expect(one.output.contains("0 passed, 0 failed, 1 pending"), "\(one.output)")
    }

    @Test("tags, a filter and a list choose cases; nothing chosen is exit code 2")
    func choice() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let files = ["mixed.lua": Self.mixed]
        let quick = try run(["--tag", "quick"], files, in: shell)
        #expect(quick.status == 0 && quick.output.contains("1 passed, 0 failed, 0 pending"), "\(quick.output)")
        let both = try run(["--tag", "quick", "--tag", "slow"], files, in: shell)
        #expect(both.output.contains("2 passed, 0 failed"), "\(both.output)")
        let matched = try run(["--filter", "^sums (adds|waits)"], files, in: shell)
        #expect(matched.status == 0 && matched.output.contains("1 passed, 0 failed, 1 pending"), "\(matched.output)")
        let list = try run(["--list"], files, in: shell)
        #expect(list.status == 0 && list.output.contains("  sums fails\n") && list.output.contains("5 cases"), "\(list.output)")
        #expect(try run(["--filter", "nothing like it"], files, in: shell).status == 2)
        #expect(try shell.run(["test"]).status == 2)
        #expect(try shell.run(["test", "--jobs", "0", "x.lua"]).status == 2)
        #expect(try shell.run(["test", "--tapp", "x.lua"]).status == 2)
    }

    @Test("what cannot be loaded, ends its process, or leaves by os.exit is a failure and stops no other file")
    func broken() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let good = "describe('g', function() it('runs', function() end) end)"
        let files = [
            "a.lua": "describe('x', function(", "b.lua": "describe('x', function() it('leaves', function() os.exit(0) end) end)",
            "c.lua": "describe('x', function() it('dies', function() os.execute('kill -9 $PPID') end) end)", "d.lua": good,
        ]
        for jobs in ["1", "3"] {
            let outcome = try run(["--jobs", jobs], files, in: shell)
            #expect(outcome.status == 1)
            #expect(outcome.output.contains("1 passed, 3 failed"), "\(outcome.output)")
            #expect(outcome.output.contains("FAIL  x dies") && outcome.output.contains("signal 9"), "\(outcome.output)")
        }
        #expect(try shell.run(["test", "/nowhere/x.lua"]).status == 1)
    }

    @Test("files run at once with --jobs: two that wait for each other both pass")
    func jobs() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let folder = shell.store.appendingPathComponent("meet").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        func meets(_ own: String, _ other: String) -> String {
            """
            describe("\(own)", function() it("meets the other", function()
                io.open("\(folder)/\(own)", "w"):close()
                for _ = 1, 200 do
                    if Test-Path "\(folder)/\(other)" then print("met \(other)") return end
                    Start-Sleep(0.05)
                end
                error("alone")
            end) end)
            """
        }
        let outcome = try run(["--jobs", "2"], ["one.lua": meets("one", "two"), "two.lua": meets("two", "one")], in: shell)
        #expect(outcome.status == 0, "\(outcome.output)\n\(outcome.errors)")
        #expect(outcome.output.contains("    met one\n") && outcome.output.contains("    met two\n"), "\(outcome.output)")
    }

    @Test("a seed makes a case draw the same numbers, alone and with others; --repeat runs a file again with another")
    func seeds() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let text = """
            describe("draws", function()
                it("first", function() print("first", math.random(1 << 40)) end)
                it("second", function() print("second", math.random(1 << 40)) end)
            end)
            """
        func numbers(_ arguments: [String]) throws -> [String] {
            let outcome = try run(arguments, ["draws.lua": text], in: shell)
            #expect(outcome.status == 0)
            return outcome.output.split(separator: "\n").filter { $0.hasPrefix("first\t") || $0.hasPrefix("second\t") }.map(String.init)
        }
        let once = try numbers(["--seed", "3"])
        #expect(once.count == 2)
        #expect(try numbers(["--seed", "3"]) == once)
        #expect(try numbers(["--seed", "3", "--filter", "second"]) == [once[1]])
        #expect(try numbers(["--seed", "4"]) != once)
        let repeated = try numbers(["--seed", "3", "--repeat", "3"])
        #expect(repeated.count == 6 && Set(repeated).count == 6 && Array(repeated[..<2]) == once)
    }

    @Test("TAP and JUnit files hold every case; a file that cannot be written is told of before anything runs")
    func files() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let folder = shell.store.appendingPathComponent("test-files").path
        let outcome = try run(["--tap", folder + "/r.tap", "--junit", folder + "/r.xml"], ["mixed.lua": Self.mixed], in: shell)
        #expect(outcome.status == 1)
        let tap = try contents(shell, "r.tap")
        for line in [
            "TAP version 13", "ok 1 - sums adds \\#quick", "not ok 3 - sums fails", "ok 4 - sums waits # SKIP nobody wrote it", "1..5",
        ] { #expect(tap.split(separator: "\n").contains(Substring(line)), "\(line) in\n\(tap)") }
        let xml = XMLSummary()
        let parser = XMLParser(data: Data(try contents(shell, "r.xml").utf8))
        parser.delegate = xml
        #expect(parser.parse())
        #expect(xml.count["testcase"] == 5 && xml.count["failure"] == 1 && xml.count["skipped"] == 2)
        #expect(xml.text.contains("expected <one>"), "\(xml.text)")
        let standard = try run(["--tap", "-"], ["mixed.lua": Self.mixed], in: shell)
        #expect(standard.output.hasPrefix("TAP version 13\n") && standard.output.hasSuffix("1..5\n"), "\(standard.output)")
        let refused = try run(["--junit", folder + "/no/where.xml"], ["mixed.lua": Self.mixed], in: shell)
        #expect(refused.status == 2 && !refused.output.contains("sums") && refused.errors.contains("where.xml"))
    }

    @Test("each file has a store of its own, and a case's machines are off when the next one begins")
    func isolation() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let kernel = try shell.file("kernel", TinyKernel.saying("up and well\n").image)
        let text = """
            describe("machines", function()
                local store = (Get-VMHost()).StorePath
                it("leaves one running", function()
                    assert.are.equal(0, #Get-VM())
                    local vm = New-VM{ Name = "m", NoVHD = true, MemoryStartupBytes = 32MB, KernelPath = "\(kernel)" }
                    Start-VM(vm)
                    Wait-VM{ VM = vm, For = "Console", Pattern = "well", Timeout = 60 }
                    error("as told")
                end)
                it("finds it off", function()
                    assert.are.equal("Off", Get-VM("m").State)
                    print("store " .. store)
                end)
            end)
            """
        let outcome = try run([], ["one.lua": text, "two.lua": text], in: shell)
        #expect(outcome.output.contains("2 passed, 2 failed"), "\(outcome.output)")
        #expect(outcome.output.contains("console of m:\n          up and well"), "\(outcome.output)")
        let stores = outcome.output.split(separator: "\n").filter { $0.hasPrefix("store ") }.map { String($0.dropFirst(6)) }
        #expect(stores.count == 2 && Set(stores).count == 2)
        for store in stores { #expect(!FileManager.default.fileExists(atPath: store), "\(store) is left") }
    }

    @Test("a fixture's machine is made ready once, and each case gets a clone that runs on and is gone afterwards")
    func fixture() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let kernel = try shell.file("kernel", TinyKernel.saying("ready\n").image)
        let text = """
            describe("clones", function()
                local made = 0
                local machine = fixture("base", function()
                    made = made + 1
                    local vm = New-VM{ Name = "base", NoVHD = true, MemoryStartupBytes = 32MB, KernelPath = "\(kernel)" }
                    Start-VM(vm)
                    Wait-VM{ VM = vm, For = "Console", Pattern = "ready", Timeout = 60 }
                    return vm
                end)
                local seen = {}
                for number = 1, 3 do
                    it("runs on " .. number, function()
                        local vm = machine()
                        assert.are.equal("Running", vm.State)
                        assert.is_nil(seen[vm.Name])
                        seen[vm.Name] = true
                        assert.are.equal(1, made)
                        assert.are.equal("Off", Get-VM("base").State)
                        assert.are.equal(2, #Get-VM())
                    end)
                end
                local never = fixture("never", function() error("no such machine") end)
                it("fails with the fixture", function() never() end)
                it("fails with it again", function() never() end)
                it("is taken in a case", function() assert.has_error(function() fixture("late", function() end) end) end)
            end)
            """
        let outcome = try run([], ["fixture.lua": text], in: shell)
        #expect(outcome.output.contains("4 passed, 2 failed"), "\(outcome.output)\n\(outcome.errors)")
        #expect(outcome.output.components(separatedBy: "no such machine").count >= 3)
    }

    @Test("Ctrl-C ends the case that runs, lets it clean up, and begins no other")
    func interrupt() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let mark = shell.store.appendingPathComponent("mark").path
        let path = try shell.file(
            "long.lua",
            Array(
                """
                describe("long", function()
                    teardown(function() io.open("\(mark).teardown", "w"):close() end)
                    it("sleeps", function()
                        finally(function() io.open("\(mark).finally", "w"):close() end)
                        io.open("\(mark)", "w"):close()
                        Start-Sleep(1000)
                    end)
                    it("never begins", function() io.open("\(mark).never", "w"):close() end)
                end)
                """.utf8))
        let running = try shell.begin(["test", path])
        #expect(Deadline.reached(within: 20) { FileManager.default.fileExists(atPath: mark) })
        running.process.signal(SIGINT)
        let end = running.end(within: 30)
        #expect(end.ending == .exited(130), "\(end.output)\n\(end.errors)")
        #expect(FileManager.default.fileExists(atPath: mark + ".finally") && FileManager.default.fileExists(atPath: mark + ".teardown"))
        #expect(!FileManager.default.fileExists(atPath: mark + ".never"))
    }
}

/// Counts the elements of an XML text and collects what stands in them.
private final class XMLSummary: NSObject, XMLParserDelegate {
    var count: [String: Int] = [:]
    var text = ""

    func parser(
        _ parser: XMLParser, didStartElement element: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String] = [:]
    ) { count[element, default: 0] += 1 }

    func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
}
