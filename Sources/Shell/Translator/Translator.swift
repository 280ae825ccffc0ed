/// Turns a Lunavisor program into a Lua program with the same number of lines (`language.md`). A program that uses none of what the
/// shell adds comes out byte for byte.
///
///     $vm | Stop-VM -Force          →   _lv.H(vm){"Stop-VM",1,{2,"Force"}};
///     local n = Get-VM web1         →   local n = _lv.e{"Get-VM",1,{5,"web1"}};
///     Set-VM{ VM = vm }             →   _lv["Set-VM"]{ VM = _lv.v(vm,"vm") }
///
/// `_lv` stands for the support table (Lua/Prelude.swift). It is an upvalue of the chunk, not a global, so no change of `_ENV` hides
/// it, and its name occurs nowhere in the program.
package struct Translator {
    package var knowledge: CommandKnowledge
    /// The folder of the script, for `$PSScriptRoot`.
    package var scriptRoot = ""
    /// Names that are variables although the program does not assign them: those of the REPL's session.
    package var knownNames: Set<String> = []
    /// A chunk of the REPL: top-level locals live for the session, and aliases without a hyphen count where a line starts.
    package var isInteractive = false

    package init(knowledge: CommandKnowledge) { self.knowledge = knowledge }

    /// A translated program.
    package struct Translation {
        package var text: [UInt8]
        /// The name of the support table in `text`; nil when it is not used.
        package var support: String?
        /// The first statement is a command or a pipeline.
        package var startsWithCommand = false
        /// Names that the program assigns.
        package var assignedNames: Set<String> = []
        /// Where the translator met something that is not Lua, to be reported if Lua's own message would show generated text.
        package var stop: Stop?
    }

    package struct Stop {
        package var line: Int
        package var message: String
        package var isAtEnd: Bool
    }

    /// Translates a whole program; throws `TranslationError` for what the shell itself refuses.
    package func translate(_ program: [UInt8]) throws -> Translation {
        let source = Self.withoutHead(program)
        let support = Self.unusedName(in: source)
        // Whether `Stop-x` is a cmdlet depends on the names the program assigns anywhere, so those are collected first.
        var names = knownNames
        for _ in 0..<4 {
            let parser = Parser(source: source, support: support, options: self, names: names)
            let outcome = Result { try parser.parseProgram() }
            if !parser.assignedNames.isSubset(of: names) {
                names.formUnion(parser.assignedNames)
                continue
            }
            try outcome.get()
            return parser.translation
        }
        let parser = Parser(source: source, support: support, options: self, names: names)
        try parser.parseProgram()
        return parser.translation
    }

    /// Without a byte-order mark, and with a first line that begins with `#` turned into a comment.
    private static func withoutHead(_ program: [UInt8]) -> [UInt8] {
        var source = program
        if source.starts(with: [0xef, 0xbb, 0xbf]) { source.removeFirst(3) }
        if source.first == 35 {
            // `--` before the line would read `--[[` in a line such as `#[[`; the line says nothing to Lua and is dropped.
            let end = source.firstIndex(where: LuaLexer.isLineEnd) ?? source.count
            source.removeSubrange(0..<end)
        }
        return source
    }

    /// A name no program can spell: one that does not occur in this one.
    private static func unusedName(in source: [UInt8]) -> String {
        var name = "_lv"
        var number = 0
        while contains(source, Array(name.utf8)) {
            number += 1
            name = "_lv\(number)_"
        }
        return name
    }

    private static func contains(_ source: [UInt8], _ wanted: [UInt8]) -> Bool {
        guard source.count >= wanted.count, let first = wanted.first else { return false }
        var place = 0
        let last = source.count - wanted.count
        while place <= last {
            if source[place] == first, source[place..<place + wanted.count].elementsEqual(wanted) { return true }
            place += 1
        }
        return false
    }
}
