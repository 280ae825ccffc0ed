/// Objects as lists of `Name : value` lines, a blank line between two of them.
struct ListText {
    var objects: [[(label: String, text: String)]]

    /// Whole lines; long values go on below their beginning when they would not fit a terminal of `width` columns.
    func render(width: Int?) -> String {
        var blocks: [String] = []
        for object in objects {
            let column = object.map { CellText.width($0.label) }.max() ?? 0
            var block = ""
            for line in object {
                let head = line.label + String(repeating: " ", count: column - CellText.width(line.label)) + " : "
                guard let width, width > column + 13, CellText.width(line.text) > width - column - 3 else {
                    block += (head + line.text).trimmingTrailingSpaces + "\n"
                    continue
                }
                var rest = Substring(line.text)
                var lead = head
                while !rest.isEmpty {
                    var piece = ""
                    var used = 0
                    while let character = rest.first, used + CellText.width(String(character)) <= width - column - 3 {
                        piece.append(character)
                        used += CellText.width(String(character))
                        rest.removeFirst()
                    }
                    block += lead + piece + "\n"
                    lead = String(repeating: " ", count: column + 3)
                }
            }
            blocks.append(block)
        }
        return blocks.joined(separator: "\n")
    }
}

extension String {
    fileprivate var trimmingTrailingSpaces: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
