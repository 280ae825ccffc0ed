/// Finds the names a user probably meant.
public enum Spelling {
    /// The names spelled most like `word`, best first; none when nothing is near.
    public static func nearest(to word: String, among names: [String], limit: Int = 3) -> [String] {
        let wanted = Array(word.lowercased().utf8)
        guard !wanted.isEmpty, wanted.count <= 100 else { return [] }
        let tolerance = max(1, min(4, wanted.count / 3))
        var found: [(name: String, distance: Int)] = []
        for name in names {
            let candidate = Array(name.lowercased().utf8)
            if candidate == wanted {
                found.append((name, 0))
            } else if wanted.count >= 3, candidate.starts(with: wanted) {
                found.append((name, 1))
            } else if abs(candidate.count - wanted.count) <= tolerance {
                let distance = distance(wanted, candidate)
                if distance <= tolerance { found.append((name, distance)) }
            }
        }
        if found.isEmpty, wanted.count >= 4 {
            // The beginning of a longer name with a slip in it: -Memroy for -MemoryStartupBytes.
            let slips = min(2, wanted.count / 3)
            for name in names {
                let candidate = Array(name.lowercased().utf8.prefix(wanted.count + slips))
                guard candidate.count > wanted.count - slips, candidate.first == wanted.first else { continue }
                let distances = distances(wanted, candidate)
                guard let least = distances.dropFirst(wanted.count - slips).min(), least <= slips else { continue }
                found.append((name, least))
            }
        }
        return found.enumerated().sorted { ($0.element.distance, $0.offset) < ($1.element.distance, $1.offset) }
            .prefix(limit).map(\.element.name)
    }

    /// ` Did you mean A, B or C?`, with its leading space; empty when there is nothing near.
    public static func hint(_ word: String, among names: [String], prefix: String = "") -> String {
        let near = nearest(to: word, among: names).map { prefix + $0 }
        return near.isEmpty ? "" : " Did you mean \(list(near, "or"))?"
    }

    /// `A, B or C`.
    public static func list(_ words: [String], _ conjunction: String) -> String {
        guard let last = words.last else { return "" }
        return words.count == 1 ? last : words.dropLast().joined(separator: ", ") + " \(conjunction) " + last
    }

    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int { distances(a, b)[b.count] }

    /// Insertions, deletions, changes and exchanges of neighbours (optimal string alignment) that lead from `a` to each beginning of `b`.
    private static func distances(_ a: [UInt8], _ b: [UInt8]) -> [Int] {
        var before: [Int] = []
        var last = Array(0...b.count)
        for (row, first) in a.enumerated() {
            var line = [row + 1]
            line.reserveCapacity(b.count + 1)
            for (column, second) in b.enumerated() {
                var best = min(last[column + 1] + 1, line[column] + 1, last[column] + (first == second ? 0 : 1))
                if row > 0, column > 0, first == b[column - 1], a[row - 1] == second { best = min(best, before[column - 1] + 1) }
                line.append(best)
            }
            (before, last) = (last, line)
        }
        return last
    }
}
