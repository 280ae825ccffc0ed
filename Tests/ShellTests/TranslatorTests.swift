import Shell
import Testing

/// Cmdlets as the translator's tests know them.
enum TestKnowledge {
    private static let commands: Set<String> = [
        "get-vm", "start-vm", "stop-vm", "new-vm", "set-vm", "where-object", "foreach-object", "select-object", "sort-object",
        "format-table",
        "remove-vmsnapshot", "get-vmsnapshot", "get-date", "start-sleep", "write-warning", "where", "select", "?", "%", "gvm",
    ]
    private static let blocks: Set<String> = ["where-object", "foreach-object", "select-object", "where", "select", "?", "%"]

    static let knowledge = CommandKnowledge(
        isCommand: { commands.contains($0.lowercased()) }, takesBlockFirst: { blocks.contains($0.lowercased()) },
        parameters: { _ in ["Name", "Force", "TurnOff"] }, isApprovedVerb: { ["Get", "Set", "New", "Test", "Stop"].contains($0) })

    static func translate(_ text: String, interactive: Bool = false) throws -> Translator.Translation {
        var translator = Translator(knowledge: knowledge)
        translator.isInteractive = interactive
        return try translator.translate(Array(text.utf8))
    }

    static func text(_ program: String, interactive: Bool = false) throws -> String {
        String(decoding: try translate(program, interactive: interactive).text, as: UTF8.self)
    }
}

@Suite("Translator")
struct TranslatorTests {
    @Test(
        "A program that uses none of the additions is unchanged",
        arguments: [
            "", "\n", "return", "local a <const>, b <close> = 1, nil\n", "x = a - b; y = a-b", "for k, v in pairs(t) do print(k, v) end",
            "goto l\n::l::\nlocal s = [[ $x Get-VM ]] .. 'Get-VM' -- Get-VM $x\n", "a | b", "f{...}; g'x'.y:z[[w]](1)",
            "x = -y ^ -2 // 3 ~ 4",
            "local Get, VM = 5, 2; print(Get-VM)", "function a.b.c:d(e, ...) return e, ... end", "x = #t > 0 and not y or 0x1p4 + 3e-2",
            "repeat local z = 1 until z == 1", "if a then elseif b then else end", "print(my-name, a- b)", "t = {1, 2; x = 3, [4] = 5,}",
            "this is not Lua $", "x = = 1", "while true do", "\"unfinished", "--[[ open", "a.b.Get = 1", "x = `1`",
        ])
    func plainLua(_ program: String) throws {
        let translation = try TestKnowledge.translate(program)
        #expect(String(decoding: translation.text, as: UTF8.self) == program)
        #expect(translation.support == nil)
    }

    @Test("A first line with # and a byte-order mark are skipped")
    func head() throws {
        #expect(try TestKnowledge.text("#!/usr/bin/lunavisor\nx = 1") == "\nx = 1")
        #expect(try TestKnowledge.text("\u{feff}x = 1") == "x = 1")
    }

