import CEdit
import CLua
import Glibc
import Synchronization

/// Where the text stands on the screen, and what happens there beside editing: notices, a new size, Ctrl-Z.
extension LineEditor {
    private var width: Int {
        var size = winsize()
        return ioctl(1, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    }

    /// Rows from the prompt's to the one that the cursor has after `text`.
    private func rows(of text: String) -> Int {
        let width = width
        var (row, column) = (0, 0)
        for scalar in (prompt + text).unicodeScalars {
            switch scalar {
            case "\n": (row, column) = (row + 1, 0)
            case "\t": column = (column + 8) & ~7
            default: column += max(0, scalar.value < 0x20 ? 2 : Int(lv_edit_columns(scalar.value)))
            }
            if column >= width { (row, column) = (row + 1, column - width) }
        }
        return row
    }

    /// Moves the terminal's cursor to the start of the row below the text.
    func moveBelow() {
        let (before, behind) = text
        let below = rows(of: before + behind) - rows(of: before)
        if below > 0 { write(String(repeating: "\n", count: below)) }
    }

    /// Takes the text off the screen; the terminal's cursor is then where the prompt began.
    private func erase() {
        guard isCapable else { return write("\n") }
        let up = rows(of: text.before)
        write("\r" + (up > 0 ? "\u{1b}[\(up)A" : "") + "\u{1b}[J")
    }

    /// What came from outside since the last look.
    func attend() {
        if signals.takeResize() {
            erase()
            el_resize(editor)
            lv_edit_redraw(editor)
        }
        if signals.takeSuspend() { suspend() }
        let news = notices.take()
        guard !news.isEmpty else { return }
        erase()
        write(news.hasSuffix("\n") ? news : news + "\n")
        lv_edit_redraw(editor)
    }

    /// Ctrl-Z: gives the terminal back as it was, stops, and goes on where it was.
    private func suspend() {
        moveBelow()
        write("\n" + (isCapable ? "\u{1b}[?2004l" : ""))
        lv_edit_prepare(editor, 0)
        signals.suspend()
        lv_edit_prepare(editor, 1)
        write(isCapable ? "\u{1b}[?2004h" : "")
        el_resize(editor)
        lv_edit_redraw(editor)
    }
}

/// Texts that other threads write while a line is edited; they are shown above it.
package final class LineNotices: Sendable {
    private struct State {
        var isOpen = false
        var text = ""
    }
    private let state = Mutex(State())
    /// Readable when there is something to take.
    let wakes: Int32
    private let wake: Int32

    package init() {
        var ends: [Int32] = [-1, -1]
        if pipe(&ends) == 0 {
            for end in ends {
                _ = fcntl(end, F_SETFD, FD_CLOEXEC)
                _ = fcntl(end, F_SETFL, O_NONBLOCK)
            }
        }
        (wakes, wake) = (ends[0], ends[1])
    }

    deinit { for end in [wakes, wake] where end >= 0 { close(end) } }

    package func open() { state.withLock { $0.isOpen = true } }

    /// From now on nobody's text is taken; gives what was not shown yet.
    package func close() -> String {
        state.withLock { state in
            defer { state = State() }
            return state.text
        }
    }

    /// Takes a text over if a line is being edited; false: write it yourself.
    package func post(_ text: String) -> Bool {
        state.withLock { state in
            guard state.isOpen else { return false }
            state.text += text
            var byte: UInt8 = 0
            _ = Glibc.write(wake, &byte, 1)
            return true
        }
    }

    /// Whether a line is being edited now.
    var isOpen: Bool { state.withLock { $0.isOpen } }

    /// Whole lines that came.
    package func take() -> String {
        state.withLock { state in
            var bytes = [UInt8](repeating: 0, count: 64)
            while read(wakes, &bytes, bytes.count) > 0 {}
            guard let end = state.text.lastIndex(where: \.isNewline) else { return "" }
            let next = state.text.index(after: end)
            defer { state.text = String(state.text[next...]) }
            return String(state.text[..<next])
        }
    }

    private func close(_ descriptor: Int32) { Glibc.close(descriptor) }
}

/// SIGTSTP and SIGWINCH while a line is edited.
struct EditingSignals {
    private static let suspends = Atomic<Bool>(false)
    private static let resizes = Atomic<Bool>(false)

    func catchThem() {
        Self.suspends.store(false, ordering: .relaxed)
        Self.resizes.store(false, ordering: .relaxed)
        signal(SIGTSTP) { _ in EditingSignals.suspends.store(true, ordering: .relaxed) }
        signal(SIGWINCH) { _ in EditingSignals.resizes.store(true, ordering: .relaxed) }
    }

    func release() {
        signal(SIGTSTP, SIG_DFL)
        signal(SIGWINCH, SIG_DFL)
    }

    func takeResize() -> Bool { Self.resizes.exchange(false, ordering: .relaxed) }
    func takeSuspend() -> Bool { Self.suspends.exchange(false, ordering: .relaxed) }

    /// Stops this process group as Ctrl-Z does; returns when it goes on.
    func suspend() {
        signal(SIGTSTP, SIG_DFL)
        kill(0, SIGTSTP)
        catchThem()
    }
}
