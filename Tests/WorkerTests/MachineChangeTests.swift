import Basics
import Boot
import Foundation
import Persistence
import TestSupport
import Testing
import Worker
import WorkerProtocol

/// Changes of a machine that stands or runs, and the state saved after them.
@Suite(.enabled(if: Assembler.isInstalled, "nasm is not installed"), .timeLimit(.minutes(3)))
struct MachineChangeTests {
    private func bootFile() throws -> DirectBoot {
        DirectBoot(kernel: MemoryBootFile(name: "verbs", bytes: try Assembler.assemble("Machine/verbs.asm", defining: ["MODE": 7])))
    }

    private func adapter(_ number: UInt8) -> VirtualMachineConfiguration.NetworkAdapter {
        .init(id: GUID(bytes: [UInt8](repeating: number, count: 16)), macAddress: "00155D00000\(number)")
    }

    /// A device that came or went while the machine stood leaves nothing under way that would keep it from being saved.
    @Test(arguments: [false, true]) func aPausedMachineIsSavedAfterItsDevicesChanged(exact: Bool) throws {
        let bench = MachineBench()
        var configuration = MachineBench.configuration(exact: exact)
        let machine = try bench.machine(bootFile(), configuration)
        defer { machine.close() }
        try machine.start(paused: true)
        try machine.apply(
            [.addAdapter(adapter(1)), .addAdapter(adapter(2)), .integrationService(.heartbeat, isEnabled: false)], HandedDevices())
        try machine.apply([.removeAdapter(adapter(1).id)], HandedDevices())
        let file = NamelessFile()
        try machine.save(to: file.descriptor)

        configuration.adapters = [adapter(2)]
        configuration.enable(.heartbeat, false)
        let other = try bench.machine(bootFile(), configuration)
        defer { other.close() }
        file.rewind()
        try other.restore(from: file.descriptor)
        #expect(other.guestInformation().adapters.map(\.id) == [adapter(2).id])
        #expect(other.guestInformation().services.first { $0.name == IntegrationService.heartbeat.rawValue }?.isEnabled == false)
    }

    /// What cannot be connected leaves the machine as it was, also what stands before it in the list.
    @Test func aChangeThatCannotBeMadeChangesNothing() throws {
        let bench = MachineBench()
        let machine = try bench.machine(bootFile(), MachineBench.configuration())
        defer { machine.close() }
        try machine.start()
        var connected = adapter(2)
        connected.switchId = GUID()
        #expect(throws: MachineError.self) {
            try machine.apply(
                [.integrationService(.heartbeat, isEnabled: false), .addAdapter(adapter(1)), .addAdapter(connected)], HandedDevices())
        }
        #expect(machine.guestInformation().adapters.isEmpty)
        #expect(machine.guestInformation().heartbeat != "Disabled")
    }

    /// What a device that is gone had does not stay: a thousand of them leave the machine as it was.
    @Test(arguments: [false, true]) func devicesThatLeaveTakeTheirTimersAndThreadsAlong(exact: Bool) throws {
        let bench = MachineBench()
        let machine = try bench.machine(bootFile(), MachineBench.configuration(exact: exact))
        defer { machine.close() }
        try machine.start()
        func open() -> Int { (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0 }
        let (timers, files) = (machine.timerCount, open())
        for _ in 0..<1000 {
            try machine.apply([.addAdapter(adapter(1))], HandedDevices())
            try machine.apply([.removeAdapter(adapter(1).id)], HandedDevices())
        }
        // The last ones may still be on their way out; the guest sets timers meanwhile, and other tests open files, some hundreds.
        let isClean = bench.wait(seconds: 60) { _ in machine.timerCount < timers + 900 && open() < files + 900 }
        #expect(isClean, "\(machine.timerCount) \(open())")
    }

    /// Readers of views and changes of devices meet.
    @Test func viewsAreTakenWhileDevicesChange() async throws {
        let bench = MachineBench()
        let machine = try bench.machine(bootFile(), MachineBench.configuration())
        defer { machine.close() }
        try machine.start()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for _ in 0..<300 { _ = machine.guestInformation() } }
            group.addTask {
                for _ in 0..<60 {
                    try machine.apply([.addAdapter(adapter(1)), .addAdapter(adapter(2))], HandedDevices())
                    try machine.apply([.removeAdapter(adapter(1).id), .removeAdapter(adapter(2).id)], HandedDevices())
                }
            }
            try await group.waitForAll()
        }
        #expect(machine.guestInformation().adapters.isEmpty)
    }
}
