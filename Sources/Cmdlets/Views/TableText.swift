/// A table as text: columns as wide as their contents, cut only to fit a terminal.
struct TableText {
    struct Column {
        var label: String
        var isRightAligned: Bool
        /// A width the user asked for.
        var width: Int?
        /// Its cells are states, shown in their colours where there are colours.
        var isState = false
    }

    var columns: [Column]
    var rows: [[String]]
    var showsHeader = true
    var usesColours = false

    /// Whole lines. `width`: the terminal's columns; nil: nothing is cut.
    func render(width: Int?) -> String {
        var widths = columns.indices.map { column in
            columns[column].width
                ?? max(
                    showsHeader ? CellText.width(columns[column].label) : 1,
                    rows.map { CellText.width(column < $0.count ? $0[column] : "") }.max() ?? 0)
        }
        if let width { fit(&widths, into: width) }
        var text = ""
        if showsHeader {
            text += line(columns.map(\.label), widths)
            text += line(
                columns.indices.map { String(repeating: "-", count: min(widths[$0], CellText.width(columns[$0].label))) }, widths)
        }
        for row in rows { text += line(row, widths, usesColours: usesColours) }
        return text
    }

    /// Narrows the widest columns first; what does not fit even then is left out at the right, as PowerShell does.
    private func fit(_ widths: inout [Int], into width: Int) {
        func total() -> Int { widths.filter { $0 > 0 }.reduce(0) { $0 + $1 + 1 } - 1 }
        while total() > width {
            guard let widest = widths.indices.max(by: { widths[$0] < widths[$1] }), widths[widest] > 10 else { break }
            let second = widths.indices.filter { $0 != widest }.map { widths[$0] }.max() ?? 0
            widths[widest] = max(10, min(widths[widest] - 1, max(second, widths[widest] - (total() - width))))
        }
        while total() > width, let last = widths.lastIndex(where: { $0 > 0 }), last > 0 { widths[last] = 0 }
    }

    private func line(_ cells: [String], _ widths: [Int], usesColours: Bool = false) -> String {
        var text = ""
        var isFirst = true
        for (column, cell) in cells.enumerated() where column < widths.count && widths[column] > 0 {
            if !isFirst { text += " " }
            isFirst = false
            let cut = CellText.cut(cell, to: widths[column])
            let padding = String(repeating: " ", count: max(0, widths[column] - CellText.width(cut)))
            let shown = usesColours && columns[column].isState ? TextColour.of(state: cell)?.wrap(cut) ?? cut : cut
            text += columns[column].isRightAligned ? padding + shown : shown + padding
        }
        while text.last == " " { text.removeLast() }
        return text + "\n"
    }
}
