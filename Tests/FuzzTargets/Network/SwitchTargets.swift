import Basics
import CHost
import Glibc
import Network

extension FuzzTarget {
    /// What the switch and its uplinks make of frames: summary, rules, learning, checksums, segmentation.
    static let frames = FuzzTarget(
        "frames", "rules of three ports, then frames with offloads from any of them", maximumLength: 4096,
        seeds: {
            [
                [0, 0, 0, 0, 0, 0, 1, 1, 6, 60, 0] + [UInt8](repeating: 7, count: 80),
                [1, 2, 3, 4, 5, 6, 2, 6, 17, 50, 0] + [UInt8](repeating: 9, count: 60),
            ]
        },
        run: { SwitchCase.run($0) })

    /// A peer that writes anything into the memory that worker and switch share, between any two of our reads.
    static let portRing = FuzzTarget(
        "port-ring", "steps: frames both ways, stores into the control words and record headers", maximumLength: 2048,
        seeds: { [[3, 60, 5, 3, 100, 5, 4, 60, 6], [3, 60, 0, 0, 0, 16, 0, 5, 2, 0, 255, 255, 5]] },
        run: { PortRingCase.run($0) })

    /// The stream between a worker and a switch that sets a port up.
    static let portChannel = FuzzTarget(
        "port-channel", "bytes of a worker on the switch's socket: lengths and settings", maximumLength: 4096,
        seeds: {
            var settings = PortSettings(
                adapterId: GUID(bytes: [UInt8](1...16)), virtualMachineId: GUID(bytes: [UInt8](2...17)), virtualMachineName: "vm",
                adapterName: "nic", macAddress: "020000000001")
            settings.vlan = .trunk(native: 1, allowed: [2, 3])
            settings.maximumBandwidth = 1_000_000
            settings.accessRules = [
                PortAccessRule(action: "Deny", direction: "Inbound", localAddress: "10.0.0.0/8", remoteAddress: "fe80::1"),
                PortAccessRule(action: "Meter", direction: "Outbound", localAddress: "*", remoteAddress: "02-00-00-00-00-02"),
            ]
            let whole = (try? PortChannel.encode(settings)) ?? []
            settings.vlan = .access(5)
            return [whole, whole + ((try? PortChannel.encode(settings)) ?? []), (try? PortChannel.encode(PortAnswer(error: "no"))) ?? []]
        },
        run: { PortChannelCase.run($0) })
}

private enum SwitchCase {
    static func run(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        var core = LearningSwitch()
        let ports = (0..<3).compactMap { _ in rules(&input).map { core.add($0) } } + [core.add(PortRules(uplinkTrunk: input.flag()))]
        var now: UInt64 = 1
        for _ in 0..<64 where !input.isEmpty {
            let frame = FrameShapes.frame(&input)
            var header = FrameHeader()
            header.checksum = FrameHeader.Checksum(rawValue: input.byte() % 3) ?? .complete
            (header.checksumStart, header.checksumOffset) = (UInt16(input.byte()), UInt16(input.byte() & 31))
            (header.segmentSize, header.headerCount) = (input.number(), UInt16(input.byte()))
            if input.flag() { header.tag = input.number() }
            header.fit(frame: frame.count)
            offloads(header, frame)
            let from = ports[input.choice(ports.count)]
            frame.withUnsafeBytes { raw in
                let head = UnsafeRawBufferPointer(rebasing: raw.prefix(FrameSummary.headBytes))
                let summary = FrameSummary(head, isWhole: raw.count <= FrameSummary.headBytes)
                forward(&core, from, summary, header, raw.count, now)
            }
            now += UInt64(input.byte())
            promise(core.table.count <= ForwardingTable.capacity, "the table is bounded")
        }
    }

    private static func forward(
        _ core: inout LearningSwitch, _ from: Int, _ summary: FrameSummary, _ header: FrameHeader, _ count: Int, _ now: UInt64
    ) {
        var deliveries: [LearningSwitch.Delivery] = []
        _ = core.forward(summary, tag: header.tag, bytes: count, from: from, now: now, &deliveries)
        for delivery in deliveries {
            promise(delivery.port != from || delivery.isMirror, "no frame goes back where it came from")
            core.delivered(delivery, bytes: count, taken: now & 1 == 0)
        }
    }

    /// Rules that a port may have; nil: refused.
    private static func rules(_ input: inout FuzzInput) -> PortRules? {
        var settings = PortSettings(
            adapterId: GUID(bytes: [UInt8](1...16)), virtualMachineId: GUID(bytes: [UInt8](2...17)), virtualMachineName: "vm",
            adapterName: "nic", macAddress: input.flag() ? "020000000001" : "020000000002")
        let bits = input.byte()
        settings.vlan = [.untagged, .access(Int(input.byte())), .trunk(native: Int(input.byte() & 7), allowed: [1, 5])][Int(bits & 3) % 3]
        (settings.macAddressSpoofing, settings.dhcpGuard, settings.routerGuard) = (bits & 4 != 0, bits & 8 != 0, bits & 16 != 0)
        settings.mirroring = ["None", "Source", "Destination"][Int(bits >> 6) % 3]
        if bits & 32 != 0 {
            settings.accessRules = [PortAccessRule(action: "Deny", direction: "Inbound", localAddress: nil, remoteAddress: "10.0.0.0/9")]
        }
        return try? PortRules(settings)
    }

