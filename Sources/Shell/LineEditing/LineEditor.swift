import CEdit
import CLua
import Glibc
import Synchronization

/// One chunk of input at a time on a terminal: editing over several lines, history, completion, paste. libedit draws and edits, in a
/// buffer whose lines we keep; what comes from other threads meanwhile is shown above it (LineEditor+Screen).
final class LineEditor {
    enum Line {
        case text(String)
        /// Ctrl-C.
        case interrupted
        /// Ctrl-D on an empty line, or the terminal is gone.
        case end
    }

    /// Candidates for the text before the cursor, and where in it (in bytes) the word that they replace begins.
    typealias Completion = (_ text: String) -> (start: Int, candidates: [Candidate])

    let editor: OpaquePointer
    let history: LineHistory
    let completion: Completion
    /// Whether Enter hands the text over; else it begins another line.
    private let isWhole: (_ text: String) -> Bool
    /// The terminal understands more than writing: it can move the cursor, and marks what is pasted.
    let isCapable: Bool
    let notices = LineNotices()
    var signals = EditingSignals()
    /// Pasted texts that are too long to be edited, by the words that stand for them.
    var setAside: [String: String] = [:]
    private(set) var prompt = ""
    private(set) var isReading = false

    /// Opens the editor on the standard streams; nil when libedit cannot. History is kept in `historyPath` between runs.
    init?(historyPath: String?, isWhole: @escaping (String) -> Bool, completion: @escaping Completion) {
        setlocale(LC_CTYPE, "")
        guard let history = LineHistory(path: historyPath), let editor = lv_edit_open("lunavisor") else { return nil }
        (self.history, self.editor, self.completion, self.isWhole) = (history, editor, completion, isWhole)
        let kind = getenv("TERM").map { String(cString: $0) } ?? ""
        isCapable = !kind.isEmpty && kind != "dumb" && kind != "unknown"
        let data = Unmanaged.passUnretained(self).toOpaque()
        lv_edit_setup(
            editor, history.list, data,
            { editor in LineEditor.of(editor)?.promptBuffer },
            { editor, character in LineEditor.of(editor)?.readCharacter(character) ?? -1 })
        bindKeys()
    }

    deinit {
        el_end(editor)
        promptBuffer.deallocate()
    }

    static func of(_ editor: OpaquePointer?) -> LineEditor? {
        guard let editor, let data = lv_edit_data(editor) else { return nil }
        return Unmanaged<LineEditor>.fromOpaque(data).takeUnretainedValue()
    }

    // MARK: Keys

    /// Private codes by which our commands call libedit's.
    private enum Inner {
        static let newLine = "\u{1e}", previous = "\u{10}", next = "\u{0e}"
    }

