extension Cmdlet {
    /// `Select-String`: the lines that match.
    static let selectString = Cmdlet(
        "Select", "String", aliases: ["sls"], synopsis: "Finds text in strings and files.",
        details:
            "The pattern is a regular expression without regard to letter case; -SimpleMatch takes it as plain text. Files are read line by line.",
        sets: [
            .init(
                "Object", isDefault: true,
                shape: .computed("a list of matches; with -Quiet one Boolean") { $0.isOn("Quiet") ? .one : .many }),
            .init("File", shape: .computed("a list of matches; with -Quiet one Boolean") { $0.isOn("Quiet") ? .one : .many }),
        ],
        parameters: [
            Parameter(
                "Pattern", .string, "What to look for; a line that matches one of several counts.", mandatory: true, position: 0, many: true
            ),
            Parameter(
                "InputObject", .any, "Strings to look in; usually they come from the pipeline.", sets: ["Object"], pipeline: .byValue),
            Parameter(
                "Path", .path, "Files to look in; wildcards are accepted.", aliases: ["LiteralPath", "PSPath", "FullName"], sets: ["File"],
                mandatory: true, position: 1, many: true, wildcards: true, completion: .path),
            Parameter("SimpleMatch", .switched, "Takes the pattern as plain text."),
            Parameter("CaseSensitive", .switched, "Letter case counts."),
            Parameter("NotMatch", .switched, "Gives the lines that do not match."),
            Parameter("Quiet", .switched, "Gives true or false only."),
            Parameter("List", .switched, "Gives the first match of each file only."),
            Parameter("Raw", .switched, "Gives the lines as plain strings."),
            Parameter("AllMatches", .switched, "Keeps every match of a line in Matches."),
        ],
        output: "MatchInfo",
        examples: [
            Example("Receive-VMConsole web01 | Select-String 'error|fail'", "The console's lines that tell of trouble."),
            Example("Select-String -Pattern root -Path /etc/passwd -SimpleMatch | Format-Table LineNumber, Line", "Lines of a file."),
        ],
        body: .streaming { try StringSelection($0) })
}

/// The work of Select-String on one pipeline.
private final class StringSelection: StreamProcessor {
    private let invocation: any Invocation
    private let matchers: [any PatternMatcher]
    private let plain: [String]
    private let isCaseSensitive: Bool
    private let files: [String]?
    private var lineNumber: Int64 = 0
    private var hasMatched = false

    init(_ invocation: any Invocation) throws {
        self.invocation = invocation
        isCaseSensitive = invocation.isOn("CaseSensitive")
        let patterns = (invocation.list("Pattern") ?? []).map(\.text)
        let isPlain = invocation.isOn("SimpleMatch")
        let ignoringCase = !isCaseSensitive
        plain = isPlain ? patterns.map { ignoringCase ? $0.lowercased() : $0 } : []
        matchers = try isPlain ? [] : patterns.map { try invocation.context.matcher($0, ignoringCase: ignoringCase) }
        files = invocation.parameterSet == "File" ? (invocation.list("Path") ?? []).map(\.text) : nil
    }

    func process(_ input: Value) throws -> Bool {
        // A file's name as an object of Get-ChildItem stands for the file.
        if case .object(let object) = input, let file = object as? FileItem {
            return try search(file: file.path)
        }
        for line in input.text.split(separator: "\n", omittingEmptySubsequences: false) {
            lineNumber += 1
            try take(String(line.last == "\r" ? line.dropLast() : line), file: "InputStream", number: lineNumber)
            if isQuiet, hasMatched { return false }
        }
        return true
    }

    func finish() throws {
        if let files {
            for pattern in files {
                for path in try FilePaths.expanded(pattern, invocation) where !(isQuiet && hasMatched) { _ = try search(file: path) }
            }
        }
        if isQuiet { try invocation.emit(.boolean(hasMatched)) }
    }

    private var isQuiet: Bool { invocation.isOn("Quiet") }

    private func search(file: String) throws -> Bool {
        do {
            let text = try TextFile.read(file, cmdlet: "Select-String")
            var number: Int64 = 0
            for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
                number += 1
                try invocation.checkCancelled()
                let found = try take(String(line.last == "\r" ? line.dropLast() : line), file: file, number: number)
                if found, isQuiet || invocation.isOn("List") { break }
            }
        } catch let error as ErrorRecord { try invocation.report(error) }
        return !(isQuiet && hasMatched)
    }

    /// True when the line was one to give.
    @discardableResult
    private func take(_ line: String, file: String, number: Int64) throws -> Bool {
        var matches: [Value] = []
        var isFound = false
        let searched = isCaseSensitive ? line : line.lowercased()
        for text in plain where text.isEmpty || searched.contains(text) {
            isFound = true
            matches.append(.string(text))
            break
        }
        for matcher in matchers {
            guard let first = try matcher.firstMatch(in: line) else { continue }
            isFound = true
            matches += try found(first, matcher, line)
            break
        }
        guard isFound != invocation.isOn("NotMatch") else { return false }
        hasMatched = true
        if isQuiet { return true }
        if invocation.isOn("Raw") {
            try invocation.emit(.string(line))
            return true
        }
        try invocation.emit(
            .record(
                Record(
                    typeName: "MatchInfo",
                    [
                        ("Path", .string(file)), ("Filename", .string(file.split(separator: "/").last.map(String.init) ?? file)),
                        ("LineNumber", .integer(number)), ("Line", .string(line)), ("Matches", .list(matches)),
                        ("Pattern", .string((invocation.list("Pattern") ?? []).map(\.text).joined(separator: "|"))),
                    ])))
        return true
    }

    /// The first match, with -AllMatches every one of the line.
    private func found(_ first: (range: Range<Int>, groups: [String?]), _ matcher: any PatternMatcher, _ line: String) throws -> [Value] {
        let bytes = Array(line.utf8)
        func record(_ match: (range: Range<Int>, groups: [String?]), _ offset: Int) -> Value {
            let range = offset + match.range.lowerBound..<offset + match.range.upperBound
            return .record(
                Record(
                    typeName: "Match",
                    [
                        ("Value", .string(String(decoding: bytes[range], as: UTF8.self))), ("Index", .integer(Int64(range.lowerBound))),
                        ("Length", .integer(Int64(range.count))), ("Groups", .list(match.groups.map { $0.map { .string($0) } ?? .null })),
                    ]))
        }
        var matches = [record(first, 0)]
        guard invocation.isOn("AllMatches") else { return matches }
        var offset = first.range.isEmpty ? bytes.count : first.range.upperBound
        while offset < bytes.count, matches.count < 10_000 {
            guard let next = try matcher.firstMatch(in: String(decoding: bytes[offset...], as: UTF8.self)), !next.range.isEmpty else {
                break
            }
            matches.append(record(next, offset))
            offset += next.range.upperBound
        }
        return matches
    }
}
