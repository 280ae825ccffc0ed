import Basics
import Boot
import Foundation
import Persistence
import TestSupport
import Testing
import Worker
import WorkerProtocol

/// The virtual machine generation counter as a guest sees it over saving, restoring and resetting.
@Suite(.enabled(if: Assembler.isInstalled, "nasm is not installed"), .timeLimit(.minutes(3)))
struct MachineGenerationTests {
    private static let first = GUID(bytes: Array(0x11...0x20)), second = GUID(bytes: Array(0xa1...0xb0))
    private static let firstShown = "id\n1817161514131211\n201f1e1d1c1b1a19\n"
    private static let secondShown = "id\na8a7a6a5a4a3a2a1\nb0afaeadacabaaa9\n"

    private func machine(_ bench: MachineBench, id: GUID?, exact: Bool) throws -> Machine {
        let image = try Assembler.assemble("Machine/generation.asm")
        var configuration = MachineBench.configuration(exact: exact)
        configuration.generationId = id
        return try bench.machine(DirectBoot(kernel: MemoryBootFile(name: "generation", bytes: image)), configuration)
    }

    /// A machine whose guest sleeps with the first id, saved.
    private func saved(exact: Bool) throws -> NamelessFile {
        let bench = MachineBench()
        let machine = try machine(bench, id: Self.first, exact: exact)
        defer { machine.close() }
        try machine.start()
        #expect(bench.wait { $0.output.hasSuffix("ready\n") }, "\(bench.output)")
        #expect(bench.output == Self.firstShown + "ready\n")
        let file = NamelessFile()
        try machine.save(to: file.descriptor)
        file.rewind()
        return file
    }

    private func ask(_ machine: Machine, _ byte: Character) throws {
        #expect(try machine.sendConsole(port: 1, Array(String(byte).utf8)) == 1)
    }

    @Test(arguments: [false, true]) func anotherIdIsShownAndNotified(exact: Bool) throws {
        let file = try saved(exact: exact)
        let bench = MachineBench()
        let machine = try machine(bench, id: Self.second, exact: exact)
        defer { machine.close() }
        try machine.restore(from: file.descriptor)
        try machine.resume()
        let changed = "changed\n" + Self.secondShown
        #expect(bench.wait { $0.output == changed }, "\(bench.output)")
        try ask(machine, "I")
        let counted = changed + "notifications 0000000000000001\n" + Self.secondShown
        #expect(bench.wait { $0.output == counted }, "\(bench.output)")
        // The id stays through a save with the same configuration, and through a reset.
        let again = NamelessFile()
        try machine.save(to: again.descriptor)
        again.rewind()
        try machine.restore(from: again.descriptor)
        try machine.resume()
        try ask(machine, "I")
        #expect(bench.wait { $0.output == counted + counted.dropFirst(changed.count) }, "\(bench.output)")
        try machine.reset()
        #expect(bench.wait { $0.output.hasSuffix(Self.secondShown + "ready\n") }, "\(bench.output)")
        try ask(machine, "Q")
        #expect(machine.wait(seconds: 60) { $0 == .off })
        machine.drain()
        #expect(bench.exitCode == 0)
    }

    @Test(arguments: [false, true]) func aPlainSaveNotifiesNobody(exact: Bool) throws {
        let file = try saved(exact: exact)
        let bench = MachineBench()
        let machine = try machine(bench, id: Self.first, exact: exact)
        defer { machine.close() }
        try machine.restore(from: file.descriptor)
        try machine.resume()
        // A notification would have come before this byte.
        try ask(machine, "I")
        #expect(bench.wait { $0.output == "notifications 0000000000000000\n" + Self.firstShown }, "\(bench.output)")
        try ask(machine, "Q")
        #expect(machine.wait(seconds: 60) { $0 == .off })
        machine.drain()
        #expect(bench.exitCode == 0)
    }

    @Test func aNotificationWaitsForTheGuestThroughASave() throws {
        let file = try saved(exact: true)
        let bench = MachineBench()
        let second = try machine(bench, id: Self.second, exact: true)
        defer { second.close() }
        try second.restore(from: file.descriptor)
        // Saved before the guest could do anything.
        let again = NamelessFile()
        try second.save(to: again.descriptor)
        again.rewind()
        let third = try machine(bench, id: Self.second, exact: true)
        defer { third.close() }
        try third.restore(from: again.descriptor)
        try third.resume()
        #expect(bench.wait { $0.output == "changed\n" + Self.secondShown }, "\(bench.output)")
    }

    @Test func aGuestFromBeforeTheCounterIsLeftAlone() throws {
        let bench = MachineBench()
        let image = try Assembler.assemble("Machine/verbs.asm", defining: ["MODE": 5])
        let boot = DirectBoot(kernel: MemoryBootFile(name: "verbs", bytes: image))
        var configuration = MachineBench.configuration(exact: true)
        configuration.generationId = nil
        let old = try bench.machine(boot, configuration)
        defer { old.close() }
        try old.start(paused: true)
        try old.run(toCount: 10_000)
        let before = try old.stateHash()
        let file = NamelessFile()
        try old.save(to: file.descriptor)
        file.rewind()
        configuration.generationId = Self.first
        let new = try bench.machine(boot, configuration)
        defer { new.close() }
        try new.restore(from: file.descriptor)
        #expect(try new.stateHash() == before)
    }

    @Test func anExactMachinesIdsFollowFromWhatIsRepeated() {
        var configuration = MachineBench.configuration(exact: true)
        let first = configuration.drawGenerationId()
        #expect(configuration.drawGenerationId() == first)
        configuration.past = .init()
        configuration.past?.current = GUID(bytes: Array(1...16))
        let restored = configuration.drawGenerationId()
        #expect(restored != first)
        #expect(configuration.drawGenerationId() == restored)
        configuration.creationTime += 1
        #expect(configuration.drawGenerationId() != restored, "a clone")
        configuration.timeMode = .real
        #expect(configuration.drawGenerationId() != configuration.drawGenerationId())
    }
}
