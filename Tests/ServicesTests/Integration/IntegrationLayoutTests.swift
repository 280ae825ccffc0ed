import Basics
import Services
import Testing

/// A packed C structure: names, sizes in bytes and counts in order.
struct PackedStructure {
    private var offsets: [String: Int] = [:]
    private(set) var size = 0

    init(_ fields: [(name: String, size: Int, count: Int)]) {
        for field in fields {
            offsets[field.name] = size
            size += field.size * field.count
        }
    }

    func offset(_ name: String) -> Int { offsets[name] ?? -1 }

    /// include/linux/hyperv.h: struct vmbuspipe_hdr and struct icmsg_hdr.
    static let header = PackedStructure([
        ("flags", 4, 1), ("msgsize", 4, 1), ("icverframe.major", 2, 1), ("icverframe.minor", 2, 1), ("icmsgtype", 2, 1),
        ("icvermsg.major", 2, 1), ("icvermsg.minor", 2, 1), ("icmsgsize", 2, 1), ("status", 4, 1), ("ictransaction_id", 1, 1),
        ("icflags", 1, 1), ("reserved", 1, 2),
    ])
    /// struct icmsg_negotiate.
    static let negotiate = PackedStructure([("icframe_vercnt", 2, 1), ("icmsg_vercnt", 2, 1), ("reserved", 4, 1)])
    static let shutdown = PackedStructure([("reason_code", 4, 1), ("timeout_seconds", 4, 1), ("flags", 4, 1), ("display_message", 1, 2048)])
    static let heartbeat = PackedStructure([("seq_num", 8, 1), ("reserved", 4, 8)])
    static let timeReference = PackedStructure([
        ("parenttime", 8, 1), ("vmreferencetime", 8, 1), ("flags", 1, 1), ("leapflags", 1, 1), ("stratum", 1, 1), ("reserved", 1, 3),
    ])
    static let time = PackedStructure([("parenttime", 8, 1), ("childtime", 8, 1), ("roundtriptime", 8, 1), ("flags", 1, 1)])
    /// include/uapi/linux/hyperv.h: struct hv_kvp_hdr in front of struct hv_kvp_msg_set.
    static let keyValueSet = PackedStructure([
        ("operation", 1, 1), ("pool", 1, 1), ("pad", 2, 1), ("value_type", 4, 1), ("key_size", 4, 1), ("value_size", 4, 1), ("key", 1, 512),
        ("value", 1, 2048),
    ])
    static let keyValueDelete = PackedStructure([("operation", 1, 1), ("pool", 1, 1), ("pad", 2, 1), ("key_size", 4, 1), ("key", 1, 512)])
    static let keyValueEnumerate = PackedStructure([
        ("operation", 1, 1), ("pool", 1, 1), ("pad", 2, 1), ("index", 4, 1), ("value_type", 4, 1), ("key_size", 4, 1), ("value_size", 4, 1),
        ("key", 1, 512), ("value", 1, 2048),
    ])
    /// struct hv_kvp_ip_msg.
    static let addresses = PackedStructure([
        ("operation", 1, 1), ("pool", 1, 1), ("adapter_id", 2, 128), ("addr_family", 1, 1), ("dhcp_enabled", 1, 1), ("ip_addr", 2, 1024),
        ("sub_net", 2, 1024), ("gate_way", 2, 512), ("dns_addr", 2, 1024),
    ])
    static let vss = PackedStructure([("operation", 1, 1), ("reserved", 1, 7), ("flags", 4, 1)])
    private static let copyHeader = [("operation", 4, 1), ("service_id0", 16, 1), ("service_id1", 16, 1)]
    static let copyStart = PackedStructure(
        copyHeader + [("file_name", 2, 260), ("path_name", 2, 260), ("copy_flags", 4, 1), ("file_size", 8, 1)])
    static let copyData = PackedStructure(copyHeader + [("pad", 4, 1), ("offset", 8, 1), ("size", 4, 1), ("data", 1, 6144)])
}

