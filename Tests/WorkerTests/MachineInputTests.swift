import Basics
import Boot
import CHost
import Foundation
import Network
import Persistence
import TestSupport
import Testing
import Worker
import WorkerProtocol

/// What enters an Exact machine from outside is told with the count at which it did.
@Suite(.enabled(if: Assembler.isInstalled, "nasm is not installed"), .timeLimit(.minutes(3)))
struct MachineInputTests {
    private func boot() throws -> DirectBoot {
        DirectBoot(kernel: MemoryBootFile(name: "verbs", bytes: try Assembler.assemble("Machine/verbs.asm", defining: ["MODE": 5])))
    }

    /// A program of the host, the cmdlets and a change of devices come to a running guest; returns what was told.
    private func run(seed: UInt64) throws -> [MachineInput] {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("lunavisor-inputs-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer {
            close(folder)
            try? FileManager.default.removeItem(atPath: path)
        }
        let bench = MachineBench()
        var configuration = MachineBench.configuration(exact: true)
        configuration.seed = seed
        var options = MachineOptions(testPorts: true)
        options.folder = folder
        let machine = try Machine(configuration: configuration, boot: boot(), options: options, delegate: bench)
        defer { machine.close() }
        try machine.start()
        let program = lv_socket_connect(folder, "vsock")
        #expect(program >= 0 && send(program, "CONNECT 5000\n", 13, Int32(MSG_NOSIGNAL)) == 13)
        #expect(bench.wait { $0.inputs.contains { $0.kind == .socketCall } })
        close(program)
        // The guest has no drivers; what it was to get entered all the same.
        #expect(throws: (any Error).self) { try machine.change(keyValues: [.set(key: "Role", value: "web")]) }
        #expect(throws: (any Error).self) {
            try machine.shutDownGuest(ShutdownRequest(.shutdown, isForced: false, timeoutSeconds: 1, reason: "test"))
        }
        let adapter = VirtualMachineConfiguration.NetworkAdapter(
            id: GUID(bytes: [UInt8](repeating: 1, count: 16)), macAddress: "00155D000001")
        try machine.apply([.addAdapter(adapter)], HandedDevices())
        try machine.pause()
        machine.drain()
        return bench.inputs
    }

    @Test func requestsAndConnectionsAreTold() throws {
        let inputs = try run(seed: 42)
        #expect(inputs.map(\.count) == inputs.map(\.count).sorted())
        #expect(inputs.allSatisfy { $0.count > 0 })
        let call = try #require(inputs.first { $0.kind == .socketCall })
        #expect(call.bytes == [0x88, 0x13, 0, 0])
        let words = inputs.map { (kind: $0.kind, text: String(decoding: $0.bytes, as: UTF8.self)) }
        #expect(words.contains { $0.kind == .keyValues && $0.text.contains("Role") && $0.text.contains("web") })
        #expect(words.contains { $0.kind == .shutdown && $0.text.contains("test") })
        #expect(words.contains { $0.kind == .configuration && $0.text.contains("00155D000001") })
        // What the guest sees of a connection comes from the machine's seed.
        #expect(try run(seed: 42).first { $0.kind == .socketCall }?.device == call.device)
        #expect(try run(seed: 43).first { $0.kind == .socketCall }?.device != call.device)
    }

    @Test func aRealMachineTellsNothing() throws {
        let bench = MachineBench()
        let machine = try bench.machine(boot(), MachineBench.configuration())
        defer { machine.close() }
        try machine.start()
        #expect(throws: (any Error).self) { try machine.change(keyValues: [.set(key: "Role", value: "web")]) }
        try machine.pause()
        machine.drain()
        #expect(bench.inputs.isEmpty)
    }

    /// A switch reduced to one frame and a link.
    private final class OneFramePort: NetworkPort, @unchecked Sendable {
        var frame: [UInt8]? = [1, 2, 3]
        var isLinkUp = true
        var hasRoom = true
        let descriptor: Int32 = -1

        func send(_ header: FrameHeader, _ segments: UnsafeBufferPointer<iovec>) -> Bool { hasRoom }

        func receive(_ body: (FrameHeader, UnsafeRawBufferPointer) -> Bool) -> Bool? {
            guard let frame else { return nil }
            var header = FrameHeader()
            (header.checksum, header.segmentSize, header.headerCount) = (.partial, 1460, 54)
            let isTaken = frame.withUnsafeBytes { body(header, $0) }
            if isTaken { self.frame = nil }
            return isTaken
        }
        func flush() {}
        func acknowledge() {}
    }

    @Test func framesAreToldWhenTheAdapterTakesThem() {
        let port = OneFramePort()
        var told: [(MachineInput.Kind, [UInt8])] = []
        let logged = LoggedPort(port) { told.append(($0, $1)) }
        #expect(logged.receive { _, _ in false } == false && told.isEmpty, "it stays with the switch")
        #expect(logged.receive { _, frame in frame.count == 3 } == true && logged.receive { _, _ in true } == nil)
        #expect(told.count == 1 && told[0].0 == .frame)
        #expect(told.first?.1 == [1, 0, 0, 0, 0, 0, 0, 0, 0xb4, 0x05, 54, 0, 1, 2, 3])
        #expect(logged.isLinkUp && logged.isLinkUp)
        port.isLinkUp = false
        #expect(!logged.isLinkUp)
        #expect(logged.send(FrameHeader(), UnsafeBufferPointer(start: nil, count: 0)))
        port.hasRoom = false
        #expect(!logged.send(FrameHeader(), UnsafeBufferPointer(start: nil, count: 0)))
        #expect(told.map(\.0) == [.frame, .link, .link, .frameRefused])
    }
}
