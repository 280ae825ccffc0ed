import Cmdlets

/// What stands before the cursor, as far as completion cares: the word, and whose argument it is.
struct CompletionPlace {
    /// A word of a command, or of a table of arguments.
    struct Word {
        var text: String
        /// The quote it began with.
        var quote: Character?
    }

    enum Role {
        /// Where a statement, a command or an expression may begin.
        case head
        /// An argument of a command.
        case argument(Cmdlet, before: [Word])
        /// `Cmdlet{ name`; `given`: the names before.
        case key(Cmdlet, given: [String])
        /// `Cmdlet{ name = value`.
        case value(Cmdlet, name: String, given: [String])
        /// `Cmdlet("value`: the place of the argument.
        case position(Cmdlet, Int)
        /// In a quoted string of plain Lua.
        case string
    }

    var word = Word(text: "")
    var role = Role.head
    /// It is the first word of all.
    var isFirst = true
    /// It stands in a block of a command.
    var isInBlock = false
    /// What comes down the pipeline to the word's stage, and to the block that it stands in: names of object types.
    var upstream: String?
    var blockInput: String?
    /// What the command in the parentheses that end before the word's `.` gives.
    var groupOutput: String?
    /// The word stands behind `$_.NAME -eq`, or another comparison, in a block.
    var comparedField: String?

    /// Reads `text`, whose end is the cursor.
    init(_ text: String, _ catalogue: Catalogue) {
        var reader = Reader(catalogue: catalogue)
        reader.read(text)
        self = reader.place()
    }

    private init() {}

    private struct Frame {
        enum Kind {
            case statements
            case call(Cmdlet)
            case table(Cmdlet)
            case block, other
        }
        var kind = Kind.statements
        /// Words of the current stage, statement or field; an empty text stands for a group in parentheses.
        var words: [Word] = []
        var isAfterEquals = false
        var keys: [String] = []
        var commas = 0
        var upstream: String?
        var blockInput: String?
        /// What the group that ended last gives.
        var groupOutput: String?
    }

    private struct Reader {
        let catalogue: Catalogue
        var frames = [Frame()]
        var current: Word?
        var isFirst = true
        /// The word began directly behind a group.
        var followsGroup = false
        private static let keywords: Set<String> = [
            "if", "elseif", "while", "until", "return", "not", "and", "or", "then", "do", "else", "repeat", "in", "local",
        ]

        init(catalogue: Catalogue) { self.catalogue = catalogue }

        var top: Frame {
            get { frames[frames.count - 1] }
            set { frames[frames.count - 1] = newValue }
        }

        mutating func read(_ text: String) {
            let characters = Array(text)
            var place = 0
            while place < characters.count {
                let character = characters[place]
                if let quote = current?.quote {
                    if character == "\\", place + 1 < characters.count {
                        current?.text += String(characters[place...(place + 1)])
                        place += 2
                        continue
                    }
                    if character == quote { endWord() } else { current?.text.append(character) }
                    place += 1
                    continue
                }
                switch character {
                case "-" where current == nil && place + 1 < characters.count && characters[place + 1] == "-":
                    while place < characters.count, characters[place] != "\n" { place += 1 }
                    continue
                case " ", "\t": endWord()
                case "\n":
                    endWord()
                    if !top.words.isEmpty || top.isAfterEquals { endStatement() }
                case ";":
                    endWord()
                    endStatement()
                case ",":
                    endWord()
                    comma()
                case "|":
                    endWord()
                    endStage()
                case "=" where current == nil || !(current?.text.hasPrefix("-") ?? false):
                    endWord()
                    equals()
                case "(", "{": open(character, isDirect: current != nil)
                case ")", "}":
                    endWord()
                    close()
                case "\"", "'":
                    endWord()
                    current = Word(text: "", quote: character)
                default:
                    if current == nil { current = Word(text: "") }
                    current?.text.append(character)
                }
                if character != " ", character != "\t", character != ")" { followsGroup = false }
                if character == "." || character == ":", current?.text.count == 1, place > 0, characters[place - 1] == ")" {
                    followsGroup = true
                }
                place += 1
            }
        }

        private mutating func endWord() {
            guard let word = current else { return }
            current = nil
            isFirst = false
            if case .statements = top.kind, Self.keywords.contains(word.text), word.quote == nil { return endStatement() }
            if case .block = top.kind, Self.keywords.contains(word.text), word.quote == nil { return endStatement() }
            top.words.append(word)
        }

