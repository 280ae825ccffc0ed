/// What PowerShell writes and Lua refuses: the Lua line for it.
enum ForeignSyntax {
    static let throwHint = "In Lua: error(\"x\")"

    /// A hint for a line that Lua refused; nil when it looks like nothing known.
    static func hint(_ line: String) -> String? {
        let text = line.lowercased()
        let words = text.split(whereSeparator: { $0 == " " || $0 == "\t" })
        if text.contains("foreach (") || text.contains("foreach(") { return "In Lua: for vm in $vms do … end" }
        if let first = words.first, first.hasPrefix("try"), text.contains("{") { return "In Lua: try(function() … end, function(e) … end)" }
        if text.contains("} catch") || text.hasPrefix("catch") { return "In Lua: try(function() … end, function(e) … end)" }
        if text.contains("} else") || text.contains("}else") { return "In Lua: if … then … else … end" }
        if text.contains("elseif (") && text.contains("{") { return "In Lua: if … then … elseif … then … end" }
        if let first = words.first, first == "if" || first.hasPrefix("if("), text.contains("{") { return "In Lua: if … then … end" }
        if let first = words.first, first == "while" || first.hasPrefix("while("), text.contains("{") { return "In Lua: while … do … end" }
        if let first = words.first, first.hasPrefix("for("), text.contains("{") { return "In Lua: for i = 1, 10 do … end" }
        if text.contains("function ") && text.contains("{") { return "In Lua: function name(a, b) … end" }
        if words.contains("throw") { return throwHint }
        if containsRange(text) { return "In Lua: for i = 1, 5 do … end" }
        for sign in ["+=", "-=", "*=", "/="] where text.contains(sign) {
            let sign1 = sign.prefix(1)
            return "In Lua: x = x \(sign1) 1"
        }
        if text.contains("++") { return "In Lua: x = x + 1" }
        if text.contains("@(") { return "A list is written {a, b} in Lua, and a, b in the command form." }
        if text.contains(" -f ") || text.contains("\" -f") { return "In Lua: string.format(\"%s\", x)" }
        for (word, lua) in [("-eq", "=="), ("-ne", "~="), ("-gt", ">"), ("-lt", "<"), ("-ge", ">="), ("-le", "<=")]
        where words.contains(Substring(word)) {
            return "Outside of blocks Lua writes \(lua) for \(word)."
        }
        if text.contains("!=") { return "Lua writes ~= for “not equal”." }
        if text.contains("&&") || text.contains("||") { return "Lua writes `and` and `or`." }
        if words.first?.hasPrefix("#") ?? false { return "A comment begins with `--`." }
        if words.first?.hasPrefix("[") ?? false { return "Types in brackets are PowerShell's; Lua has none." }
        return nil
    }

    private static func containsRange(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count > 3 else { return false }
        return (1..<bytes.count - 2).contains { place in
            bytes[place] == 46 && bytes[place + 1] == 46 && LuaLexer.isDigit(bytes[place - 1]) && LuaLexer.isDigit(bytes[place + 2])
        }
    }
}
