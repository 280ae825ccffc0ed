import Foundation
import Shell
import Testing

/// Properties of the translator that hold for every program.
@Suite("Translator properties")
struct TranslatorPropertyTests {
    /// Lua files that this system's packages bring.
    private static let corpus: [String] = {
        let roots = ["/usr/share/lua", "/usr/local/share/lua", "/usr/share/nmap", "/usr/share/vlc", "/usr/lib/x86_64-linux-gnu/lua"]
        var found: [String] = []
        for root in roots + ["/usr/share"] {
            guard let files = FileManager.default.enumerator(atPath: root) else { continue }
            for case let file as String in files where file.hasSuffix(".lua") {
                let path = root + "/" + file
                if !found.contains(path) { found.append(path) }
                if found.count >= 400 { return found }
            }
        }
        return found
    }()

    private static func lines(_ text: [UInt8]) -> Int { text.count { $0 == 10 } }

    @Test(
        "A program without cmdlets comes out byte-identical: the system's own Lua files",
        .enabled(if: !corpus.isEmpty, "no Lua files on this system"))
    func corpusIsUnchanged() throws {
        // With the whole catalogue, so that every alias is a temptation.
        let translator = Translator.forCatalogue()
        for path in Self.corpus {
            guard let data = FileManager.default.contents(atPath: path), data.first != 27 else { continue }
            let program = [UInt8](data)
            let translation = try translator.translate(program)
            let expected = program.first == 35 ? Array(program[(program.firstIndex(of: 10) ?? program.count)...]) : program
            #expect(translation.text == expected, "\(path)")
            #expect(translation.support == nil, "\(path)")
        }
    }

    private static let words = [
        "Get-VM", "Stop-VM", "Where-Object", "Start-Job", "ForEach-Object", "-Name", "-Parallel", "-Force", "web*", "$vm", "$_", "$using:x",
        "$null",
        "$env:HOME", "${a}", "$(", "|", "{", "}", "(", ")", "[", "]", ",", ";", "=", "==", "..", "...", "\n", "\r\n", "`\n", "`", "`r",
        "--", "--[[",
        "]]", "[[", "[=[", "\"a $x $(1)\"", "'b'", "\"", "'", "512MB", "1.5KB", "0x1p4", "local", "function", "end", "if", "then", "else",
        "while",
        "do", "for", "in", "repeat", "until", "return", "goto", "::", "break", "not", "and", "or", "-eq", "-and", "-not", "!", "?", "%",
        "x", "y.z",
        "a:b()", "@{", "@t", "n = 1", "E = {", "#", "#Requires", "\\", "\u{1F600}", "\u{0}", "&", "~=", "//", "1..5", "Hyper-V\\Get-VM",
        "Get-",
        "-", "<close>", "<const>", "ft", "select",
    ]

    @Test("Token soup never traps, and what is translated keeps its lines", arguments: 0..<8)
    func soup(_ seed: UInt64) throws {
        var random = Sequence64(state: seed &* 0x9E37_79B9 &+ 1)
        let translator = Translator.forCatalogue()
        for _ in 0..<1500 {
            var program = ""
            for _ in 0..<random.below(40) {
                program += Self.words[random.below(Self.words.count)]
                if random.below(3) > 0 { program += " " }
            }
            var mine = translator
            mine.isInteractive = random.below(2) == 0
            guard let translation = try? mine.translate(Array(program.utf8)) else { continue }
            #expect(Self.lines(translation.text) == Self.lines(Array(program.utf8)), "\(program)")
        }
    }

    @Test("Bytes that are no text never trap")
    func noise() {
        var random = Sequence64(state: 7)
        let translator = Translator.forCatalogue()
        for _ in 0..<400 {
            let bytes = (0..<random.below(300)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            _ = try? translator.translate(bytes)
            _ = try? translator.translate(Array("Get-VM ".utf8) + bytes)
        }
    }

    @Test(
        "Every translated program keeps its line count",
        arguments: [
            "Get-VM |\n  Where-Object {\n    $_.State -eq 'Off'\n  } |\n  Format-Table `\n  Name\nprint(1)",
            "local x = @{\n  a = 1\n}\nStart-Job {\n local y = 1\n\n return y\n} -Name\\\n",
            "#!/x\n#Requires -Modules Hyper-V\nImport-Module Hyper-V\nGet-VM", "New-VM -Name \"a\\z\n  b\" -NoVHD\n",
            "Get-VM a,\n -- one\n b\n",
            "Get-VM [[a\nb]] | % {\n\n}\r\nprint 'x'",
        ])
    func linesAreKept(_ program: String) throws {
        let translator = Translator.forCatalogue()
        guard let translation = try? translator.translate(Array(program.utf8)) else { return }
        #expect(Self.lines(translation.text) == Self.lines(Array(program.utf8)))
    }
}

/// Numbers by SplitMix64, the same in every run.
struct Sequence64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
}
