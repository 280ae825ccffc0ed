import Basics
import Glibc
import Storage
import Synchronization
import Testing

/// A guest's disk thread: random reads and writes that are compared with an array of bytes, for as long as it is let.
final class GuestLoad: @unchecked Sendable {
    // Safety: the thread alone uses `model` and `mistakes` until it has ended.
    private let disk: any Disk
    private var random: SeededGenerator
    private(set) var model: [UInt8]
    private(set) var mistakes: [String] = []
    private let isStopped = Atomic(false)
    private let rounds = Atomic(0)
    private var thread: HostThread?
    private let discards: Bool

    init(_ disk: any Disk, model: [UInt8], seed: UInt64, discards: Bool = true) {
        (self.disk, self.model, random, self.discards) = (disk, model, SeededGenerator(state: seed), discards)
    }

    func start() {
        isStopped.store(false, ordering: .sequentiallyConsistent)
        thread = HostThread(name: "guest") { while !self.isStopped.load(ordering: .relaxed), self.mistakes.count < 3 { self.step() } }
    }

    /// Returns when the guest has done so many more requests.
    func waitForWork(_ count: Int = 20) {
        let goal = rounds.load(ordering: .relaxed) + count
        #expect(waits { self.rounds.load(ordering: .relaxed) >= goal || self.isStopped.load(ordering: .relaxed) })
    }

    func stop() {
        isStopped.store(true, ordering: .sequentiallyConsistent)
        thread?.join()
        thread = nil
        #expect(mistakes.isEmpty, "\(mistakes)")
    }

    /// Requests of one thread, without another one.
    func run(_ count: Int) {
        for _ in 0..<count { step() }
        #expect(mistakes.isEmpty, "\(mistakes)")
    }

    func expectContent(of disk: any Disk) throws { #expect(try disk.read(at: 0, count: model.count) == model, "other content") }

    private func step() {
        let sectors = Int.random(in: 1...64, using: &random)
        let place = Int.random(in: 0...(model.count / 512 - sectors), using: &random) * 512
        let count = sectors * 512
        do {
            switch random.next() % 16 {
            case 0..<7:
                let bytes = random.next() % 5 == 0 ? [UInt8](repeating: 0, count: count) : random.bytes(count)
                try disk.write(bytes, at: UInt64(place))
                model.replaceSubrange(place..<place + count, with: bytes)
            case 7 where discards:
                // What was given up is written again before anybody looks: it may read as anything.
                let start = place & ~0xf_ffff
                let length = min(2 << 20, model.count - start)
                try disk.discard(at: UInt64(start), count: UInt64(length))
                model.replaceSubrange(start..<start + length, with: repeatElement(0, count: length))
                let bytes = random.bytes(64 << 10)
                for piece in stride(from: start, to: start + length, by: 64 << 10) {
                    // Zeros a third of the time, so that whole blocks can stay given up.
                    let isZero = random.next() % 3 == 0
                    if isZero, try disk.read(at: UInt64(piece), count: 64 << 10).allSatisfy({ $0 == 0 }) { continue }
                    let content = isZero ? [UInt8](repeating: 0, count: 64 << 10) : bytes
                    try disk.write(content, at: UInt64(piece))
                    model.replaceSubrange(piece..<piece + content.count, with: content)
                }
            case 8: try disk.flush()
            default:
                if try disk.read(at: UInt64(place), count: count) != Array(model[place..<place + count]) {
                    mistakes.append("\(count) bytes at \(place) differ")
                }
            }
        } catch { mistakes.append("\(error)") }
        rounds.add(1, ordering: .relaxed)
    }

    private func waits(_ condition: () -> Bool) -> Bool {
        let end = HostTime.monotonic() + 60_000_000_000
        while !condition() {
            guard HostTime.monotonic() < end else { return false }
            usleep(1000)
        }
        return true
    }
}