    private func bindKeys() {
        lv_edit_add(editor, "lunavisor-complete", "Completes the word before the cursor") { editor, _ in
            LineEditor.of(editor)?.complete() ?? UInt8(CC_ERROR)
        }
        lv_edit_add(editor, "lunavisor-enter", "Hands the text over, or begins another line") { editor, _ in
            LineEditor.of(editor)?.enter() ?? UInt8(CC_ERROR)
        }
        lv_edit_add(editor, "lunavisor-line", "Begins another line") { editor, _ in
            LineEditor.of(editor)?.beginLine() ?? UInt8(CC_ERROR)
        }
        lv_edit_add(editor, "lunavisor-up", "The line above, or the entry before") { editor, _ in
            LineEditor.of(editor)?.moveUp() ?? UInt8(CC_ERROR)
        }
        lv_edit_add(editor, "lunavisor-down", "The line below, or the entry after") { editor, _ in
            LineEditor.of(editor)?.moveDown() ?? UInt8(CC_ERROR)
        }
        lv_edit_add(editor, "lunavisor-home", "The start of the line") { editor, _ in
            LineEditor.of(editor)?.moveHome() ?? UInt8(CC_ERROR)
        }
        lv_edit_add(editor, "lunavisor-end", "The end of the line") { editor, _ in
            LineEditor.of(editor)?.moveToEnd() ?? UInt8(CC_ERROR)
        }
        lv_edit_add(editor, "lunavisor-paste", "Takes what is pasted as it is") { editor, _ in
            LineEditor.of(editor)?.paste() ?? UInt8(CC_ERROR)
        }
        lv_edit_bind(editor, Inner.newLine, "ed-newline")
        for key in ["^M", "^J"] { lv_edit_bind(editor, key, "lunavisor-enter") }
        lv_edit_bind(editor, "\\e^M", "lunavisor-line")
        lv_edit_bind(editor, "^I", "lunavisor-complete")
        lv_edit_bind(editor, "^R", "em-inc-search-prev")
        for key in ["\\e[A", "\\eOA"] { lv_edit_bind(editor, key, "lunavisor-up") }
        for key in ["\\e[B", "\\eOB"] { lv_edit_bind(editor, key, "lunavisor-down") }
        lv_edit_bind(editor, "\\e[200~", "lunavisor-paste")
        lv_edit_bind(editor, "\\e[3~", "ed-delete-next-char")
        for key in ["^A", "\\e[H", "\\eOH", "\\e[1~"] { lv_edit_bind(editor, key, "lunavisor-home") }
        for key in ["^E", "\\e[F", "\\eOF", "\\e[4~"] { lv_edit_bind(editor, key, "lunavisor-end") }
        for key in ["\\e[1;5D", "\\eb"] { lv_edit_bind(editor, key, "ed-prev-word") }
        for key in ["\\e[1;5C", "\\ef"] { lv_edit_bind(editor, key, "em-next-word") }
    }

    /// The text before and behind the cursor.
    var text: (before: String, behind: String) {
        guard let info = el_line(editor), let start = info.pointee.buffer else { return ("", "") }
        func decode(_ from: UnsafePointer<CChar>, _ count: Int) -> String {
            guard count > 0 else { return "" }
            return from.withMemoryRebound(to: UInt8.self, capacity: count) {
                String(decoding: UnsafeBufferPointer(start: $0, count: count), as: UTF8.self)
            }
        }
        guard let cursor = info.pointee.cursor, let end = info.pointee.lastchar else { return ("", "") }
        return (decode(start, cursor - start), decode(cursor, end - cursor))
    }

    /// Moves the cursor by characters as libedit counts them.
    func move(_ count: Int) { _ = el_cursor(editor, Int32(count)) }

    /// Puts text at the cursor.
    func insert(_ text: String) -> UInt8 { UInt8(el_insertstr(editor, text) == 0 ? CC_REFRESH : CC_ERROR) }

    /// Deletes that many characters before the cursor.
    func delete(_ count: Int) { if count > 0 { el_deletestr(editor, Int32(count)) } }

    private func enter() -> UInt8 {
        let (before, behind) = text
        let all = before + behind
        // Two empty lines end what cannot be completed, so that its error is seen; one may stand in any program.
        let lines = before.split(separator: "\n", omittingEmptySubsequences: false)
        let isGivenUp = behind.isEmpty && lines.count > 2 && lines.suffix(2).allSatisfy { $0.allSatisfy { $0 == " " } }
        guard isGivenUp || isWhole(expanded(all)) else { return beginLine() }
        if behind.isEmpty { outdent() }
        move(behind.unicodeScalars.count)
        el_push(editor, Inner.newLine)
        return UInt8(CC_REFRESH)
    }

    /// Another line at the cursor, as far in as the one above says.
    private func beginLine() -> UInt8 {
        let next = LineIndentation.of(text.before).next
        outdent()
        return insert("\n" + String(repeating: " ", count: next))
    }

    /// `end` and kin stand where their beginning stands.
    private func outdent() {
        let line = LineIndentation.of(text.before)
        guard line.outdent > 0 else { return }
        move(line.outdent - line.length)
        delete(line.outdent)
        move(line.length - line.outdent)
    }

    private func moveUp() -> UInt8 {
        let before = text.before
        guard let place = before.lastIndex(of: "\n") else {
            el_push(editor, Inner.previous)
            return UInt8(CC_NORM)
        }
        let column = before[before.index(after: place)...].unicodeScalars.count
        let above = before[..<place].split(separator: "\n", omittingEmptySubsequences: false).last?.unicodeScalars.count ?? 0
        move(-(column + 1 + max(0, above - column)))
        return UInt8(CC_CURSOR)
    }

