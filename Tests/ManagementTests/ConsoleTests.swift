import Basics
import Glibc
import Management
import Persistence
import Synchronization
import Testing

@Suite struct ConsoleTests {
    @Test func textOutlivesTheWorker() throws {
        let test = try TestHost()
        let machine = try test.machine()
        let console = try machine.console()
        #expect(try console.read().bytes.isEmpty && console.tail(lines: 5).bytes.isEmpty)
        try machine.start()
        try machine.wait(for: .console(port: 1, since: .lastStart) { $0.contains("# ") }, timeout: 30)
        try machine.turnOff()
        #expect(try console.read().text == "hello from web01\r\n# ")
        #expect(try console.tail(lines: 1).text == "# ")
        #expect(try console.tail(lines: 2).text == "hello from web01\r\n# ")
        let end = try console.read().end
        try machine.start()
        #expect(try console.read(from: .lastStart).offset == end)
        #expect(try console.read(from: .offset(end)).offset == end)
        try machine.turnOff()
        #expect(identifier { try machine.console(port: 3) } == "ConsolePortInvalid")
        #expect(identifier { try console.send([65]) } == "InvalidState")
        #expect(identifier { try console.attach() } == "InvalidState")
    }

    @Test func waitingForTextThatNeverComesEnds() throws {
        let test = try TestHost()
        let machine = try test.machine()
        #expect(identifier { try machine.wait(for: .console(port: 1, since: .lastStart) { _ in true }, timeout: 1) } == "VMStopped")
        try machine.start()
        #expect(
            identifier { try machine.wait(for: .console(port: 1, since: .lastStart) { $0.contains("no") }, timeout: 0.1) } == "WaitTimeout")
        #expect(
            identifier { try machine.wait(for: .console(port: 1, since: .end) { _ in false }, isCancelled: { true }) } == "OperationStopped"
        )
        try inParallel(2) { index in
            if index == 0 {
                let stopped = identifier { try machine.wait(for: .console(port: 1, since: .lastStart) { $0.contains("no") }, timeout: 30) }
                #expect(stopped == "VMStopped")
            } else {
                try machine.wait(for: .console(port: 1, since: .lastStart) { $0.contains("# ") }, timeout: 30)
                try machine.turnOff()
            }
        }
    }

    @Test func followersGetWhatComes() throws {
        let test = try TestHost()
        let machine = try test.machine()
        try machine.start()
        let console = try machine.console()
        var text = ""
        try console.follow(from: .lastStart, timeout: 30) { piece in
            text += piece.text
            if text.hasSuffix("# ") { try console.send(Array("poweroff\n".utf8)) }
            return true
        }
        #expect(text == "hello from web01\r\n# poweroff\n")
    }

    @Test func longInputArrivesWhole() throws {
        let test = try TestHost()
        let machine = try test.machine()
        try machine.start()
        let console = try machine.console(port: 2)
        let input = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31 | 0x80) }
        try console.send(input)
        var output: [UInt8] = []
        try console.follow(from: .lastStart, timeout: 30) { piece in
            output += piece.bytes
            return output.count < input.count
        }
        #expect(output == input)
        try machine.turnOff()
    }

    @Test func aFloodDropsTheOldestAndSaysHowMuch() throws {
        let test = try TestHost()
        let machine = try test.machine()
        try machine.start()
        let console = try machine.console()
        try console.send(Array("flood\n".utf8))
        var dropped: UInt64 = 0
        var next: UInt64 = 0
        try console.follow(from: .beginning, timeout: 30) { piece in
            #expect(piece.offset == next + piece.dropped)
            dropped += piece.dropped
            next = piece.end
            return next < 96 << 16
        }
        let all = try console.read()
        #expect(all.bytes.count == 4 << 20)
        #expect(all.dropped == all.end - 4 << 20 && all.dropped > 0)
        try machine.turnOff()
    }

    @Test func attachedConsolesCarryBytesBothWays() throws {
        let test = try TestHost()
        let machine = try test.machine()
        try machine.start()
        try machine.wait(for: .console(port: 1, since: .lastStart) { $0.contains("# ") }, timeout: 30)
        let attachment = try machine.console().attach(replay: 2)
        var text: [UInt8] = []
        func read(until end: String) {
            while !String(decoding: text, as: UTF8.self).hasSuffix(end) {
                var polled = pollfd(fd: attachment.descriptor, events: Int16(POLLIN), revents: 0)
                guard poll(&polled, 1, 30_000) == 1 else { return }
                var buffer = [UInt8](repeating: 0, count: 100)
                let count = Glibc.read(attachment.descriptor, &buffer, buffer.count)
                guard count > 0 else { return }
                text += buffer[..<count]
            }
        }
        read(until: "# ")
        #expect(text == Array("# ".utf8))
        _ = write(attachment.descriptor, "abc", 3)
        read(until: "abc")
        #expect(text == Array("# abc".utf8))
        try machine.turnOff()
        var byte: UInt8 = 0
        var polled = pollfd(fd: attachment.descriptor, events: Int16(POLLIN), revents: 0)
        #expect(poll(&polled, 1, 30_000) == 1 && Glibc.read(attachment.descriptor, &byte, 1) == 0)
    }

    @Test func theRingKnowsWhatIsNewerThanATime() throws {
        let folder = try TemporaryFolder()
        let place = try Folder(path: folder.path)
        let writer = try ConsoleRing.Writer(port: 1, folder: place)
        writer.append(Array("old".utf8))
        let reader = try #require(try ConsoleRing.Reader(port: 1, folder: place))
        usleep(60_000)
        let between = HostTime.wall()
        usleep(60_000)
        writer.append(Array("new".utf8))
        #expect(try reader.offset(since: between) == 3)
        #expect(try reader.offset(since: 0) == 0)
        #expect(try reader.offset(since: HostTime.wall() + 1_000_000_000) == 6)
    }

    @Test func theRingGoesOnInANewWriterAndReplacesRubbish() throws {
        let folder = try TemporaryFolder()
        let place = try Folder(path: folder.path)
        do { try ConsoleRing.Writer(port: 1, folder: place).append([UInt8](repeating: 65, count: 5 << 20)) }
        let writer = try ConsoleRing.Writer(port: 1, folder: place)
        writer.append([66])
        let reader = try #require(try ConsoleRing.Reader(port: 1, folder: place))
        let text = try reader.read(from: 0)
        #expect(text.bytes.count == 4 << 20 && text.bytes.last == 66 && text.bytes.first == 65)
        #expect(text.offset == text.dropped)
        try place.replaceFile("console-2.ring", with: Array("rubbish of some length, no console file at all, truly none of ours".utf8))
        #expect(identifier { try ConsoleRing.Reader(port: 2, folder: place) } == "ConsoleUnreadable")
        _ = try ConsoleRing.Writer(port: 2, folder: place)
        #expect(try ConsoleRing.Reader(port: 2, folder: place)?.position().end == 0)
    }
}
