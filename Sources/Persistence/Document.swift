import FoundationEssentials

/// JSON documents as we write them: sorted keys, one value per line, a newline at the end.
package enum Document {
    private struct Head: Decodable { var version: Int }

    package static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return Array(try encoder.encode(value)) + [10]
    }

    /// One line without a newline.
    package static func encodeLine(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value))
    }

    /// Decodes a versioned document; `path` and `identifiers` are for the errors. A newer version is refused with both numbers before
    /// anything else of it is read.
    package static func decode<Value: Decodable>(
        _ type: Value.Type, from bytes: [UInt8], currentVersion: Int, path: String, corrupt: String, newer: String
    ) throws -> Value {
        do {
            let head = try JSONDecoder().decode(Head.self, from: Data(bytes))
            if head.version > currentVersion {
                throw PersistenceError.newerDocument(path, has: head.version, known: currentVersion, identifier: newer)
            }
            return try JSONDecoder().decode(Value.self, from: Data(bytes))
        } catch let error as PersistenceError {
            throw error
        } catch {
            throw PersistenceError(
                corrupt, .invalidData, "“\(path)” cannot be read: \(reason(error)).",
                action: "Restore the file from a backup, or remove the VM with Remove-VM -Force and create it anew.", target: path)
        }
    }

    /// A decoding failure in a few words.
    package static func reason(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return String(describing: error) }
        func place(_ context: DecodingError.Context) -> String {
            let path = context.codingPath.map(\.stringValue).joined(separator: ".")
            return path.isEmpty ? "" : " at “\(path)”"
        }
        switch error {
        case .dataCorrupted(let context): return "it is not a complete JSON document\(place(context))"
        case .keyNotFound(let key, let context): return "“\(key.stringValue)” is missing\(place(context))"
        case .typeMismatch(_, let context): return "a value has the wrong type\(place(context))"
        case .valueNotFound(_, let context): return "a value is missing\(place(context))"
        @unknown default: return "it is not understood"
        }
    }
}
