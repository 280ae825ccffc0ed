import Cmdlets
import Glibc
import Shell
import Testing

/// `cmdlet{…}` and `param{…}`.
@Suite("Declarations", .serialized)
struct DeclarationTests {
    private static let double = """
        cmdlet{ Verb = "Get", Noun = "Double", Synopsis = "Doubles numbers.", Aliases = { "dbl" },
            Parameters = { { "Number", Type = "Int32", Mandatory = true, Pipeline = "ByValue", Maximum = 100 }, Loud = "Switch",
                { "Unit", Values = { "Inch", "Mile" }, Default = "Inch" } },
            Process = function(p, input) return (p.Loud and "!" or "") .. p.Number * 2 .. p.Unit end }

        """

    @Test(
        "A declared cmdlet is like a built-in one",
        arguments: [
            ("Get-Double 4", "8Inch\n"), ("Get-Double -Number 4 -Unit mile -Loud", "!8Mile\n"),
            ("({ 1, 2 }) | Get-Double", "2Inch\n4Inch\n"),
            ("print(Get_Double(3)[1], #Get-Double(3))", "6Inch\t1\n"),
            ("Get-Double{ Number = 4 } | Write-Output", "8Inch\n"),
            (
                "print((Get-Command Get-Double).Source, tostring(Get-Help Get-Double):find('Doubles numbers', 1, true) ~= nil)",
                "Script\ttrue\n"
            ),
        ])
    func works(_ call: String, _ expected: String) throws {
        let trial = try Trial.run(Self.double + call)
        #expect(trial.error == "")
        #expect(trial.output == expected)
    }

    @Test(
        "Its arguments are checked",
        arguments: [
            ("Get-Double", "Get-Double needs -Number"), ("Get-Double x", "takes a whole number"), ("Get-Double 101", "to 100"),
            ("Get-Double 1 -Unit Yard", "Inch or Mile"), ("Get-Double 1 Inch 2", "there is no place for"),
            ("Get-Double 1 -Numbr 2", "Did you mean -Number?"),
        ])
    func checks(_ call: String, _ message: String) throws {
        let trial = try Trial.run(Self.double + call)
        #expect(trial.code == 1)
        #expect(trial.error.contains(message), "\(trial.error)")
    }

    @Test(
        "A declaration that contradicts itself says where",
        arguments: [
            ("cmdlet{ Verb = 'Fetch', Noun = 'X', Process = print }", "not an approved verb"),
            ("cmdlet{ Verb = 'Get', Noun = 'VM', Process = print }", "cannot be declared again"),
            ("cmdlet{ Verb = 'Get', Noun = 'X' }", "Process, a function, is missing"),
            ("cmdlet{ Verb = 'Get', Noun = 'X', Proces = print }", "no field “Proces”. Did you mean Process?"),
            ("cmdlet{ Verb = 'Get', Noun = 'X', Process = print, Parameters = { { 'A', Type = 'Strin' } } }", "Did you mean String?"),
            ("cmdlet{ Verb = 'Get', Noun = 'X', Process = print, Parameters = { 'A', 'a' } }", "“a” is there twice"),
            ("cmdlet{ Verb = 'Get', Noun = 'X', Process = print, Shape = 'two' }", "Shape is one, many or nothing"),
            ("cmdlet(3)", "a table with fields is expected"),
        ])
    func refusesDeclarations(_ program: String, _ message: String) throws {
        let trial = try Trial.run(program)
        #expect(trial.code == 1)
        #expect(trial.error.contains(message), "\(trial.error)")
    }

    @Test("One by declaration gives the thing itself; -WhatIf comes with SupportsShouldProcess")
    func shapes() throws {
        let trial = try Trial.run(
            """
            cmdlet{ Name = "Get-Answer", Shape = "one", Process = function() return 42 end }
            cmdlet{ Name = "Clear-Moon", Shape = "nothing", SupportsShouldProcess = true, Parameters = { "Name" },
                Process = function(p) print("cleared " .. p.Name) end }
            print(Get-Answer)
            Clear-Moon Io -WhatIf
            Clear-Moon Io
            """)
        #expect(trial.error == "")
        #expect(trial.output == "42\ncleared Io\n")
        #expect(trial.host.contains("What if: Performing the operation \"Clear-Moon\" on target \"Io\""))
    }

    private static let script = """
        -- Counts up.
        local p = param{ { "Count", Type = "Int32", Default = 2, Summary = "How far." }, Names = "String[]", Quick = "Switch" }
        print(p.Count, $Count, p.Quick, p.Names and table.concat(p.Names, "+"), $VerbosePreference)
        """

    @Test(
        "A script's parameters come from the command line",
        arguments: [
            ([], "2\t2\tfalse\tnil\tSilentlyContinue\n"), (["7", "-Quick"], "7\t7\ttrue\tnil\tSilentlyContinue\n"),
            (["-Count:7", "-names", "a,b", "-Verbose"], "7\t7\tfalse\ta+b\tContinue\n"),
            (["-c", "3", "-Quick:$false"], "3\t3\tfalse\tnil\tSilentlyContinue\n"),
        ])
    func binds(_ words: [String], _ expected: String) throws {
        var options = SessionOptions()
        options.arguments = words
        let trial = try Trial.run(Self.script, options: options)
        #expect(trial.error == "")
        #expect(trial.output == expected)
    }

    @Test(
        "Wrong words end with 2 and say which",
        arguments: [
            (["-Cout", "3"], "no parameter “Cout”. Did you mean -Count?"), (["x"], "takes a whole number"),
            (["1", "2"], "no place for “2”"),
        ])
    func refusesWords(_ words: [String], _ message: String) throws {
        var options = SessionOptions()
        options.arguments = words
        options.scriptName = "/srv/count.lua"
        let trial = try Trial.run(Self.script, options: options)
        #expect(trial.code == 2)
        #expect(trial.error.contains(message), "\(trial.error)")
        #expect(trial.error.contains("count.lua"))
        #expect(trial.output == "")
    }

    @Test("The help of a script runs nothing but its declaration")
    func help() throws {
        var template = Array("/tmp/lunavisor-help-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        try #require(descriptor >= 0)
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { unlink(path) }
        let text = "#!/usr/bin/env lunavisor\n" + Self.script + "\nerror('not to be run')\n"
        _ = Array(text.utf8).withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
        var options = SessionOptions()
        options.scriptName = path
        options.isRestricted = true
        let help = try Trial.inSession(options: options) { try Session.help(ofScript: path, in: $0) }
        #expect(help.contains("Counts up."))
        #expect(help.contains("[[-Count] <Int32>] [-Names <String[]>] [-Quick]"))
        #expect(help.contains("How far."))
    }
}
