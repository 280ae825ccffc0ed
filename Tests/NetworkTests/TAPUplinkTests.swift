import Basics
import Foundation
import Glibc
import Network
import Persistence
import Testing

/// TAP devices live in a network namespace that a thread of the test makes for itself; it goes with the thread.
@Suite struct TAPUplinkTests {
    /// unshare(2) with CLONE_NEWNET, which Glibc's module does not show: this thread's own network.
    private static func enterOwnNetwork() -> Bool {
        guard let symbol = dlsym(nil, "unshare") else { return false }
        return unsafeBitCast(symbol, to: (@convention(c) (Int32) -> Int32).self)(0x4000_0000) == 0
    }

    private static let ip = ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip", "/bin/ip"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    private static let mayMakeNamespaces: Bool = {
        onThread { enterOwnNetwork() && access("/dev/net/tun", W_OK) == 0 } ?? false
    }()

    private final class Box<Value>: @unchecked Sendable { var value: Value? }

    private static func onThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) -> Value? {
        let (box, done) = (Box<Value>(), DispatchSemaphore(value: 0))
        let thread = Thread {
            box.value = body()
            done.signal()
        }
        thread.start()
        done.wait()
        return box.value
    }

    private static func run(_ words: String) -> Bool { ip.map { HostCommand.run("\($0) \(words)") != nil } ?? false }

    private static func request(_ target: [UInt8]) -> [UInt8] {
        TestFrame.ethernet(from: macA, to: everybody, type: 0x0806) + [0, 1, 8, 0, 6, 4, 0, 1] + TestFrame.mac(macA) + [10, 9, 9, 1]
            + [UInt8](repeating: 0, count: 6) + target
    }

    /// Sends a frame, again every 100 ms for five seconds, until `receiver` gets one that is wanted: an interface takes a moment to come up.
    private static func exchange(
        _ frame: [UInt8], tag: UInt16? = nil, through sender: TAPUplink, to receiver: TAPUplink, _ isWanted: ([UInt8]) -> Bool
    ) -> [UInt8]? {
        var header = FrameHeader()
        header.tag = tag
        for _ in 0..<50 {
            _ = frame.withUnsafeBytes { raw in
                var part = iovec(iov_base: UnsafeMutableRawPointer(mutating: raw.baseAddress), iov_len: raw.count)
                return withUnsafePointer(to: &part) { sender.send(header, UnsafeBufferPointer(start: $0, count: 1)) }
            }
            var (polled, pause): ([pollfd], Int32) = ([], 100)
            receiver.prepare(&polled, milliseconds: &pause)
            guard poll(&polled, nfds_t(polled.count), 100) > 0 else { continue }
            receiver.service(polled[...])
            var found: [UInt8]?
            _ = receiver.receive(limit: 64) { _, bytes in
                if isWanted(Array(bytes)) { found = Array(bytes) }
            }
            if let found { return found }
        }
        return nil
    }

    @Test(.enabled(if: mayMakeNamespaces && ip != nil, "needs CAP_SYS_ADMIN, /dev/net/tun and ip"))
    func theHostAnswersOnAnInternalSwitch() throws {
        let answer = Self.onThread { () -> [UInt8]? in
            guard Self.enterOwnNetwork(), let uplink = try? TAPUplink(internalNamed: "lvtest0"), uplink.interface == "lvtest0",
                Self.run("address add 10.9.9.2/24 dev lvtest0")
            else { return nil }
            return Self.exchange(Self.request([10, 9, 9, 2]), through: uplink, to: uplink) { $0.count >= 42 && $0[12] == 8 && $0[21] == 2 }
        }
        #expect((answer ?? nil)?[28..<32].elementsEqual([10, 9, 9, 2]) == true)
    }

    /// Two adapters of the host in VLANs of their own: a machine hears from the one in its VLAN, and in a third from none.
    @Test(.enabled(if: mayMakeNamespaces && ip != nil, "needs CAP_SYS_ADMIN, /dev/net/tun and ip"))
    func theHostsAdaptersLiveInTheirVLANs() throws {
        let heard = Self.onThread { () -> [[UInt8]?] in
            guard Self.enterOwnNetwork() else { return [] }
            let adapters = [5, 6].map { id in
                var adapter = VirtualMachineConfiguration.NetworkAdapter(id: GUID(), macAddress: "")
                adapter.name = "vlan \(id)"
                adapter.vlan = .init(mode: "Access")
                adapter.vlan?.accessId = id
                return adapter
            }
            var wanted = settings(macA) { $0.vlan = .access(5) }
            guard let running = try? RunningSwitch(.internal, { $0.hostAdapters = adapters }), let port = try? running.client(wanted),
                port.wait(until: { port.isLinkUp })
            else { return [] }
            for (number, adapter) in adapters.enumerated() {
                let name = SwitchConfiguration.interfaceName(of: adapter.id)
                guard Self.run("address add 10.9.\(number).2/24 dev \(name)") else { return [] }
            }
            var known: [[UInt8]] = []
            return [5, 6, 7].map { id in
                wanted.vlan = .access(id)
                port.configure(wanted)
                // The switch takes changes and frames in any order, and an interface takes a moment to come up.
                for _ in 0..<(id == 7 ? 5 : 50) {
                    _ = port.send(Self.request([10, 9, 0, 2]))
                    port.flush()
                    while let got = port.next(seconds: 0.1)?.bytes {
                        // What another VLAN's adapter said may still be under way.
                        guard got.count >= 42, got[12] == 8, got[21] == 2, id != 7, !known.contains(Array(got[6..<12])) else { continue }
                        known.append(Array(got[6..<12]))
                        return known.last
                    }
                }
                _ = port.send(Self.request([10, 9, 0, 2]))
                port.flush()
                return port.next(seconds: 0.3)?.bytes
            }
        }
        let answers = try #require(heard)
        try #require(answers.count == 3)
        #expect(answers[0] != nil && answers[1] != nil)
        #expect(answers[2] == nil)
    }

    @Test(.enabled(if: mayMakeNamespaces && ip != nil, "needs CAP_SYS_ADMIN, /dev/net/tun and ip"))
    func anExternalSwitchJoinsABridgeAndKeepsTags() throws {
        let answer = Self.onThread { () -> [UInt8]? in
            guard Self.enterOwnNetwork(), Self.run("link add br9 type bridge"), Self.run("link set br9 up"),
                let one = try? TAPUplink(external: "br9"), let other = try? TAPUplink(external: "br9")
            else { return nil }
            return Self.exchange(Self.request([10, 9, 9, 3]), tag: 5, through: one, to: other) {
                $0[0..<6].allSatisfy { $0 == 255 } && $0.count >= 46
            }
        }
        #expect((answer ?? nil)?[6..<18].elementsEqual(TestFrame.mac(macA) + [0x81, 0x00, 0, 5, 8, 6]) == true)
        let refusals = Self.onThread { () -> [String] in
            guard Self.enterOwnNetwork() else { return [] }
            return ["lo", "nothing0"].map { name in
                do {
                    _ = try TAPUplink(external: name)
                    return "none"
                } catch { return (error as? NetworkError)?.identifier ?? "other" }
            }
        }
        #expect(refusals == ["NetAdapterUnusable", "NetAdapterNotFound"])
    }
}
