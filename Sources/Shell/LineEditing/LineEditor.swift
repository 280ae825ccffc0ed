import CEdit
import CLua
import Glibc

/// One line of input at a time on a terminal: editing, history and completion by libedit.
final class LineEditor {
    enum Line {
        case text(String)
        /// Ctrl-C.
        case interrupted
        /// Ctrl-D on an empty line, or the terminal is gone.
        case end
    }

    /// Candidates for the text before the cursor, and where in it (in bytes) the word that they replace begins.
    typealias Completer = (_ text: String) -> (start: Int, candidates: [String])

    private let editor: OpaquePointer
    private let history: OpaquePointer
    private let historyPath: String?
    private let completer: Completer
    private static let historySize: Int32 = 2000

    /// Opens the editor on the standard streams; nil when libedit cannot. History is kept in `historyPath` between runs.
    init?(historyPath: String?, completer: @escaping Completer) {
        setlocale(LC_CTYPE, "")
        guard let history = history_init(), let editor = lv_edit_open("lunavisor") else { return nil }
        (self.history, self.editor, self.historyPath, self.completer) = (history, editor, historyPath, completer)
        lv_history_size(history, Self.historySize)
        if let historyPath { _ = lv_history_load(history, historyPath) }
        let data = Unmanaged.passUnretained(self).toOpaque()
        lv_edit_setup(
            editor, history, data,
            { editor in LineEditor.of(editor)?.promptPointer },
            { editor, character in LineEditor.readCharacter(editor, character) })
        lv_edit_add(editor, "lunavisor-complete", "Completes the word before the cursor") { editor, _ in
            LineEditor.of(editor)?.complete() ?? UInt8(CC_ERROR)
        }
        lv_edit_bind(editor, "^I", "lunavisor-complete")
        lv_edit_bind(editor, "^R", "em-inc-search-prev")
    }

    deinit {
        el_end(editor)
        history_end(history)
        promptBuffer.deallocate()
    }

    private static func of(_ editor: OpaquePointer?) -> LineEditor? {
        guard let editor, let data = lv_edit_data(editor) else { return nil }
        return Unmanaged<LineEditor>.fromOpaque(data).takeUnretainedValue()
    }

    /// libedit keeps the pointer while it draws, so the text has a place of its own.
    private let promptBuffer = UnsafeMutablePointer<CChar>.allocate(capacity: 64)
    private var promptPointer: UnsafeMutablePointer<CChar>? { promptBuffer }

    /// Reads a line.
    func read(prompt text: String) -> Line {
        var place = 0
        for byte in text.utf8.prefix(63) {
            promptBuffer[place] = CChar(bitPattern: byte)
            place += 1
        }
        promptBuffer[place] = 0
        _ = lv_lua_take_signal()
        var count: Int32 = 0
        guard let line = el_gets(editor, &count), count > 0 else {
            if lv_lua_last_signal() == SIGINT { return .interrupted }
            return .end
        }
        var result = String(cString: line)
        while result.hasSuffix("\n") || result.hasSuffix("\r\n") { result.removeLast() }
        return .text(result)
    }

    /// One character from the terminal, decoded from UTF-8. -1 ends the line: a signal came.
    private static func readCharacter(_ editor: OpaquePointer?, _ target: UnsafeMutablePointer<wchar_t>?) -> Int32 {
        guard let target else { return -1 }
        guard let first = readByte() else { return -1 }
        guard let first else { return 0 }
        var scalar = UInt32(first)
        let more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0
        if more > 0 {
            scalar = UInt32(first) & (0x3f >> UInt32(more))
            for _ in 0..<more {
                guard let next = readByte(), let byte = next else { return -1 }
                scalar = scalar << 6 | UInt32(byte & 0x3f)
            }
        }
        target.pointee = wchar_t(scalar)
        return 1
    }

