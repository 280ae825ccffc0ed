import Basics
import Glibc
import Management
import Persistence
import Synchronization
import Testing
import WorkerProtocol

@Suite struct LifecycleTests {
    @Test func aVMGoesThroughItsLife() throws {
        let test = try TestHost()
        let machine = try test.machine()
        try machine.start()
        #expect(try machine.status().state == .running)
        let status = try test.otherHost().machine(named: "web01").status()
        #expect(status.state == .running && status.workerProcessId == getpid() && status.memoryAssigned == 64 << 20)
        #expect(status.partitionId == 2 && status.engine == "Fake" && status.uptimeNanoseconds > 0)
        try machine.suspend()
        #expect(try machine.status().state == .paused)
        #expect(identifier { try machine.suspend() } == "InvalidState")
        try machine.resume()
        try machine.reset()
        try machine.save()
        #expect(try machine.status().state == .saved)
        #expect(identifier { try machine.configure { $0.processor.count = 2 } } == "InvalidState")
        try machine.start()
        #expect(try machine.status().uptimeNanoseconds == 2_000_000_000)
        #expect(try machine.status().hasSavedState == false)
        try machine.turnOff()
        #expect(try machine.status().state == .off)
        let kinds = try machine.events().map(\.kind)
        #expect(kinds == [.created, .started, .paused, .resumed, .reset, .saved, .restored, .stopped])
        #expect(try machine.events().allSatisfy { $0.initiator?.user.isEmpty == false })
        #expect(try machine.events().map(\.sequence) == Array(1...8))
    }

    @Test func theGenerationIdIsDrawnOnceAndAgainWhenItIsGone() throws {
        let test = try TestHost()
        let machine = try test.machine()
        #expect(try machine.configuration().generationId == nil)
        try machine.start()
        let id = try machine.configuration().generationId
        #expect(id != nil)
        try machine.configure { $0.generationId = nil }
        #expect(try machine.configuration().generationId == id, "it is the running machine's")
        try machine.save()
        try machine.start()
        try machine.turnOff()
        try machine.start()
        #expect(try machine.configuration().generationId == id)
        try machine.turnOff()
        // As applying a checkpoint does.
        try machine.configure { $0.generationId = nil }
        try machine.start()
        let next = try machine.configuration().generationId
        #expect(next != nil && next != id)
        try machine.turnOff()
    }

    @Test func savedStateCanBeThrownAway() throws {
        let test = try TestHost()
        let machine = try test.machine()
        #expect(identifier { try machine.removeSavedState() } == "InvalidState")
        for throwAway in [{ try machine.removeSavedState() }, { try machine.turnOff() }] {
            try machine.start()
            try machine.save()
            try throwAway()
            #expect(try machine.status().state == .off)
        }
    }

    @Test func whatMayChangeWhileRunningChanges() throws {
        let test = try TestHost()
        let machine = try test.machine()
        try machine.start()
        try machine.configure { $0.notes = "busy" }
        try machine.rename(to: "renamed")
        #expect(try machine.status().configuration?.notes == "busy")
        #expect(try test.otherHost().machines().map(\.name) == ["renamed"])
        #expect(identifier { try machine.configure { $0.processor.count = 2 } } == "InvalidState")
        #expect(identifier { try machine.remove() } == "InvalidState")
        try machine.turnOff()
        #expect(try machine.events().contains { $0.kind == .renamed })
        try machine.remove()
        #expect(identifier { try machine.status() } == "VMNotFound")
    }

    @Test func aStartThatFailsLeavesTheVMOff() throws {
        let test = try TestHost()
        let machine = try test.machine()
        _ = try test.folder.write("kernel", "broken")
        #expect(identifier { try machine.start() } == "WorkerFailure")
        #expect(try machine.status().state == .off)
        #expect(try machine.events().last?.kind == .startFailed)
        _ = try test.folder.write("kernel", "mended")
        try machine.start()
        #expect(try machine.status().state == .running)
        try machine.turnOff()
    }

    @Test func twoShellsStartOneVM() throws {
        let test = try TestHost()
        let machine = try test.machine()
        let outcomes = Mutex<[String?]>([])
        let hosts = (0..<4).map { _ in test.otherHost() }
        try inParallel(hosts.count) { index in
            let same = try? hosts[index].machine(id: machine.id)
            let outcome = identifier { try same?.start() }
            outcomes.withLock { $0.append(outcome) }
        }
        let all = outcomes.withLock { $0 }
        #expect(all.filter { $0 == nil }.count == 1)
        #expect(all.compactMap { $0 }.allSatisfy { $0 == "AlreadyRunning" })
        #expect(try machine.status().state == .running)
        try machine.turnOff()
        #expect(try machine.events().filter { $0.kind == .started }.count == 1)
    }