    @Test(
        "What the shell adds becomes Lua",
        arguments: [
            ("x = 512MB + 1.5gb", "x = 536870912 + 1610612736"),
            ("$vm = 1; print($vm, $true, $null)", "vm = 1; print(vm, true, nil)"),
            ("$null = f()", "_lv.null = f()"),
            ("$env:A = $env:B", "_lv.env[\"A\"] = _lv.env[\"B\"]"),
            ("Get-VM", "_lv.d{\"Get-VM\",1,{},};"),
            ("local v = Get-VM a", "local v = _lv.e{\"Get-VM\",1,{5,\"a\",},};"),
            ("Get-VM a, 2", "_lv.d{\"Get-VM\",1,{1,_lv.l(_lv.w(\"a\"),_lv.w(\"2\")),},};"),
            ("$vm | Stop-VM -Force:$false", "_lv.D(vm){\"Stop-VM\",1,{3,\"Force\",_lv.v(false),},};"),
            ("New-VM{ Name = \"a\" }", "_lv[\"New-VM\"]{ Name = _lv.v(\"a\") }"),
            ("New-VM { Name = n }", "_lv[\"New-VM\"] { Name = _lv.v(n,\"n\") }"),
            ("New-VM @p", "_lv.d{\"New-VM\",1,{4,_lv.v(p,\"p\"),},};"),
            ("Hyper-V\\Get-VM x", "_lv.d{\"Get-VM\",1,{5,\"x\",},};"),
            ("if not (Get-VM x) then end", "if not _lv.t((_lv.e{\"Get-VM\",1,{5,\"x\",},})) then end"),
            ("for v in $vms do end", "for v in _lv.each1(vms) do end"),
            ("for i, v in Get-VM do end", "for i, v in _lv.each2(_lv.e{\"Get-VM\",1,{},}) do end"),
            ("for v in vms do end", "for v in vms do end"),
            (
                "Get-VM | ? { $_.A -eq 1 -or $_.B -gt 2 -and !$_.C }",
                "_lv.d{\"Get-VM\",1,{},\"?\",1,{1,function(_lvit,...)  return (_lv.op(\"eq\",_lvit.A, 1)  or  _lv.op(\"gt\",_lvit.B, 2))  and  not _lvit.C  end,},};"
            ),
            (
                "New-VM -Name \"a$i.x\\$ ${b}c$(1+2)\"",
                "_lv.d{\"New-VM\",1,{2,\"Name\",1,_lv.x(\"a\",_lv.v(i,\"i\"),\".x$ \",_lv.v(b,\"b\"),\"c\",_lv.v(1+2)),},};"
            ),
            ("local _lv = 1; Get-VM", "local _lv = 1; _lv1_.d{\"Get-VM\",1,{},};"),
        ])
    func additions(_ program: String, _ expected: String) throws { #expect(try TestKnowledge.text(program) == expected) }

    @Test("At the REPL top-level locals become the session's")
    func sessionLocals() throws {
        #expect(try TestKnowledge.text("local a, b = 1, 2", interactive: true) == "_lv.scope.a, _lv.scope.b = 1, 2")
        #expect(try TestKnowledge.text("local a", interactive: true) == "_lv.scope.a=nil")
        #expect(try TestKnowledge.text("local function f() local x = 1 end", interactive: true) == "function _lv.scope.f() local x = 1 end")
        #expect(try TestKnowledge.text("local a <close> = x", interactive: true) == "local a <close> = x")
        #expect(try TestKnowledge.translate("gvm", interactive: true).startsWithCommand)
    }

    @Test(
        "What the shell refuses says what to write",
        arguments: [
            ("pcall(Get-VM, x)", 1, "Get_VM"), ("\nGet-VM --force", 2, "-Force"), ("Get-VM $dir/x", 1, "\"$dir/x\""),
            ("Get-VM > f", 1, "Out-File"),
            ("Get-VM{}", 1, "Get-VM()"), ("local a, b = Get-VM x, 5", 1, "f((Get-VM a), b)"), ("x = 1.3KB", 1, "whole number"),
            ("x = $_.y", 1, "block"), ("Get-VM.Name", 1, "(Get-VM)"), ("Get-VM a!b", 1, "'a!…'"), ("Get-VM `  \nx", 1, "backtick"),
            ("Get-VM #x", 1, "--"), ("Get-VM a .. b", 1, "parentheses"), ("x = 1 + vms | Get-VM", 1, "parentheses"),
            ("Get-VM a == b", 1, "parentheses"),
        ])
    func refusals(_ program: String, _ line: Int, _ words: String) throws {
        let error = try #require(throws: TranslationError.self) { try TestKnowledge.translate(program) }
        #expect(error.line == line)
        #expect((error.message + (error.recommendedAction ?? "")).contains(words))
    }

    @Test("More lines can complete a chunk", arguments: ["Get-VM |", "Get-VM a,", "Get-VM | ? {", "Get-VM `", "Get-VM (1 +"])
    func incomplete(_ program: String) {
        do {
            let translation = try TestKnowledge.translate(program)
            #expect(translation.stop?.isAtEnd ?? false)
        } catch let error as TranslationError { #expect(error.isIncomplete) } catch { Issue.record(error) }
    }

    @Test("Lines stay where they are")
    func lines() throws {
        let program = """
            local a = 1 -- one
            $vms |
              Where-Object { -- comment
                $_.Name -like "w*" and
                  ($_.X or 2) -gt 1
              }
              -- comment
              | Stop-VM -Force `
                -Name @{ a = 1;
                   b = 2 } "x$a
            y"
            print(a)
            """
        // The string is broken by a line end, which the translator refuses at its own line.
        let error = try #require(throws: TranslationError.self) { try TestKnowledge.translate(program) }
        #expect(error.line == 10)
        let fixed = program.replacing("\"x$a\ny\"", with: "\"x$a\"")
        let text = try TestKnowledge.text(fixed)
        #expect(
            text.split(separator: "\n", omittingEmptySubsequences: false).count
                == fixed.split(separator: "\n", omittingEmptySubsequences: false).count)
        #expect(text.hasSuffix("\nprint(a)"))
        #expect(text.contains("\"Stop-VM\",8,"))
    }

    @Test("Any soup of tokens is translated or refused, keeps its lines, and never traps", arguments: 0..<40)
    func soup(_ seed: Int) {
        var random = SplitMix(state: UInt64(seed) &* 7919 &+ 1)
        let words = [
            "Get-VM", "Stop-VM", "Where-Object", "$vm", "$_", "${x}", "$(", "$", "|", "||", "(", ")", "{", "}", "[", "]", "@{", "@p", "=",
            "==",
            ",", ";", "-Name", "-Force:", "-eq", "-and", "--", "--[[", "]]", "`\n", "\n", "\r\n", "'a'", "\"b$c\"", "\"$(", "\"", "'",
            "[[x]]",
            "512MB", "1.3KB", "1..2", "if", "then", "end", "for", "in", "do", "function", "local", "return", "not", "and", "x", "f", ".",
            ":",
            "..", "...", "::", "goto", "<close>", "#", "!", "~", "\\", "\u{e4}", "%", "?", "and", "until", "repeat", "$env:A", "$null",
            "\0",
        ]
        for _ in 0..<200 {
            var program = ""
            for _ in 0..<Int.random(in: 1...25, using: &random) {
                program += words[Int.random(in: 0..<words.count, using: &random)]
                if Bool.random(using: &random) { program += " " }
            }
            guard let text = try? TestKnowledge.text(program, interactive: Bool.random(using: &random)) else { continue }
            let before = program.utf8.filter { $0 == 10 }.count
            let after = text.utf8.filter { $0 == 10 }.count
            #expect(before == after, "\(program.debugDescription)")
        }
    }

    @Test("Deep nesting is left to Lua's own limit")
    func deep() throws {
        for (open, close) in [("(", ")"), ("{", "}"), ("not ", ""), ("function() return ", " end"), ("-", " ")] {
            let program = "x = " + String(repeating: open, count: 20_000) + "1" + String(repeating: close, count: 20_000)
            #expect(try TestKnowledge.text(program) == program)
        }
        _ = try? TestKnowledge.text("Get-VM | ? " + String(repeating: "{ Get-VM (", count: 5_000))
    }
}

/// A small generator, so that a failing case can be run again from its seed.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
