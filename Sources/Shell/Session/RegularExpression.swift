import CRegex
import Cmdlets

/// A compiled regular expression (PCRE2), bounded by its match limit so that no pattern hangs the shell.
final class RegularExpression: PatternMatcher, @unchecked Sendable {
    // The compiled code and the match context are only read after init; each match has data of its own.
    private let code: OpaquePointer
    private let limits: OpaquePointer?
    private let pattern: String

    /// Steps before a match is given up: a fraction of a second.
    private static let matchLimit: UInt32 = 4_000_000

    init(_ pattern: String, ignoringCase: Bool) throws {
        self.pattern = pattern
        var number: Int32 = 0
        var offset = 0
        let options = UInt32(PCRE2_UTF) | (ignoringCase ? UInt32(PCRE2_CASELESS) : 0)
        let bytes = Array(pattern.utf8)
        guard let code = pcre2_compile_8(bytes, bytes.count, options, &number, &offset, nil) else {
            throw ErrorRecord(
                "“\(pattern)” is not a regular expression: \(Self.message(number)), at character \(offset + 1).", "InvalidPattern",
                .invalidArgument,
                action: "Use -SimpleMatch or -like for plain text and wildcards.")
        }
        self.code = code
        limits = pcre2_match_context_create_8(nil)
        if let limits { pcre2_set_match_limit_8(limits, Self.matchLimit) }
    }

    deinit {
        pcre2_match_context_free_8(limits)
        pcre2_code_free_8(code)
    }

    func firstMatch(in text: String) throws -> (range: Range<Int>, groups: [String?])? {
        guard let data = pcre2_match_data_create_from_pattern_8(code, nil) else { return nil }
        defer { pcre2_match_data_free_8(data) }
        let bytes = Array(text.utf8)
        let count = pcre2_match_8(code, bytes, bytes.count, 0, 0, data, limits)
        if count == PCRE2_ERROR_NOMATCH { return nil }
        guard count > 0 else {
            throw ErrorRecord(
                "Matching “\(pattern)” was given up: \(Self.message(count)).", "PatternTooCostly", .resourceUnavailable,
                action: "Write a pattern with fewer nested repetitions.")
        }
        guard let vector = pcre2_get_ovector_pointer_8(data) else { return nil }
        var groups: [String?] = []
        for place in 1..<max(1, Int(pcre2_get_ovector_count_8(data))) {
            let (start, end) = (vector[2 * place], vector[2 * place + 1])
            groups.append(
                place < Int(count) && start <= end && end <= bytes.count ? String(decoding: bytes[start..<end], as: UTF8.self) : nil)
        }
        guard vector[0] <= vector[1] else { return nil }
        return (vector[0]..<vector[1], groups)
    }

    private static func message(_ number: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 256)
        let length = pcre2_get_error_message_8(number, &buffer, buffer.count)
        return length > 0 ? String(decoding: buffer[..<Int(length)], as: UTF8.self) : "error \(number)"
    }
}
