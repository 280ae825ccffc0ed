/// A surface that strangers reach, driven with their bytes: a guest's, a peer's, or a file's.
///
/// A case is one call of `run`: it makes what it needs in memory, feeds it the bytes, and checks what must hold afterwards with
/// `promise`. Whatever the bytes are it may not trap, may not hang, and may not take more memory than its surroundings allow. A target's
/// only way to report is to end the process (`fatalError`): that is what libFuzzer and the tests that watch over it understand.
package struct FuzzTarget: Sendable {
    /// As `Scripts/fuzz` takes it.
    package let name: String
    /// What the bytes are, in one line.
    package let summary: String
    /// Longest useful case in bytes.
    package let maximumLength: Int
    /// Cases that get through the first checks: mutation begins from them. Made by code, the same in every run.
    package let seeds: @Sendable () -> [[UInt8]]
    package let run: @Sendable ([UInt8]) -> Void

    init(
        _ name: String, _ summary: String, maximumLength: Int = 4096, seeds: @escaping @Sendable () -> [[UInt8]] = { [[]] },
        run: @escaping @Sendable ([UInt8]) -> Void
    ) {
        (self.name, self.summary, self.maximumLength, self.seeds, self.run) = (name, summary, maximumLength, seeds, run)
    }

    /// Every target, in the order of the machine's layers.
    package static let all: [FuzzTarget] =
        busTargets + integrationTargets + serviceTargets + networkTargets + diskTargets + controlTargets + machineTargets
        + shellTargets
}

/// What must hold whatever a case's bytes are; a broken promise ends the process, as a trap does, and says which it was.
func promise(_ holds: Bool, _ what: @autoclosure () -> String = "") {
    if !holds { fatalError("broken promise: \(what())") }
}