/// Everything the services send, field by field at the offsets of Linux's structures.
@Suite struct IntegrationLayoutTests {
    @Test func aRequestHasTheHeadersOfLinux() {
        let bench = IntegrationBench(LinuxDriver(versions: [(3, 2)])) { ShutdownService(pump: $0) }
        bench.open()
        bench.device.requestShutdown(.restart, force: true, reason: "Wartung ☕") { _ in }
        let packet = bench.channel.sent[1]
        let (header, message) = (PackedStructure.header, PackedStructure.shutdown)
        #expect(header.size == 28)
        #expect(packet.count == header.size + message.size)
        #expect(packet.get(UInt32.self, at: header.offset("flags")) == 1)
        #expect(packet.get(UInt32.self, at: header.offset("msgsize")) == UInt32(packet.count - 8))
        #expect(packet.get(UInt16.self, at: header.offset("icverframe.major")) == 3)
        #expect(packet.get(UInt16.self, at: header.offset("icmsgtype")) == 3)
        #expect(packet.get(UInt16.self, at: header.offset("icvermsg.major")) == 3)
        #expect(packet.get(UInt16.self, at: header.offset("icvermsg.minor")) == 2)
        #expect(packet.get(UInt16.self, at: header.offset("icmsgsize")) == UInt16(message.size))
        #expect(packet.get(UInt32.self, at: header.offset("status")) == 0)
        #expect(packet[header.offset("icflags")] == 3)
        let body = bench.lastBody
        #expect(body.get(UInt32.self, at: message.offset("reason_code")) == 0x8000_0000)
        #expect(body.get(UInt32.self, at: message.offset("flags")) == 3)
        #expect(body.text(at: message.offset("display_message")) == "Wartung ☕")
    }

    @Test func negotiationOffersTheVersionsAfterTheirCounts() {
        let bench = IntegrationBench(LinuxDriver(versions: [])) { TimeSynchronizationService(pump: $0, wallClock: FixedWallClock()) }
        bench.open(negotiated: false)
        let body = bench.lastBody
        let message = PackedStructure.negotiate
        #expect(message.size == 8)
        #expect(body.get(UInt16.self, at: message.offset("icframe_vercnt")) == 2)
        #expect(body.get(UInt16.self, at: message.offset("icmsg_vercnt")) == 3)
        let versions = (0..<5).map { [body.get(UInt16.self, at: 8 + $0 * 4), body.get(UInt16.self, at: 10 + $0 * 4)] }
        #expect(versions == [[1, 0], [3, 0], [1, 0], [3, 0], [4, 0]])
        #expect(body.count == 8 + 5 * 4)
    }

    @Test func heartbeatAndTimeFitTheirStructures() {
        let heart = IntegrationBench(LinuxDriver(versions: [(3, 0)])) { HeartbeatService(pump: $0) }
        heart.open()
        #expect(heart.lastBody.count == PackedStructure.heartbeat.size)

        let clock = FixedWallClock()
        clock.unixNanoseconds = 1_700_000_000_123_456_700
        let time = IntegrationBench(LinuxDriver(versions: [(4, 0)]), at: 5_000_000_300) {
            TimeSynchronizationService(pump: $0, wallClock: clock)
        }
        time.open()
        let message = PackedStructure.timeReference
        #expect(time.lastBody.count >= message.size)
        let expected: UInt64 = 17_000_000_001_234_567 + 116_444_736_000_000_000
        #expect(time.lastBody.get(UInt64.self, at: message.offset("parenttime")) == expected)
        #expect(time.lastBody.get(UInt64.self, at: message.offset("vmreferencetime")) == 50_000_003)
        #expect(time.lastBody[message.offset("flags")] == 1)

        let old = IntegrationBench(LinuxDriver(versions: [(3, 0)])) { TimeSynchronizationService(pump: $0, wallClock: clock) }
        old.open()
        #expect(old.lastBody.count >= PackedStructure.time.size)
        #expect(old.lastBody.get(UInt64.self, at: PackedStructure.time.offset("parenttime")) == expected)
        #expect(old.lastBody[PackedStructure.time.offset("flags")] == 1)
    }

