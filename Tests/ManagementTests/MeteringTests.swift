import Basics
import CHost
import Glibc
import Management
import Persistence
import Testing

/// Counting what machines use, serial ports that lead to sockets, and interrupts for debuggers, with a machine that only pretends.
@Suite struct MeteringTests {
    /// Asks again until `condition` holds, for at most ten seconds.
    private func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
        for _ in 0..<1000 {
            if try condition() { return true }
            usleep(10_000)
        }
        return false
    }

    @Test func useIsCountedOverStopsUntilItIsReset() throws {
        let test = try TestHost()
        let machine = try test.machine()
        #expect(identifier { try machine.usage() } == "MeteringDisabled")
        #expect(identifier { try machine.resetMetering() } == "MeteringDisabled")
        try machine.enableMetering()
        #expect(try machine.usage() == UsageRecord())
        try machine.start()
        // Each question is a look; what lies between two looks counts.
        #expect(try eventually { try machine.usage().runningNanoseconds > 20_000_000 })
        let first = try machine.usage()
        #expect(first.memoryMaximum == 64 << 20 && first.memoryMinimum == 64 << 20)
        let average = first.memoryByteSeconds / (Double(first.runningNanoseconds) / 1e9)
        #expect(abs(average - Double(64 << 20)) < 1)
        #expect(first.processorNanoseconds > 0)
        try machine.turnOff()
        let resting = try machine.usage()
        #expect(resting.runningNanoseconds >= first.runningNanoseconds)
        try machine.start()
        #expect(try machine.usage().runningNanoseconds >= resting.runningNanoseconds)
        try machine.resetMetering()
        #expect(try machine.usage().runningNanoseconds < resting.runningNanoseconds + 1_000_000_000)
        try machine.suspend()
        let paused = try machine.usage().runningNanoseconds
        usleep(50_000)
        #expect(try machine.usage().runningNanoseconds - paused < 40_000_000, "a paused machine uses nothing")
        try machine.disableMetering()
        #expect(identifier { try machine.usage() } == "MeteringDisabled")
        try machine.turnOff()
        try machine.enableMetering()
        #expect(try machine.usage() == UsageRecord(), "what was counted is forgotten")
    }

    @Test func countersOfDevicesAreAddedUp() throws {
        let test = try TestHost()
        let machine = try test.machine()
        try machine.enableMetering()
        try machine.start()
        let running = try #require(FakeMachine.running(machine.id))
        let adapter = GUID()
        func use(_ bytes: UInt64) { running.guest.inside.withLock { $0.traffic = (adapter, bytes) } }
        func counted() throws -> UInt64 { try machine.usage().adapters.first?.receivedBytes ?? 0 }
        use(1000)
        // Whether these count depends on when the machine looked by itself.
        let before = try counted()
        use(5000)
        #expect(try eventually { try counted() - before == 4000 })
        // A counter that begins anew counts from nothing.
        use(300)
        #expect(try eventually { try counted() - before == 4300 })
        try machine.turnOff()
        #expect(try eventually { try counted() - before == 4300 })
    }

    private func connect(_ path: String) -> Int32 {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        let folder = open(String(path[..<slash]), O_RDONLY | O_DIRECTORY)
        defer { close(folder) }
        return lv_socket_connect(folder, String(path[path.index(after: slash)...]))
    }

    private func read(_ socket: Int32, until text: String) -> Bool {
        var received = ""
        for _ in 0..<1000 where !received.contains(text) {
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = recv(socket, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            if count > 0 { received += String(decoding: bytes[..<count], as: UTF8.self) } else { usleep(10_000) }
        }
        return received.contains(text)
    }

    @Test func aSerialPortLeadsToASocketWhileTheMachineRuns() throws {
        let test = try TestHost()
        let machine = try test.machine()
        let path = test.folder.path + "/com1"
        try machine.configure { $0.comPortPaths = [1: path] }
        #expect(connect(path) < 0)
        try machine.start()
        var socket: Int32 = -1
        #expect(
            eventually {
                socket = connect(path)
                return socket >= 0
            })
        #expect(Glibc.send(socket, "hello\n", 6, 0) == 6)
        #expect(read(socket, until: "hello"), "the machine echoes")
        close(socket)
        // Live: another path, and none.
        let other = test.folder.path + "/com1b"
        try machine.configure { $0.comPortPaths = [1: other] }
        #expect(
            eventually {
                let socket = connect(other)
                if socket >= 0 { close(socket) }
                return socket >= 0
            })
        #expect(eventually { access(path, F_OK) != 0 })
        // What is there and is no socket is left alone.
        let file = try test.folder.write("precious", "text")
        #expect(identifier { try machine.configure { $0.comPortPaths = [1: file] } } == "ComPortPathInvalid")
        #expect(try machine.configuration().comPortPaths == [1: other])
        #expect(identifier { try machine.configure { $0.comPortPaths = [1: "relative"] } } == "ComPortPathInvalid")
        try machine.turnOff()
        #expect(access(other, F_OK) != 0)
        try machine.start()
        #expect(eventually { access(other, F_OK) == 0 })
        try machine.turnOff()
    }

    @Test func aRunningGuestIsInterrupted() throws {
        let test = try TestHost()
        let machine = try test.machine()
        #expect(identifier { try machine.injectNonMaskableInterrupt() } == "InvalidState")
        try machine.start()
        try machine.injectNonMaskableInterrupt()
        #expect(FakeMachine.running(machine.id)?.guest.inside.withLock { $0.interrupts } == 1)
        #expect(try machine.events().last?.kind == .interrupted)
        try machine.turnOff()
    }
}