    /// nil: a signal came; .some(nil): the input ended.
    private static func readByte() -> UInt8?? {
        while true {
            if lv_lua_last_signal() != 0 { return nil }
            // A signal between that look and the wait would not end it, so the wait is looked up from now and then.
            var polled = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
            guard poll(&polled, 1, 200) > 0 else { continue }
            var byte: UInt8 = 0
            let count = Glibc.read(0, &byte, 1)
            if count == 1 { return .some(byte) }
            if count == 0 { return .some(nil) }
            if errno == EINTR {
                if lv_lua_last_signal() != 0 { return nil }
                continue
            }
            return .some(nil)
        }
    }

    // MARK: History

    /// Keeps an entry, also for the next run.
    func remember(_ line: String) {
        guard !line.isEmpty else { return }
        lv_history_enter(history, line)
        guard let historyPath else { return }
        Self.makeFolder(of: historyPath)
        _ = lv_history_save(history, historyPath)
        chmod(historyPath, 0o600)
    }

    func clearHistory() {
        lv_history_clear(history)
        if let historyPath { _ = lv_history_save(history, historyPath) }
    }

    /// The entries, the oldest first.
    var entries: [String] {
        var result: [String] = []
        while let entry = lv_history_entry(history, Int32(result.count)) { result.append(String(cString: entry)) }
        return result.reversed().map { $0.hasSuffix("\n") ? String($0.dropLast()) : $0 }
    }

    private static func makeFolder(of path: String) {
        var end = path.startIndex
        while let slash = path[end...].firstIndex(of: "/") {
            if slash != path.startIndex { mkdir(String(path[..<slash]), 0o700) }
            end = path.index(after: slash)
        }
    }

    /// `$XDG_STATE_HOME/lunavisor/history` or `~/.local/state/lunavisor/history`; nil without a home.
    static func defaultHistoryPath() -> String? {
        func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) }.flatMap { $0.hasPrefix("/") ? $0 : nil } }
        if let state = variable("XDG_STATE_HOME") { return state + "/lunavisor/history" }
        return variable("HOME").map { $0 + "/.local/state/lunavisor/history" }
    }

    // MARK: Completion

    private func complete() -> UInt8 {
        guard let info = el_line(editor) else { return UInt8(CC_ERROR) }
        let length = info.pointee.cursor - info.pointee.buffer
        let text = info.pointee.buffer.withMemoryRebound(to: UInt8.self, capacity: length) {
            String(decoding: UnsafeBufferPointer(start: $0, count: length), as: UTF8.self)
        }
        let (start, candidates) = completer(text)
        guard !candidates.isEmpty else { return UInt8(CC_ERROR) }
        let typed = String(decoding: Array(text.utf8)[min(start, text.utf8.count)...], as: UTF8.self)
        let common = Self.commonPrefix(candidates)
        if candidates.count == 1 || common.utf8.count > typed.utf8.count {
            var replacement = candidates.count == 1 ? candidates[0] : common
            if candidates.count == 1, let last = replacement.last, !"/:.(".contains(last) { replacement += " " }
            el_deletestr(editor, Int32(typed.count))
            el_insertstr(editor, replacement)
            return UInt8(CC_REFRESH)
        }
        show(candidates)
        return UInt8(CC_REDISPLAY)
    }

    /// The candidates below the line, in columns.
    private func show(_ candidates: [String]) {
        var size = winsize()
        let width = ioctl(1, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
        let column = (candidates.map(\.count).max() ?? 1) + 2
        let perLine = max(1, width / column)
        var text = "\n"
        for (place, candidate) in candidates.prefix(200).enumerated() {
            text += candidate + String(repeating: " ", count: column - candidate.count)
            if place % perLine == perLine - 1 { text += "\n" }
        }
        if !text.hasSuffix("\n") { text += "\n" }
        if candidates.count > 200 { text += "… \(candidates.count - 200) more\n" }
        print(text, terminator: "")
        fflush(nil)
    }

    /// What all begin with, in any letter case; the first one's spelling.
    static func commonPrefix(_ candidates: [String]) -> String {
        guard let first = candidates.first else { return "" }
        var length = first.count
        for other in candidates.dropFirst() {
            let same = zip(first.lowercased(), other.lowercased()).prefix { $0 == $1 }.count
            length = min(length, same)
        }
        return String(first.prefix(length))
    }
}