    @Test func everyMessageOfKeyValueExchangeHasTheSizeOfTheLargest() throws {
        let bench = IntegrationBench(LinuxDriver(versions: [(4, 0), (3, 0)])) { KeyValueExchangeService(pump: $0) }
        bench.driver.handle = { _ in 0x8007_0103 }
        bench.open()
        #expect(PackedStructure.addresses.size == 7428)
        #expect(bench.lastBody.count == 7428)
        let enumerate = PackedStructure.keyValueEnumerate
        #expect(bench.lastBody[enumerate.offset("operation")] == 3)
        #expect(bench.lastBody[enumerate.offset("pool")] == 2)
        #expect(bench.lastBody.get(UInt32.self, at: enumerate.offset("index")) == 0)
        bench.answerAll()

        bench.device.setHostItem(key: "Schlüssel", value: "値") { _ in }
        let set = PackedStructure.keyValueSet
        #expect(bench.lastBody.count == 7428)
        #expect(bench.lastBody[set.offset("operation")] == 1)
        #expect(bench.lastBody[set.offset("pool")] == 0)
        #expect(bench.lastBody.get(UInt32.self, at: set.offset("value_type")) == 1)
        #expect(bench.lastBody.get(UInt32.self, at: set.offset("key_size")) == 20)
        #expect(bench.lastBody.get(UInt32.self, at: set.offset("value_size")) == 4)
        #expect(bench.lastBody.text(at: set.offset("key")) == "Schlüssel")
        #expect(bench.lastBody.text(at: set.offset("value")) == "値")
        bench.answerAll()

        bench.device.removeHostItem(key: "k") { _ in }
        let delete = PackedStructure.keyValueDelete
        #expect(bench.lastBody[delete.offset("operation")] == 2)
        #expect(bench.lastBody.get(UInt32.self, at: delete.offset("key_size")) == 4)
        #expect(bench.lastBody.text(at: delete.offset("key")) == "k")
        bench.answerAll()

        let adapter = try #require(GUID("F8615163-DF3E-46C5-913F-F2D2F965ED0E"))
        bench.device.setAddresses(
            GuestAddressSettings(
                adapter: adapter, dhcp: false, family: .ipv4, addresses: ["10.0.0.5", "10.0.0.6"], subnets: ["255.0.0.0", "255.0.0.0"],
                gateways: ["10.0.0.1"], dnsServers: ["10.0.0.2"])
        ) { _ in }
        let addresses = PackedStructure.addresses
        #expect(bench.lastBody.count == addresses.size)
        #expect(bench.lastBody[addresses.offset("operation")] == 5)
        #expect(bench.lastBody.text(at: addresses.offset("adapter_id")) == "{f8615163-df3e-46c5-913f-f2d2f965ed0e}")
        #expect(bench.lastBody[addresses.offset("addr_family")] == 1)
        #expect(bench.lastBody[addresses.offset("dhcp_enabled")] == 0)
        #expect(bench.lastBody.text(at: addresses.offset("ip_addr")) == "10.0.0.5;10.0.0.6")
        #expect(bench.lastBody.text(at: addresses.offset("sub_net")) == "255.0.0.0;255.0.0.0")
        #expect(bench.lastBody.text(at: addresses.offset("gate_way")) == "10.0.0.1")
        #expect(bench.lastBody.text(at: addresses.offset("dns_addr")) == "10.0.0.2")

        let old = IntegrationBench(LinuxDriver(versions: [(3, 0)])) { KeyValueExchangeService(pump: $0) }
        old.open()
        #expect(old.lastBody.count == PackedStructure.keyValueEnumerate.size)
    }

