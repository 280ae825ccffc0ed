import Basics
import Boot
import Foundation
import TestSupport
import Testing
import Worker
import WorkerProtocol

/// The unmodified Debian kernel of Scripts/guest-image.
@Suite(.enabled(if: BuiltShell.guest != nil, "the guest is not built: Scripts/guest-image"), .serialized, .timeLimit(.minutes(15)))
struct MachineLinuxTests {
    private static let arguments = "console=ttyS0 loglevel=8 panic=-1 cryptomgr.notests"

    private func boot(_ arguments: String) throws -> DirectBoot {
        let folder = try #require(BuiltShell.guest)
        return DirectBoot(
            kernel: try DescriptorBootFile(path: folder + "/vmlinuz"),
            ramdisk: try DescriptorBootFile(path: folder + "/initrd.img"), arguments: arguments)
    }

    @Test(arguments: [(1, false), (4, false), (2, true)])
    func bootsToUserSpaceAndPowersOff(processors: Int, exact: Bool) throws {
        let bench = MachineBench()
        let machine = try bench.machine(
            try boot(Self.arguments + " command=\"nproc\""),
            MachineBench.configuration(exact: exact, processors: processors, megabytes: 256), testPorts: false)
        defer { machine.close() }
        try machine.start()
        #expect(machine.wait(seconds: 600) { $0 == .off })
        machine.drain()
        let output = bench.output
        #expect(output.contains("Hypervisor detected: Microsoft Hyper-V"))
        #expect(output.contains("processors: \(processors)"))
        #expect(output.contains("ttyS0 at I/O 0x3f8 (irq = 4, base_baud = 115200) is a 16550A"))
        for complaint in ["unchecked MSR access", "Call Trace", "ACPI Error", "ACPI BIOS Error", "ACPI Warning", "too much work for irq"] {
            #expect(!output.contains(complaint), "\(complaint)")
        }
        #expect(bench.events.map(\.kind) == [.started, .guestPowerOff])
    }

    @Test func aRestoredKernelHearsOfItsNewGeneration() throws {
        func machine(_ bench: MachineBench, id: GUID) throws -> Machine {
            var configuration = MachineBench.configuration(megabytes: 256)
            configuration.generationId = id
            return try bench.machine(try boot(Self.arguments), configuration, testPorts: false)
        }
        let bench = MachineBench()
        let first = try machine(bench, id: GUID())
        defer { first.close() }
        try first.start()
        #expect(bench.wait(seconds: 200) { $0.output.contains("guest# ") }, "\(bench.output)")
        let file = NamelessFile()
        try first.save(to: file.descriptor)
        file.rewind()
        let later = MachineBench()
        let second = try machine(later, id: GUID())
        defer { second.close() }
        try second.restore(from: file.descriptor)
        try second.resume()
        // A kernel without the driver counts the event, too.
        let question = "cat /sys/firmware/acpi/interrupts/gpe00; echo asked\n"
        #expect(try second.sendConsole(port: 1, Array(question.utf8)) == question.utf8.count)
        #expect(later.wait(seconds: 20) { $0.output.contains("\nasked") }, "\(later.output)")
        #expect(later.output.range(of: " 1  EN +enabled", options: .regularExpression) != nil, "\(later.output)")
        #expect(try second.sendConsole(port: 1, Array("poweroff -f\n".utf8)) > 0)
        #expect(second.wait(seconds: 60) { $0 == .off })
    }

    @Test func aBootIsRepeatableAndSurvivesSaving() throws {
        var generator = SystemRandomNumberGenerator()
        let count = UInt64.random(in: 50_000_000...600_000_000, using: &generator)
        let end = count + 60_000_000
        var machines: [Machine] = []
        defer { for machine in machines { machine.close() } }
        let bench = MachineBench()
        for _ in 0..<2 {
            machines.append(
                try bench.machine(
                    try boot(Self.arguments), MachineBench.configuration(exact: true, processors: 2, megabytes: 256), testPorts: false))
        }
        // The first runs in one go, the second is saved on the way and goes on in a third.
        try machines[0].start(paused: true)
        try machines[0].run(toCount: end)
        try machines[1].start(paused: true)
        try machines[1].run(toCount: count)
        let file = NamelessFile()
        try machines[1].save(to: file.descriptor)
        machines.append(
            try bench.machine(
                try boot(Self.arguments), MachineBench.configuration(exact: true, processors: 2, megabytes: 256), testPorts: false))
        file.rewind()
        try machines[2].restore(from: file.descriptor)
        try machines[2].run(toCount: end)
        #expect(machines[2].status().instructions == machines[0].status().instructions)
        let (first, third) = (try machines[0].unitStates(), try machines[2].unitStates())
        for (one, other) in zip(first, third) { #expect(one == other, "saved at count \(count): \(one.name)") }
        #expect(try machines[0].stateHash() == machines[2].stateHash(), "saved at count \(count)")
    }

    /// Interpreter and translator side by side, stopped at counts that fall anywhere: devices, registers, flags and memory are the same.
    @Test(arguments: [1, 2]) func bothEnginesBootInLockstep(processors: Int) throws {
        var generator = SystemRandomNumberGenerator()
        let bench = MachineBench()
        let machines = try ["Interpreter", "Translator"].map { engine in
            var configuration = MachineBench.configuration(exact: true, processors: processors, megabytes: 256)
            configuration.processor.engine = engine
            return try bench.machine(try boot(Self.arguments), configuration, testPorts: false)
        }
        defer { for machine in machines { machine.close() } }
        for machine in machines { try machine.start(paused: true) }
        var count: UInt64 = 0
        var stops: [UInt64] = []
        while count < 660_000_000 {
            // Some stops lie close together: 1,000 to 67 million instructions.
            count += UInt64.random(in: 1...(1 << UInt64.random(in: 10...26, using: &generator)), using: &generator)
            stops.append(count)
            for machine in machines { try machine.run(toCount: count) }
            let (interpreted, translated) = (try machines[0].unitStates(), try machines[1].unitStates())
            for (one, other) in zip(interpreted, translated) { #expect(one == other, "\(one.name) at \(stops)") }
            let isSame = try machines[0].stateHash() == machines[1].stateHash()
            #expect(isSame, "at \(stops)")
            if !isSame { return }
        }
    }
}
