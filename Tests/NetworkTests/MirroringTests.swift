import Foundation
import Network
import Testing

@Suite struct MirroringTests {
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