    /// Completing checksums and cutting segments stays inside the frame.
    private static func offloads(_ header: FrameHeader, _ frame: [UInt8]) {
        var copy = frame
        _ = copy.withUnsafeMutableBytes { header.completeChecksum(in: $0) }
        frame.withUnsafeBytes { raw in
            _ = header.completedChecksum(of: raw)
            guard let segmenter = FrameSegmenter(header, frame: raw) else { return }
            promise(segmenter.headerCount <= 256, "headers are bounded")
            var head = [UInt8](repeating: 0, count: segmenter.headerCount)
            for index in 0..<segmenter.count {
                let part = segmenter.payload(of: index)
                promise(part.lowerBound >= 0 && part.upperBound <= raw.count, "a segment lies in its frame")
                head.withUnsafeMutableBytes { segmenter.writeHeader(of: index, into: $0) }
            }
        }
    }
}

private enum PortRingCase {
    /// One memory for all cases: mapping it is dear. What a case leaves in it is the next one's noise, but control words begin at zero.
    private static let shared: (PortMemory, PortMemory)? = {
        guard let memory = try? PortMemory(), let other = try? PortMemory(descriptor: fcntl(memory.descriptor, F_DUPFD_CLOEXEC, 0)) else {
            return nil
        }
        return (memory, other)
    }()

    static func run(_ bytes: [UInt8]) {
        var sockets: [Int32] = [-1, -1]
        guard let (memory, other) = shared, lv_socket_pair(&sockets) == 0 else { return }
        memset(memory.control, 0, 4096)
        let worker = PortEnd(memory: memory, side: .worker, signal: sockets[0])
        let switching = PortEnd(memory: other, side: .switching, signal: sockets[1])
        var input = FuzzInput(bytes)
        for _ in 0..<128 where !input.isEmpty {
            let control = memory.control + input.choice(2) * 1024 + input.choice(4) * 128
            switch input.choice(7) {
            case 0: lv_shared_store(control, UInt64(input.number(UInt32.self)))
            case 1: lv_shared_store(control, input.number())
            case 2: record(memory, &input)
            case 3: send(worker, &input)
            case 4: send(switching, &input)
            case 5: take(worker, memory, &input)
            default: take(switching, memory, &input)
            }
        }
    }

    /// A record's header at the start of either ring.
    private static func record(_ memory: PortMemory, _ input: inout FuzzInput) {
        let place = memory.control + 4096 + input.choice(2) * 2 * PortMemory.ringSize + Int(input.byte()) * 16
        place.storeBytes(of: input.interesting(), as: UInt32.self)
        place.storeBytes(of: input.number(UInt64.self), toByteOffset: 4, as: UInt64.self)
    }

    private static func send(_ end: PortEnd, _ input: inout FuzzInput) {
        let bytes = [UInt8](repeating: 3, count: Int(input.byte()) << (input.choice(16) == 0 ? 8 : 0))
        bytes.withUnsafeBytes { raw in
            var part = iovec(iov_base: UnsafeMutableRawPointer(mutating: raw.baseAddress), iov_len: raw.count)
            _ = withUnsafePointer(to: &part) { end.send(FrameHeader(), UnsafeBufferPointer(start: $0, count: 1)) }
        }
        end.flush()
    }

    private static func take(_ end: PortEnd, _ memory: PortMemory, _ input: inout FuzzInput) {
        let change = input.byte()
        var left = 16
        while left > 0,
            end.receive({ header, bytes in
                promise((FrameRing.smallestFrame...FrameRing.largestFrame).contains(bytes.count), "a frame has a frame's size")
                promise(header.checksum != .partial || Int(header.checksumStart) + Int(header.checksumOffset) + 2 <= bytes.count)
                _ = bytes.reduce(0, ^)
                // The peer writes while the frame is looked at.
                if change & 3 == 0 { lv_shared_store(memory.control + Int(change >> 4 & 7) * 128, UInt64(change) << 8) }
                return change & 8 == 0
            }) == true
        { left -= 1 }
        end.flush()
    }
}

private enum PortChannelCase {
    static func run(_ bytes: [UInt8]) {
        var sockets: [Int32] = [-1, -1]
        guard lv_socket_pair(&sockets) == 0 else { return }
        defer { for socket in sockets { close(socket) } }
        var reader = PortMessageReader(socket: sockets[0])
        var sent = 0
        var messages = 0
        while true {
            let part = bytes[sent..<min(bytes.count, sent + 1500)]
            // Descriptors come where a worker gives none.
            let descriptors = sent == 0 ? [sockets[1]] : []
            if !part.isEmpty { _ = lv_send(sockets[1], Array(part), part.count, descriptors, Int32(descriptors.count)) }
            sent += part.count
            reading: while true {
                switch reader.next() {
                case .message(let body):
                    messages += 1
                    if let settings = try? PortChannel.decode(PortSettings.self, body), (try? settings.check()) != nil {
                        _ = try? PortRules(settings)
                    }
                    _ = try? PortChannel.decode(PortAnswer.self, body)
                case .waiting: break reading
                case .ended: return
                }
            }
            if part.isEmpty { break }
        }
        promise(messages <= bytes.count / 4, "a message has a length")
        if let descriptor = reader.takeDescriptor() { close(descriptor) }
    }
}
