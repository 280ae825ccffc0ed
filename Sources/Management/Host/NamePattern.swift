/// PowerShell's wildcards for names: `*`, `?`, `[a-z]`, without regard to case.
enum NamePattern {
    static func isWildcard(_ text: String) -> Bool { text.contains { "*?[".contains($0) } }

    static func matches(_ name: String, _ pattern: String) -> Bool {
        match(Array(name.lowercased())[...], Array(pattern.lowercased())[...])
    }

    /// Greedy with one step back to the last `*`, so the time is at most name × pattern.
    private static func match(_ name: ArraySlice<Character>, _ pattern: ArraySlice<Character>) -> Bool {
        var n = name.startIndex
        var p = pattern.startIndex
        var star: (n: Int, p: Int)?
        while n < name.endIndex {
            if p < pattern.endIndex, pattern[p] == "*" {
                star = (n, p + 1)
                p += 1
            } else if let after = one(name[n], pattern, p) {
                n += 1
                p = after
            } else if let back = star {
                n = back.n + 1
                p = back.p
                star = (n, back.p)
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == "*" }
    }

    /// Matches one character; the position after the part of the pattern that did.
    private static func one(_ character: Character, _ pattern: ArraySlice<Character>, _ p: Int) -> Int? {
        guard p < pattern.endIndex else { return nil }
        if pattern[p] == "?" { return p + 1 }
        guard pattern[p] == "[", let close = pattern[(p + 1)...].firstIndex(of: "]"), close > p + 1 else {
            return pattern[p] == character ? p + 1 : nil
        }
        var q = p + 1
        while q < close {
            if q + 2 < close, pattern[q + 1] == "-" {
                if pattern[q] <= character && character <= pattern[q + 2] { return close + 1 }
                q += 3
            } else {
                if pattern[q] == character { return close + 1 }
                q += 1
            }
        }
        return nil
    }

    /// The nearest of `names` by edit distance, if it is near at all.
    static func nearest(_ name: String, in names: [String]) -> String? {
        let wanted = Array(name.lowercased().prefix(100))
        let scored = names.map { ($0, distance(wanted, Array($0.lowercased().prefix(100)))) }
        guard let best = scored.min(by: { $0.1 < $1.1 }), best.1 <= max(1, wanted.count / 3) else { return nil }
        return best.0
    }

    private static func distance(_ a: [Character], _ b: [Character]) -> Int {
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let above = row[j + 1]
                row[j + 1] = min(above + 1, row[j] + 1, diagonal + (x == y ? 0 : 1))
                diagonal = above
            }
        }
        return row[b.count]
    }
}