        private mutating func endStatement() {
            (top.words, top.isAfterEquals, top.upstream, top.groupOutput) = ([], false, nil, nil)
        }

        private mutating func comma() {
            switch top.kind {
            case .table: (top.words, top.isAfterEquals) = ([], false)
            case .call:
                top.commas += 1
                top.words = []
            // A list goes on: its next element stands where the last one stood.
            default: if command(top.words) != nil { top.words.removeLast() } else { endStatement() }
            }
        }

        private mutating func endStage() {
            let output = self.output(of: top)
            (top.words, top.groupOutput) = ([], nil)
            top.upstream = output
        }

        private mutating func equals() {
            if case .table = top.kind, let key = top.words.last {
                top.keys.append(key.text)
                (top.words, top.isAfterEquals) = ([], true)
            } else {
                endStatement()
                top.isAfterEquals = true
            }
        }

        private mutating func open(_ character: Character, isDirect: Bool) {
            let name = current?.text
            endWord()
            let found = name.flatMap { $0.contains("-") || $0.contains("_") ? catalogue.cmdlet(named: $0) : nil }
            var frame = Frame()
            frame.blockInput = top.blockInput
            if isDirect, let cmdlet = found, !(character == "{" && cmdlet.takesBlockFirst) {
                frame.kind = character == "(" ? .call(cmdlet) : .table(cmdlet)
            } else if character == "{", case .call(let cmdlet) = top.kind {
                frame.kind = .table(cmdlet)
            } else if character == "{", let cmdlet = command(top.words)?.cmdlet {
                let isTable = top.words.count == 1 && !cmdlet.takesBlockFirst
                frame.kind = isTable ? .table(cmdlet) : .block
                if !isTable { frame.blockInput = top.upstream ?? frame.blockInput }
            } else {
                frame.kind = character == "(" ? .statements : .other
            }
            frames.append(frame)
        }

        private mutating func close() {
            guard frames.count > 1 else { return endStatement() }
            let output = self.output(of: top)
            frames.removeLast()
            top.words.append(Word(text: ""))
            top.groupOutput = output
        }

        /// The command whose words these are, and the words behind its name.
        private func command(_ words: [Word]) -> (cmdlet: Cmdlet, rest: [Word])? {
            for (place, word) in words.enumerated() where word.quote == nil {
                guard word.text.contains("-") && !word.text.hasPrefix("-") || place == 0 else { continue }
                if let cmdlet = catalogue.cmdlet(named: word.text) { return (cmdlet, Array(words[(place + 1)...])) }
            }
            return nil
        }

        /// The type of what a frame's last stage gives.
        private func output(of frame: Frame) -> String? {
            guard let found = command(frame.words)?.cmdlet else { return frame.groupOutput ?? frame.upstream }
            // An object cmdlet hands on what it gets.
            if found.output == nil || found.output == "Object" { return frame.upstream }
            return found.output
        }

        func place() -> CompletionPlace {
            var place = CompletionPlace()
            place.word = current ?? Word(text: "")
            place.isFirst = isFirst && frames.count == 1
            if case .block = top.kind { place.isInBlock = true }
            (place.upstream, place.blockInput) = (top.upstream, top.blockInput)
            if place.isInBlock, top.words.count >= 2, top.words[top.words.count - 1].text.hasPrefix("-") {
                let left = top.words[top.words.count - 2].text
                if left.hasPrefix("$_.") { place.comparedField = String(left.dropFirst(3)) }
            }
            if followsGroup || place.word.text.hasPrefix(".") || place.word.text.hasPrefix(":") { place.groupOutput = top.groupOutput }
            switch top.kind {
            case .call(let cmdlet) where top.words.isEmpty: place.role = .position(cmdlet, top.commas)
            case .table(let cmdlet):
                if top.isAfterEquals, let name = top.keys.last {
                    place.role = .value(cmdlet, name: name, given: top.keys)
                } else if place.word.quote == nil {
                    place.role = .key(cmdlet, given: top.keys)
                } else {
                    place.role = .string
                }
            default:
                if let found = command(top.words) {
                    place.role = .argument(found.cmdlet, before: found.rest)
                } else {
                    place.role = place.word.quote == nil ? .head : .string
                }
            }
            return place
        }
    }
}
