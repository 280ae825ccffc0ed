import Foundation
import Network
import Testing

@Suite struct MirroringTests {
    /// What comes in from outside goes to the mirror, too, when the port that leads out is a source.
    @Test(arguments: [true, false])
    func aPortThatLeadsOutIsMirrored(_ isSource: Bool) throws {
        var core = LearningSwitch()
        let outside = core.add(PortRules(uplinkTrunk: true, mirroring: isSource ? .source : .none))
        let a = core.add(try PortRules(settings(macA)))
        let monitor = core.add(try PortRules(settings(macC) { $0.mirroring = "Destination" }))
        // Learned first, so that the frame is not flooded.
        _ = core.ports(TestFrame.udp(from: macA, to: macB), from: a)
        let deliveries = core.ports(TestFrame.udp(from: macB, to: macA), from: outside)
        #expect(deliveries == (isSource ? [a, monitor] : [a]))
    }

    @Test func aCaptureHasBounds() throws {
        var template = Array("/tmp/lunavisor-capture-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let folder = open(path, O_RDONLY | O_DIRECTORY)
        defer { close(folder) }
        let file = CaptureFile(folder: folder, name: "capture.pcap")
        (file.frameBytes, file.limit) = (64, 24 + 80 + 16)
        let frame = [UInt8](repeating: 9, count: 500)
        for _ in 0..<3 {
            frame.withUnsafeBytes { bytes in
                file.append(
                    UnsafeRawBufferPointer(rebasing: bytes[..<64]), UnsafeRawBufferPointer(rebasing: bytes[64...]), tag: 5, wallTime: 1)
            }
            file.flush()
        }
        // 24 bytes of head, then 16 of each frame's and 64 of the frame; the length that it had is told all the same.
        let first = try Data(contentsOf: URL(fileURLWithPath: path + "/capture.pcap.1"))
        #expect(first.count == 24 + 2 * 80)
        #expect(Array(first[32..<40]) == [64, 0, 0, 0, 248, 1, 0, 0])
        #expect(try Data(contentsOf: URL(fileURLWithPath: path + "/capture.pcap")).count == 24 + 80)
    }

    @Test func mirroredTrafficIsACaptureFile() throws {
        let running = try RunningSwitch()
        let (a, b) = (
            try running.client(
                settings(macA) {
                    $0.mirroring = "Source"
                    $0.vlan = .access(7)
                }),
            try running.client(settings(macB) { $0.vlan = .access(7) })
        )
        let monitor = try running.client(settings(macC) { $0.mirroring = "Destination" })
        try #require(a.wait { a.isLinkUp } && b.wait { b.isLinkUp } && monitor.wait { monitor.isLinkUp })
        let (there, back) = (TestFrame.udp(from: macA, to: macB), TestFrame.udp(from: macB, to: macA))
        #expect(a.send(there))
        a.flush()
        #expect(b.next()?.bytes == there)
        #expect(b.send(back))
        b.flush()
        #expect(a.next()?.bytes == back)
        for frame in [there, back] {
            let seen = try #require(monitor.next())
            #expect(seen.bytes == frame)
            #expect(seen.header.tag == 7)
        }
        // The file is written when the switch has nothing else to do.
        let path = running.path + "/mirror.pcap"
        #expect(a.wait { (try? Data(contentsOf: URL(fileURLWithPath: path)).count) == 24 + 2 * (16 + there.count + 4) })
        let tshark = "/usr/bin/tshark"
        guard FileManager.default.isExecutableFile(atPath: tshark) else { return }
        let text = HostCommand.run("\(tshark) -n -r \(path) -T fields -e vlan.id -e eth.src -e udp.dstport 2>/dev/null")
        #expect(text == "7\t00:15:5d:00:00:0a\t2000\n7\t00:15:5d:00:00:0b\t2000\n")
    }
}
