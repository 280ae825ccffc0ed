import Basics
import Glibc
import Management
import Persistence
import Testing

/// What the host's start and stop do with machines.
@Suite struct AutomaticActionTests {
    private func machine(_ test: TestHost, _ name: String, stop: String, start: String = "StartIfRunning", notes: String = "") throws
        -> VirtualMachine
    {
        let machine = try test.machine(name)
        try machine.configure {
            ($0.automaticStopAction, $0.automaticStartAction, $0.notes) = (stop, start, notes)
        }
        return machine
    }

    @Test func eachMachineIsStoppedAsItSaysAndStartedAgain() throws {
        let test = try TestHost()
        let saved = try machine(test, "a", stop: "Save")
        let off = try machine(test, "b", stop: "TurnOff")
        let down = try machine(test, "c", stop: "ShutDown")
        let resting = try machine(test, "d", stop: "Save")
        let always = try machine(test, "e", stop: "Save", start: "Start")
        let never = try machine(test, "f", stop: "TurnOff", start: "Nothing")
        for machine in [saved, off, down, never] { try machine.start() }

        let stopped = try test.host.stopAutomatically()
        #expect(stopped.allSatisfy { $0.error == nil && $0.remark == nil })
        #expect(stopped.map(\.machine.name) == ["a", "b", "c", "f"])
        #expect(stopped.map(\.action) == [.saved, .turnedOff, .shutDown, .turnedOff])
        #expect(try [saved, off, down, resting, always, never].map { try $0.status().state } == [.saved, .off, .off, .off, .off, .off])

        let started = try test.host.startAutomatically()
        #expect(started.allSatisfy { $0.error == nil && $0.action == .started })
        #expect(Set(started.map(\.machine.name)) == ["a", "b", "c", "e"])
        #expect(try saved.status().state == .running && resting.status().state == .off && never.status().state == .off)
        for machine in [saved, off, down, always] { try machine.turnOff() }
        // What was noted holds for one start of the host.
        #expect(try test.host.startAutomatically().map(\.machine.name) == ["e"])
        try always.turnOff()
    }

    @Test func aGuestThatCannotBeShutDownIsSaved() throws {
        let test = try TestHost()
        let machine = try machine(test, "a", stop: "ShutDown", notes: "silent")
        try machine.start()
        let outcome = try #require(try test.host.stopAutomatically().first)
        #expect(outcome.error == nil && outcome.action == .saved)
        #expect(outcome.remark?.contains("could not be shut down") == true)
        #expect(try machine.status().state == .saved)
    }

    @Test func delaysAreWaitedForAndAFailureIsTold() throws {
        let test = try TestHost()
        let late = try machine(test, "late", stop: "Save", start: "Start")
        try late.configure { $0.automaticStartDelay = 1 }
        let broken = try machine(test, "broken", stop: "Save", start: "Start")
        unlink(test.kernel)
        let other = try test.folder.write("kernel2", "a kernel")
        try late.configure { $0.firmware.kernelPath = other }
        let begin = HostTime.monotonic()
        let outcomes = try test.host.startAutomatically()
        #expect(HostTime.monotonic() - begin >= 1_000_000_000)
        #expect(outcomes.map(\.machine.name) == ["broken", "late"])
        #expect(outcomes[0].error != nil && outcomes[1].error == nil)
        #expect(try late.status().state == .running && broken.status().state == .off)
        try late.turnOff()
    }

    @Test func aMachineThatRanWhenTheHostWentDownIsStarted() throws {
        let test = try TestHost()
        let machine = try machine(test, "a", stop: "Save")
        // What a worker leaves behind when the power goes, seen after the next boot.
        let record = """
            {"version":1,"processId":\(getpid()),"bootId":"another boot","processStartTime":1,"partitionId":2,"startTime":1,
             "state":"Running","isHosted":false,"memoryAssigned":1}
            """
        let path = test.path(machine, "run.json")
        let file = try #require(fopen(path, "w"))
        fputs(record, file)
        fclose(file)
        // Someone looks before the host's start is seen to.
        #expect(try machine.status().state == .off)
        #expect(try test.host.startAutomatically().map(\.machine.name) == ["a"])
        try machine.turnOff()
        #expect(try test.host.startAutomatically().isEmpty)
    }

    @Test("A guest that resets itself at that moment is saved or turned off all the same", arguments: ["Save", "TurnOff"])
    func resetting(action: String) throws {
        let test = try TestHost()
        let machine = try machine(test, "a", stop: action)
        try machine.start()
        try #require(FakeMachine.running(machine.id)).change(.reset)
        #expect(try machine.status().state == .reset)
        let outcome = try #require(try test.host.stopAutomatically().first)
        #expect(outcome.error == nil)
        #expect(try machine.status().state == (action == "Save" ? .saved : .off))
    }
}