    @Test func theGuestPowersItselfOff() throws {
        let test = try TestHost()
        let machine = try test.machine()
        try machine.start()
        try machine.console().send(Array("poweroff\n".utf8))
        try machine.wait(for: .off, timeout: 30)
        #expect(try machine.status().state == .off)
        #expect(try machine.events().last?.message.contains("powered itself off") == true)
        #expect(identifier { try machine.turnOff() } == "InvalidState")
    }

    @Test func theGuestsCrashTextIsKept() throws {
        let test = try TestHost()
        let machine = try test.machine()
        try machine.start()
        try machine.console().send(Array("crash\n".utf8))
        try machine.wait(for: .console(port: 1, since: .lastStart) { $0.contains("crash") }, timeout: 30)
        try machine.turnOff()
        let crash = try #require(try machine.events().first { $0.kind == .guestCrashed })
        #expect(crash.level == .critical && crash.guestText == "Kernel panic \u{1b}[2J")
        #expect(
            crash.details?.filter { $0.name.hasPrefix("P") && $0.name.count == 2 }.map(\.value) == [
                "0x3e", "0x0", "0x1", "0x12345000", "0xe",
            ])
    }

    /// A guest that has crashed prints no more, and one that restarts by itself is no crashed one.
    @Test func aWaitForACrashedGuestEnds() throws {
        let test = try TestHost()
        let machine = try test.machine()
        func wait(timeout: Double = 60, crashSilence: Double = 0) -> ManagementError? {
            #expect(throws: ManagementError.self) {
                try machine.wait(
                    for: .console(port: 1, since: .end) { $0.contains("never") }, timeout: timeout, crashSilence: crashSilence)
            }
        }
        try machine.start()
        try machine.console().send(Array("crash\n".utf8))
        let crashed = wait()
        #expect(crashed?.identifier == "GuestCrashed")
        #expect(crashed?.message.contains("Kernel panic") == true)
        let late = wait(timeout: 0.1, crashSilence: 60)
        #expect(late?.identifier == "WaitTimeout")
        #expect(late?.message.contains("has crashed. It said: Kernel panic") == true)
        try machine.reset()
        let afterwards = wait(timeout: 0.3)
        #expect(afterwards?.identifier == "WaitTimeout")
        #expect(afterwards?.message.contains("crashed") == false)
        try machine.turnOff()
    }

    @Test func partitionsAndProcessorsOfAllWorkers() throws {
        let test = try TestHost()
        let machines = try (1...3).map { try test.machine("vm\($0)") }
        for machine in machines { try machine.start() }
        let partitions = try test.host.partitions()
        #expect(partitions.map(\.id) == [1, 2, 3, 4])
        #expect(partitions.map(\.name) == ["Root", "vm1", "vm2", "vm3"])
        #expect(partitions[0].hypercalls == 9)
        #expect(try test.host.partitions(id: 3).map(\.name) == ["vm2"])
        #expect(try test.host.partitions(of: [machines[2]]).map(\.id) == [4])
        #expect(try machines[0].virtualProcessors(registers: true)[0].registers?.first?.name == "RIP")
        #expect(test.host.statuses(of: machines).allSatisfy { (try? $0.get().state) == .running })
        for machine in machines { try machine.turnOff() }
        #expect(try test.host.partitions().map(\.id) == [1])
        #expect(try machines[0].virtualProcessors().isEmpty)
    }

    @Test func waitingEnds() throws {
        let test = try TestHost()
        let machine = try test.machine()
        try machine.start()
        #expect(identifier { try machine.wait(for: .off, timeout: 0.05) } == "WaitTimeout")
        #expect(identifier { try machine.wait(for: .off, isCancelled: { true }) } == "OperationStopped")
        try inParallel(2) { index in
            if index == 0 {
                try machine.wait(for: .state(.paused), timeout: 30)
            } else {
                try machine.suspend()
            }
        }
        try machine.turnOff()
    }

    @Test func aWorkerWhoseFolderIsDeletedEnds() throws {
        let test = try TestHost()
        let machine = try test.machine()
        try machine.start()
        let attachment = try machine.console().attach()
        let vms = try Folder(path: test.host.storePath + "/vms")
        try vms.removeTree(machine.id.description)
        var polled = pollfd(fd: attachment.descriptor, events: Int16(POLLIN), revents: 0)
        #expect(poll(&polled, 1, 30_000) == 1)
        #expect(identifier { try machine.status() } == "VMNotFound")
    }
}