    private func moveDown() -> UInt8 {
        let (before, behind) = text
        guard let place = behind.firstIndex(of: "\n") else {
            el_push(editor, Inner.next)
            return UInt8(CC_NORM)
        }
        let column = before.split(separator: "\n", omittingEmptySubsequences: false).last?.unicodeScalars.count ?? 0
        let below = behind[behind.index(after: place)...].prefix { $0 != "\n" }.unicodeScalars.count
        move(behind[..<place].unicodeScalars.count + 1 + min(column, below))
        return UInt8(CC_CURSOR)
    }

    private func moveHome() -> UInt8 {
        let before = text.before
        let start = before.lastIndex(of: "\n").map { before.index(after: $0) } ?? before.startIndex
        move(-before[start...].unicodeScalars.count)
        return UInt8(CC_CURSOR)
    }

    private func moveToEnd() -> UInt8 {
        move(text.behind.prefix { $0 != "\n" }.unicodeScalars.count)
        return UInt8(CC_CURSOR)
    }

    // MARK: Reading

    /// libedit keeps the pointer while it draws, so the text has a place of its own.
    private let promptBuffer = UnsafeMutablePointer<CChar>.allocate(capacity: LineEditor.promptCapacity)
    private static let promptCapacity = 256

    /// Reads a chunk.
    func read(prompt text: String) -> Line {
        prompt = text
        var place = 0
        for byte in text.utf8.prefix(Self.promptCapacity - 1) {
            promptBuffer[place] = CChar(bitPattern: byte)
            place += 1
        }
        promptBuffer[place] = 0
        setAside = [:]
        _ = lv_lua_take_signal()
        begin()
        var count: Int32 = 0
        let line = el_gets(editor, &count)
        let result = line.flatMap { count > 0 ? String(cString: $0) : nil }
        if result == nil { moveBelow() }
        end()
        guard var result else { return lv_lua_last_signal() == SIGINT ? .interrupted : .end }
        while result.hasSuffix("\n") || result.hasSuffix("\r\n") { result.removeLast() }
        return .text(expanded(result))
    }

    private func begin() {
        isReading = true
        signals.catchThem()
        notices.open()
        if isCapable { write("\u{1b}[?2004h") }
    }

    private func end() {
        if isCapable { write("\u{1b}[?2004l") }
        signals.release()
        isReading = false
        let late = notices.close()
        if !late.isEmpty { write(late) }
    }

    /// Writes to the terminal behind libedit's back, in order with what it writes.
    func write(_ text: String) {
        lv_edit_write(text)
    }

    /// One character from the terminal, decoded from UTF-8. -1 ends the reading: a signal came.
    private func readCharacter(_ target: UnsafeMutablePointer<wchar_t>?) -> Int32 {
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
        // What is no character, as of a terminal that speaks another code, is shown as such.
        target.pointee = wchar_t(Unicode.Scalar(scalar) == nil ? 0xfffd : scalar)
        return 1
    }

    private var buffer: [UInt8] = []
    private var taken = 0

    /// nil: a signal came; .some(nil): the input ended.
    func readByte() -> UInt8?? {
        if taken < buffer.count {
            defer { taken += 1 }
            return .some(buffer[taken])
        }
        while true {
            if lv_lua_last_signal() != 0 { return nil }
            attend()
            // A signal between that look and the wait would not end it, so the wait is looked up from now and then.
            var polled = [pollfd(fd: 0, events: Int16(POLLIN), revents: 0), pollfd(fd: notices.wakes, events: Int16(POLLIN), revents: 0)]
            guard poll(&polled, 2, 200) > 0, polled[0].revents != 0 else { continue }
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = Glibc.read(0, &bytes, bytes.count)
            if count > 0 {
                (buffer, taken) = (Array(bytes[..<count]), 1)
                return .some(bytes[0])
            }
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            return .some(nil)
        }
    }

    /// Forgets what was typed ahead: after Ctrl-C it belongs to nothing.
    func forgetTypedAhead() { (buffer, taken) = ([], 0) }
}
