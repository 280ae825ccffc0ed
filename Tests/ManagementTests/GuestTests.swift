import Basics
import Glibc
import Management
import Persistence
import Testing

/// What goes through the guest, with a guest that only pretends.
@Suite struct GuestTests {
    private func machine(_ test: TestHost, notes: String = "") throws -> VirtualMachine {
        let machine = try test.machine()
        try machine.configure { $0.notes = notes }
        return machine
    }

    @Test func aGuestShutsDown() throws {
        let test = try TestHost()
        let machine = try machine(test)
        #expect(identifier { try machine.shutDown() } == "InvalidState")
        try machine.start()
        try machine.shutDown(timeout: 20)
        #expect(try machine.status().state == .off)
        #expect(try machine.events().contains { $0.kind == .shutdownRequested && $0.initiator != nil })
    }

    @Test func aGuestThatDoesNotAnswerIsReportedAndRunsOn() throws {
        for (notes, words) in [("silent", "no answer"), ("deaf", "still running")] {
            let test = try TestHost()
            let machine = try machine(test, notes: notes)
            try machine.start()
            do {
                try machine.shutDown(timeout: 0.3)
                Issue.record("no error for \(notes)")
            } catch let error as any DescribedError {
                #expect(error.identifier == "GuestNotResponding")
                #expect(error.message.contains(words))
            }
            #expect(try machine.status().state == .running)
            try machine.turnOff()
        }
    }

    @Test func whatTheGuestReportsIsInItsStatus() throws {
        let test = try TestHost()
        let machine = try machine(test)
        #expect(try machine.guestInformation() == nil)
        #expect(try machine.status().guest == nil)
        try machine.start()
        let guest = try #require(try machine.status().guest)
        #expect(guest.heartbeat == "OkApplicationsUnknown" && guest.memoryDemand == 33 << 20)
        #expect(guest.keyValues["OSName"]?.hasPrefix("Fake OS") == true)
        try machine.setKeyValues([("Role", "web"), ("OSName", nil)])
        #expect(try machine.guestInformation()?.keyValues == ["Role": "web"])
        try machine.wait(forGuest: .heartbeat, timeout: 5)
        try machine.wait(forGuest: .memoryOperations, timeout: 5)
        #expect(identifier { try machine.wait(forGuest: .ipAddress, timeout: 0.1, interval: 0.05) } == "WaitTimeout")
        let before = try machine.resetCount()
        try machine.restartGuest()
        try machine.wait(forGuest: .reboot(since: before), timeout: 5)
        #expect(identifier { try machine.configureAddresses(adapter: GUID(), .init()) } == "GuestRefused")
        try machine.turnOff()
    }

    @Test func filesAreCopiedIntoTheGuest() throws {
        let test = try TestHost()
        let machine = try machine(test)
        let content = String(repeating: "0123456789abcdef", count: 4096)
        let source = try test.folder.write("source", content)
        func copy(_ source: String, _ destination: String) throws {
            try machine.copyFile(from: source, to: destination, createsFolders: true, overwrites: false)
        }
        #expect(identifier { try copy(source, "/tmp/x") } == "InvalidState")
        try machine.start()
        #expect(identifier { try copy(source + "none", "/tmp/x") } == "FileNotFound")
        #expect(identifier { try copy("/tmp", "/tmp/x") } == "FileNotFound")
        #expect(identifier { try copy(source, "x") } == "GuestPathInvalid")
        #expect(identifier { try copy(source, "/proc/x") } == "GuestRefused")
        var fractions: [Double] = []
        try machine.copyFile(from: source, to: "/tmp/x", createsFolders: false, overwrites: true, progress: { fractions.append($0) })
        #expect(fractions.last == 1 && fractions == fractions.sorted())
        #expect(FakeMachine.running(machine.id)?.guest.inside.withLock { $0.copied } == Array(content.utf8))
        try machine.turnOff()
    }
}
