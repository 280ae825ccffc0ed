import Glibc

/// Says which case was running when the process traps or hangs: the target's name and the bytes in hexadecimal, on standard error.
final class CaseWatch {
    /// Seconds after which a case hangs.
    private static let patience: UInt32 = 60
    // Safety: written by the one test that runs (the suite is serial); read by a signal's handler in the same process, which ends it.
    nonisolated(unsafe) private static var line = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 80_000)
    nonisolated(unsafe) private static var length = 0
    private static let signals = [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGABRT, SIGALRM]

    private let name: [UInt8]
    private var before: [sigaction] = []
    /// Seconds of the slowest case.
    private(set) var slowest = 0.0

    init(_ name: String) {
        self.name = Array(name.utf8)
        Self.length = 0
        for signal in Self.signals {
            var (action, old) = (sigaction(), sigaction())
            action.__sigaction_handler.sa_handler = { signal in
                _ = write(2, CaseWatch.line.baseAddress, CaseWatch.length)
                Glibc.signal(signal, SIG_DFL)
                raise(signal)
            }
            sigaction(signal, &action, &old)
            before.append(old)
        }
    }

    /// Gives the signals back.
    func end() {
        alarm(0)
        for (signal, old) in zip(Self.signals, before) {
            var old = old
            sigaction(signal, &old, nil)
        }
    }

    func run(_ bytes: [UInt8], _ body: ([UInt8]) -> Void) {
        note(bytes)
        alarm(Self.patience)
        let start = ContinuousClock.now
        body(bytes)
        alarm(0)
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        slowest = max(slowest, Double(seconds) + Double(attoseconds) / 1e18)
    }

    private func note(_ bytes: [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        var text = Array("\nfuzz target ".utf8) + name + Array(", case ".utf8)
        for byte in bytes { text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
        text.append(10)
        Self.length = min(text.count, Self.line.count)
        for index in 0..<Self.length { Self.line[index] = text[index] }
    }
}
