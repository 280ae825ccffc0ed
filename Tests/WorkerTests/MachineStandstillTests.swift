import Basics
import Boot
import DeviceModel
import Foundation
import TestSupport
import Testing
import Worker
import WorkerProtocol

/// A machine that shall stand still, and something that does not let it.
@Suite(.enabled(if: Assembler.isInstalled, "nasm is not installed"), .timeLimit(.minutes(3)))
struct MachineStandstillTests {
    /// Holds up whoever comes until it is opened.
    private final class Gate: @unchecked Sendable {
        private let lock = HostLock()
        private var isOpen = false, isReached = false

        func pass() {
            lock.withLock {
                isReached = true
                lock.wakeAll()
                while !isOpen { lock.wait() }
            }
        }
        func open() {
            lock.withLock {
                isOpen = true
                lock.wakeAll()
            }
        }
        func waitForVisitor() { lock.withLock { while !isReached { lock.wait() } } }
    }

    /// A processor that does not leave its instruction holds up no verb for ever, and the machine goes on when it can.
    @Test(arguments: [false, true]) func aProcessorThatDoesNotStopIsAnErrorAndTheMachineRunsOn(exact: Bool) throws {
        let bench = MachineBench()
        let gate = Gate()
        var options = MachineOptions(testPorts: true)
        options.patience = 0.2
        options.testPort = { _ in gate.pass() }
        let image = try Assembler.assemble("Machine/verbs.asm", defining: ["MODE": 1])
        let machine = try Machine(
            configuration: MachineBench.configuration(exact: exact), boot: DirectBoot(kernel: MemoryBootFile(name: "verbs", bytes: image)),
            options: options, delegate: bench)
        defer { machine.close() }
        defer { gate.open() }
        try machine.start()
        gate.waitForVisitor()
        let file = NamelessFile()
        let verbs: [(String, () throws -> Void)] = [
            ("pause", { try machine.pause() }), ("save", { try machine.save(to: file.descriptor) }), ("reset", { try machine.reset() }),
            ("turnOff", { try machine.turnOff() }),
        ]
        for (name, verb) in verbs {
            do {
                try verb()
                Issue.record("\(name) succeeded")
            } catch let error as MachineError {
                #expect(error.code == .restless && error.message.contains("virtual processor 0"), "\(name): \(error.message)")
                #expect(error.recommendedAction?.contains("-Force") == true)
            }
            #expect(machine.state == .running, "after \(name)")
        }
        gate.open()
        try machine.pause()
        try machine.save(to: file.descriptor)
        #expect(machine.state == .saved)
    }

    /// The clock of a device's pump stands only when the device has finished what it is at.
    @Test func aPumpThatIsBusySaysSoInTime() throws {
        final class NoTimers: TimerService {
            final class Clock: PartitionClock { var nanoseconds: UInt64 { 0 } }
            final class Timer: PartitionTimer {
                var deadline: UInt64?
                func arm(at deadline: UInt64?) { self.deadline = deadline }
            }
            let clock: any PartitionClock = Clock()
            func makeTimer(name: String, action: @escaping () -> Void) -> any PartitionTimer { Timer() }
        }
        let gate = Gate()
        let pump = ThreadPump(name: "disk", timers: NoTimers())
        defer { pump.close() }
        pump.post { gate.pass() }
        pump.run()
        gate.waitForVisitor()
        #expect(!pump.stop(by: HostTime.monotonic() + 100_000_000))
        gate.open()
        #expect(pump.stop(by: HostTime.monotonic() + 60_000_000_000))
    }
}
