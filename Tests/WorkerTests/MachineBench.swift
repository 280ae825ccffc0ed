import Basics
import Boot
import DeviceModel
import Foundation
import Persistence
import TestSupport
import Worker
import WorkerProtocol

/// A machine with a delegate that remembers everything, for tests.
final class MachineBench: MachineDelegate, @unchecked Sendable {
    // Safety: all below is touched under `lock`.
    private let lock = HostLock()
    private var consoleBytes: [Int: [UInt8]] = [:]
    private var recordedEvents: [MachineEvent] = []
    private var recordedStates: [VirtualMachineState] = []
    private var recordedInputs: [MachineInput] = []

    func machine(console port: Int, wrote bytes: [UInt8]) {
        lock.withLock {
            consoleBytes[port, default: []] += bytes
            lock.wakeAll()
        }
    }
    func machine(happened event: MachineEvent) {
        lock.withLock {
            recordedEvents.append(event)
            lock.wakeAll()
        }
    }
    func machine(changedTo state: VirtualMachineState) {
        lock.withLock {
            recordedStates.append(state)
            lock.wakeAll()
        }
    }
    func machine(took input: MachineInput) { lock.withLock { recordedInputs.append(input) } }

    var output: String { lock.withLock { String(decoding: consoleBytes[1] ?? [], as: UTF8.self) } }
    var events: [MachineEvent] { lock.withLock { recordedEvents } }
    var states: [VirtualMachineState] { lock.withLock { recordedStates } }
    var inputs: [MachineInput] { lock.withLock { recordedInputs } }
    var exitCode: UInt64? { events.last { $0.kind == .guestExit }?.parameters?.first }

    /// Waits until `condition` holds; false after `seconds`.
    func wait(seconds: Double = 60, until condition: (MachineBench) -> Bool) -> Bool {
        let end = HostTime.monotonic() + UInt64(seconds * 1e9)
        while !condition(self) {
            guard HostTime.monotonic() < end else { return false }
            lock.withLock { lock.wait(untilMonotonic: min(end, HostTime.monotonic() + 50_000_000)) }
        }
        return true
    }

    static func configuration(
        exact: Bool = false, processors: Int = 1, megabytes: UInt64 = 32
    ) -> VirtualMachineConfiguration {
        // One identity for all: machines are compared and restored into each other, and devices are named after it.
        let id = GUID(bytes: Array(1...16))
        var configuration = VirtualMachineConfiguration(id: id, name: "bench", creationTime: 1_795_363_323_000_000_000)
        configuration.memory.startupBytes = megabytes << 20
        configuration.processor.count = processors
        configuration.timeMode = exact ? .exact : .real
        configuration.seed = exact ? 42 : nil
        configuration.generationId = id
        return configuration
    }

    /// A machine that runs Tests/GuestPrograms/Machine/verbs.asm.
    func machine(mode: Int, exact: Bool = false) throws -> Machine {
        let image = try Assembler.assemble("Machine/verbs.asm", defining: ["MODE": mode])
        return try machine(DirectBoot(kernel: MemoryBootFile(name: "verbs \(mode)", bytes: image)), Self.configuration(exact: exact))
    }

    func machine(_ boot: DirectBoot, _ configuration: VirtualMachineConfiguration, testPorts: Bool = true) throws -> Machine {
        try Machine(configuration: configuration, boot: boot, options: MachineOptions(testPorts: testPorts), delegate: self)
    }
}

/// A temporary file without a name.
final class NamelessFile {
    let descriptor: Int32
    init() {
        let file = tmpfile()
        descriptor = file.map { dup(fileno($0)) } ?? -1
        if let file { fclose(file) }
    }
    deinit { close(descriptor) }
    func rewind() { lseek(descriptor, 0, SEEK_SET) }
}
