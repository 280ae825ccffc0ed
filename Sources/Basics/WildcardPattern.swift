/// A name pattern with `*`, `?` and `[a-z]`, matched without regard to letter case unless told otherwise; a backtick makes the
/// character after it plain.
public struct WildcardPattern: Sendable {
    private enum Element: Sendable {
        case any, one
        case character(Character)
        case set([ClosedRange<Character>], isNegated: Bool)
    }

    private let elements: [Element]
    private let ignoresCase: Bool

    /// True when the text has a wildcard in it.
    public static func isPattern(_ text: String) -> Bool { text.contains { "*?[".contains($0) } }

    public init(_ text: String, ignoringCase: Bool = true) {
        ignoresCase = ignoringCase
        let characters = Array(ignoringCase ? text.lowercased() : text)
        var elements: [Element] = []
        var position = 0
        while position < characters.count {
            let character = characters[position]
            position += 1
            switch character {
            case "*": elements.append(.any)
            case "?": elements.append(.one)
            case "`" where position < characters.count:
                elements.append(.character(characters[position]))
                position += 1
            case "[":
                guard let end = characters[position...].firstIndex(of: "]"), end > position else {
                    elements.append(.character(character))
                    continue
                }
                var ranges: [ClosedRange<Character>] = []
                var index = position
                let isNegated = characters[index] == "!" || characters[index] == "^"
                if isNegated { index += 1 }
                while index < end {
                    if index + 2 < end, characters[index + 1] == "-", characters[index] <= characters[index + 2] {
                        ranges.append(characters[index]...characters[index + 2])
                        index += 3
                    } else {
                        ranges.append(characters[index]...characters[index])
                        index += 1
                    }
                }
                elements.append(.set(ranges, isNegated: isNegated))
                position = end + 1
            default: elements.append(.character(character))
            }
        }
        self.elements = elements
    }

    /// True when the whole text matches. Time is bounded by text length times pattern length.
    public func matches(_ text: String) -> Bool {
        let characters = Array(ignoresCase ? text.lowercased() : text)
        var (position, element) = (0, 0)
        var retry: (position: Int, element: Int)?
        while position < characters.count {
            if element < elements.count {
                if case .any = elements[element] {
                    retry = (position, element + 1)
                    element += 1
                    continue
                }
                if accepts(elements[element], characters[position]) {
                    position += 1
                    element += 1
                    continue
                }
            }
            guard let last = retry else { return false }
            retry = (last.position + 1, last.element)
            (position, element) = (last.position + 1, last.element)
        }
        return elements[element...].allSatisfy { if case .any = $0 { true } else { false } }
    }

    private func accepts(_ element: Element, _ character: Character) -> Bool {
        switch element {
        case .any, .one: true
        case .character(let wanted): wanted == character
        case .set(let ranges, let isNegated): ranges.contains { $0.contains(character) } != isNegated
        }
    }
}
