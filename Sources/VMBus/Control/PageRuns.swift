/// A list of page numbers that is saved as text, `start+count` in hexadecimal for each run of neighbours, in their order: a bus has many
/// thousands of pages, and a machine stands still while they are written. Version 1 of the bus's state has a list of numbers.
@propertyWrapper
struct PageRuns: Equatable, Sendable, Codable {
    var wrappedValue: [UInt64]

    /// A list that grows beyond what a guest can lend is none.
    private static let mostPages = 1 << 24

    init(wrappedValue: [UInt64]) { self.wrappedValue = wrappedValue }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let text = try? container.decode(String.self) else {
            wrappedValue = try container.decode([UInt64].self)
            return
        }
        guard let pages = Self.pages(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "a list of pages is wrong")
        }
        wrappedValue = pages
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    private var text: String {
        var text: [UInt8] = []
        var first = 0
        for index in wrappedValue.indices where index + 1 == wrappedValue.count || wrappedValue[index] &+ 1 != wrappedValue[index + 1] {
            if !text.isEmpty { text.append(UInt8(ascii: ",")) }
            text += String(wrappedValue[first], radix: 16).utf8
            if index > first { text += "+\(String(index - first + 1, radix: 16))".utf8 }
            first = index + 1
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func pages(_ text: String) -> [UInt64]? {
        var pages: [UInt64] = []
        for run in text.utf8.split(separator: UInt8(ascii: ",")) {
            let parts = run.split(separator: UInt8(ascii: "+"), omittingEmptySubsequences: false)
            guard let start = number(parts[0]), parts.count <= 2, let count = parts.count == 1 ? 1 : number(parts[1]),
                count <= UInt64(mostPages - pages.count), !start.addingReportingOverflow(count).overflow
            else { return nil }
            pages.append(contentsOf: start..<start + count)
        }
        return pages
    }

    private static func number(_ digits: Substring.UTF8View) -> UInt64? { UInt64(Substring(digits), radix: 16) }
}
