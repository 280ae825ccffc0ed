import Basics
import FuzzTargets
import Glibc
import Persistence
import Testing
import WorkerProtocol

/// What fuzzing and reading for it found in files and requests: each of these trapped once.
@Suite struct FoundInFilesTests {
    /// A folder that goes with the test.
    private final class Place {
        let folder: Folder
        private let path: String

        init() throws {
            var template = Array("/tmp/lunavisor-found-XXXXXX".utf8CString)
            path = try #require(mkdtemp(&template).map { String(cString: $0) })
            folder = try Folder(path: path)
        }

        deinit {
            for name in [EventLog.fileName, ConsoleRing.fileName(port: 0)] { try? folder.remove(name) }
            rmdir(path)
        }
    }

    @Test("an event log whose last number is the largest takes further events")
    func largestSequence() throws {
        let place = try Place()
        var event = VirtualMachineEvent(.started, message: "text")
        event.sequence = .max
        try place.folder.replaceFile(EventLog.fileName, with: try Document.encodeLine(event) + [10])
        #expect(try EventLog(folder: place.folder).append(VirtualMachineEvent(.started, message: "more")).sequence == .max)
        #expect(try EventLog.read(in: place.folder).count == 2)
    }

    @Test("a console file with numbers that cannot be is made anew", arguments: [24, 40])
    func consoleNumbers(_ offset: Int) throws {
        let place = try Place()
        let name = ConsoleRing.fileName(port: 0)
        do { try ConsoleRing.Writer(port: 0, folder: place.folder).append([65, 66]) }
        var bytes = try place.folder.readFile(name, limit: 1 << 26)
        bytes.replaceSubrange(offset..<offset + 8, with: [UInt8](repeating: 0xFF, count: 8))
        try place.folder.replaceFile(name, with: bytes)
        let writer = try ConsoleRing.Writer(port: 0, folder: place.folder)
        writer.append([67])
        #expect(writer.end == 1)
        let reader = try #require(try ConsoleRing.Reader(port: 0, folder: place.folder))
        #expect(try reader.read(from: 0).bytes == [67])
        #expect(try reader.offset(since: .min) == 0)
    }

    @Test("descriptor numbers of a request may be anything")
    func descriptorNumbers() {
        var handover = DeviceHandover()
        let id = GUID(bytes: [UInt8](1...16))
        handover.ports = [PortHandover(adapter: id, switchId: id, descriptor: .max)]
        #expect(handover.descriptorCount == .max)
        #expect(!handover.uses(exactly: 1))
    }
}
