import CEdit
import Glibc

/// What was entered, kept between runs in libedit's file. Each entry is appended, so several shells at once lose nothing.
final class LineHistory {
    let list: OpaquePointer
    private let path: String?
    private static let size: Int32 = 2000
    /// The file's first line, by which libedit knows it.
    private static let mark = "_HiStOrY_V2_\n"
    /// An entry as long as this is not worth keeping.
    private static let longest = 1 << 16

    init?(path: String?) {
        guard let list = history_init() else { return nil }
        (self.list, self.path) = (list, path)
        lv_history_size(list, Self.size)
        guard let path else { return }
        // Older entries than are kept go when there are many of them.
        if lv_history_load(list, path) > 2 * Self.size { _ = lv_history_save(list, path) }
    }

    deinit { history_end(list) }

    func add(_ text: String) {
        guard !text.isEmpty, text.utf8.count < Self.longest else { return }
        lv_history_enter(list, text)
        guard let path else { return }
        Self.makeFolder(of: path)
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var status = stat()
        let isNew = fstat(descriptor, &status) == 0 && status.st_size == 0
        // One write: what two shells append does not mix.
        let line = Array(((isNew ? Self.mark : "") + Self.encoded(text) + "\n").utf8)
        _ = line.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    }

    func clear() {
        lv_history_clear(list)
        if let path { _ = lv_history_save(list, path) }
    }

    /// The entries, the oldest first.
    var entries: [String] {
        var result: [String] = []
        while let entry = lv_history_entry(list, Int32(result.count)) { result.append(String(cString: entry)) }
        return result.reversed().map { $0.hasSuffix("\n") ? String($0.dropLast()) : $0 }
    }

    /// As strvis(3) writes it: one line without white space.
    private static func encoded(_ text: String) -> String {
        var result: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x5c: result += [0x5c, 0x5c]
            case 0x21...0x7e, 0x80...: result.append(byte)
            default: result += [0x5c, 0x30 + (byte >> 6), 0x30 + (byte >> 3 & 7), 0x30 + (byte & 7)]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func makeFolder(of path: String) {
        var end = path.startIndex
        while let slash = path[end...].firstIndex(of: "/") {
            if slash != path.startIndex { mkdir(String(path[..<slash]), 0o700) }
            end = path.index(after: slash)
        }
    }

    /// `$XDG_STATE_HOME/lunavisor/history` or `~/.local/state/lunavisor/history`; nil without a home.
    static func defaultPath() -> String? {
        func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) }.flatMap { $0.hasPrefix("/") ? $0 : nil } }
        if let state = variable("XDG_STATE_HOME") { return state + "/lunavisor/history" }
        return variable("HOME").map { $0 + "/.local/state/lunavisor/history" }
    }
}
