import Basics

/// Reads comma-separated values (RFC 4180) as PowerShell does: a header line, then a record for each line; quoted fields may hold line
/// ends, delimiters and doubled quotes.
struct CSVReader {
    private let bytes: [UInt8]
    private var place = 0
    private let delimiter: [UInt8]

    private init(_ text: String, _ delimiter: Character) {
        bytes = Array(text.utf8)
        self.delimiter = Array(String(delimiter).utf8)
    }

    /// The lines of `text` as records. `header`: names instead of those on the first line.
    static func read(_ text: String, delimiter: Character = ",", header: [String]? = nil, cmdlet: String) throws -> [Record] {
        var reader = CSVReader(text, delimiter)
        guard let names = try header ?? reader.header(cmdlet) else { return [] }
        var seen: Set<String> = []
        for name in names where !seen.insert(name.lowercased()).inserted {
            throw ErrorRecord(
                "\(cmdlet): the column “\(name)” is there twice.", "CsvHeaderInvalid", .invalidData, target: name,
                action: "-Header gives the columns other names.", cmdlet: cmdlet)
        }
        var records: [Record] = []
        while let fields = try reader.line(cmdlet) {
            // An empty line is none.
            if fields.count == 1, fields[0].isEmpty, names.count > 1 || reader.place >= reader.bytes.count { continue }
            var pairs: [(name: String, value: Value)] = []
            pairs.reserveCapacity(names.count)
            for (index, name) in names.enumerated() { pairs.append((name, index < fields.count ? .string(fields[index]) : .null)) }
            records.append(Record(pairs))
        }
        return records
    }

    /// The fields of one line.
    static func fields(of line: String, delimiter: Character, cmdlet: String) throws -> [String] {
        var reader = CSVReader(line, delimiter)
        return try reader.line(cmdlet) ?? []
    }

    /// The first line that is neither empty nor PowerShell's `#TYPE`; unnamed columns are H1, H2 ….
    private mutating func header(_ cmdlet: String) throws -> [String]? {
        while let fields = try line(cmdlet) {
            if fields.count == 1, fields[0].isEmpty || fields[0].hasPrefix("#TYPE") { continue }
            return fields.enumerated().map { $1.isEmpty ? "H\($0 + 1)" : $1 }
        }
        return nil
    }

    private func isDelimiter(_ place: Int) -> Bool {
        delimiter.count == 1 ? bytes[place] == delimiter[0] : bytes[place...].starts(with: delimiter)
    }

    /// The fields of the next line; nil at the end.
    private mutating func line(_ cmdlet: String) throws -> [String]? {
        guard place < bytes.count else { return nil }
        var fields: [String] = []
        var field: [UInt8] = []
        var isQuoted = false
        var quote = 0
        while place < bytes.count {
            let byte = bytes[place]
            if isQuoted {
                if byte == 34 {
                    if place + 1 < bytes.count, bytes[place + 1] == 34 {
                        field.append(34)
                        place += 1
                    } else {
                        isQuoted = false
                    }
                } else {
                    field.append(byte)
                }
                place += 1
                continue
            }
            if byte == 34, field.isEmpty {
                (isQuoted, quote) = (true, place)
                place += 1
            } else if isDelimiter(place) {
                fields.append(String(decoding: field, as: UTF8.self))
                field = []
                place += delimiter.count
            } else if byte == 10 || byte == 13 {
                place += 1
                if byte == 13, place < bytes.count, bytes[place] == 10 { place += 1 }
                fields.append(String(decoding: field, as: UTF8.self))
                return fields
            } else {
                field.append(byte)
                place += 1
            }
        }
        guard !isQuoted else {
            // The rest of the text would be one field, and what it says in truth be lost.
            let line = bytes[..<quote].count { $0 == 10 } + 1
            let start = String(decoding: bytes[quote..<min(quote + 24, bytes.count)], as: UTF8.self)
            throw ErrorRecord(
                "\(cmdlet): the quotation mark on line \(line) has no end: “\(start)…”.", "CsvInvalid", .parserError,
                action: "A field ends with a quotation mark; one within a field is written twice.", cmdlet: cmdlet)
        }
        fields.append(String(decoding: field, as: UTF8.self))
        return fields
    }
}