    @Test func snapshotAndFileCopyFitTheirStructures() {
        let vss = IntegrationBench(LinuxDriver(versions: [(5, 0)], frameworks: [(3, 0)])) { VSSService(pump: $0) }
        vss.open()
        vss.device.freeze { _ in }
        #expect(vss.lastBody.count >= PackedStructure.vss.size)
        #expect(vss.lastBody[PackedStructure.vss.offset("operation")] == 5)

        let copy = IntegrationBench(LinuxDriver(versions: [(1, 1)], frameworks: [(3, 0)])) { GuestFileCopyService(pump: $0) }
        copy.open()
        let data = (0..<7000).map { UInt8(truncatingIfNeeded: $0) }
        copy.device.copy(
            GuestFileCopy(destination: "/srv/files/data.bin", size: 7000, overwrite: true, createPath: true) { offset, count in
                Array(data[Int(offset)..<Int(offset) + count])
            }, progress: { _ in }, completion: { _ in })
        let start = PackedStructure.copyStart
        #expect(copy.lastBody.count == start.size)
        #expect(copy.lastBody.get(UInt32.self, at: start.offset("operation")) == 0)
        #expect(copy.lastBody.text(at: start.offset("file_name")) == "data.bin")
        #expect(copy.lastBody.text(at: start.offset("path_name")) == "/srv/files/")
        #expect(copy.lastBody.get(UInt32.self, at: start.offset("copy_flags")) == 3)
        #expect(copy.lastBody.get(UInt64.self, at: start.offset("file_size")) == 7000)
        copy.answerOne()
        copy.answerOne()
        let write = PackedStructure.copyData
        #expect(copy.lastBody.count == write.size)
        #expect(copy.lastBody.get(UInt32.self, at: write.offset("operation")) == 1)
        #expect(copy.lastBody.get(UInt64.self, at: write.offset("offset")) == 6144)
        #expect(copy.lastBody.get(UInt32.self, at: write.offset("size")) == 7000 - 6144)
        #expect(Array(copy.lastBody[write.offset("data")...].prefix(7000 - 6144)) == Array(data[6144...]))
    }

    @Test func theInstancesAreThoseOfHyperV() {
        let services = IntegrationServices(
            pump: IntegrationBench(LinuxDriver(versions: [])) { HeartbeatService(pump: $0) }.pump, wallClock: FixedWallClock())
        let pairs = services.devices.map { "\($0.offer.interfaceType) \($0.offer.interfaceInstance)" }
        #expect(
            Set(pairs) == [
                "0e0b6031-5213-4934-818b-38d90ced39db b6650ff7-33bc-4840-8048-e0676786f393",
                "57164f39-9115-4e78-ab55-382f3bd5422d fd149e91-82e0-4a7d-afa6-2a4166cbd7c0",
                "9527e630-d0ae-497b-adce-e80ab0175caf 2dd1ce17-079e-403c-b352-a1921ee207ee",
                "a9a0f4e7-5a45-4d96-b827-8a841e8c03e6 242ff919-07db-4180-9c2e-b86cb68c8c55",
                "35fa2e29-ea23-4236-96ae-3a6ebacba440 2450ee40-33bf-4fbd-892e-9fb06e9214cf",
                "34d14be3-dee4-41c8-9ae7-6b174977c192 eb765408-105f-49b6-b4aa-c123b64d17d4",
                "f912ad6d-2b17-48ea-bd65-f927a61c7684 d34b2567-b9b6-42b9-8778-0a4ec0b955bf",
            ])
        #expect(services.devices.allSatisfy { $0.offer.flags == 0x10 && $0.offer.userDefined == [4, 0, 0, 0] })
        #expect(Set(services.units.map(\.unitName)).count == 7)
        #expect(services.device(named: "Guest Service Interface") === services.fileCopy)
    }
}
