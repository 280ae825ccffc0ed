import DeviceModel
import Glibc
import Network
import VMBus

/// From the guest: packets of its ring, their RNDIS messages, their frames.
extension NetworkAdapter {
    /// Packets that one channel may have done before others get their turn, and those that a virtual processor does in the middle of the
    /// guest's signal: the pump's thread takes over from there.
    private static let packetsPerTurn = 256, packetsPerSignal = 16

    /// Takes packets from a channel's ring; true: its turn is over and there may be more.
    func transmit(_ queue: NetworkQueue) -> Bool {
        forwardHeld(queue)
        let (mayWait, begun) = (pump.mayWait, moved)
        for _ in 0..<(mayWait ? Self.packetsPerTurn : Self.packetsPerSignal) {
            if !mayWait, moved &- begun >= Self.manyBytes { break }
            guard queue.channel.isOpen, queue.payOwed(), queue.held.count < NetworkQueue.mostHeld,
                queue.channel.receive(into: &queue.packet)
            else { return false }
            take(queue)
        }
        return true
    }

    /// Sends what waited for room in the switch, as far as there is room.
    private func forwardHeld(_ queue: NetworkQueue) {
        var done = 0
        while done < queue.held.count, queue.payOwed() {
            guard let status = forward(queue, queue.held[done]) else { break }
            finish(queue, queue.held[done], status)
            queue.spare.append(queue.held[done])
            done += 1
        }
        if done > 0 { queue.held.removeFirst(done) }
    }

    /// Works on the packet read last.
    private func take(_ queue: NetworkQueue) {
        switch queue.packet.kind {
        case .completion:
            // The guest gives sections of its receive buffer back; what else it completes needs no answer.
            if sections?.giveBack(queue.packet.transaction) != true, queue.packet.transaction != 0 { queue.statistics.malformed += 1 }
        case .inBand, .direct:
            let fields = NetworkMessageFields(queue.packet.payload)
            guard let type: UInt32 = fields.load(0) else { return fail(queue, "an NVSP message without a type") }
            if type == NVSP.rndisPacket, session.version != 0 {
                guard queue.held.isEmpty, let status = forward(queue, queue.packet) else {
                    queue.statistics.heldSends += 1
                    return queue.hold()
                }
                finish(queue, queue.packet, status)
            } else {
                converse(queue, fields)
            }
        default: fail(queue, "a packet of kind \(queue.packet.kind.rawValue)")
        }
    }

    func fail(_ queue: NetworkQueue, _ reason: String) {
        queue.statistics.malformed += 1
        queue.channel.fail("The network adapter got \(reason).")
    }

    /// Takes an NVSP message that is no RNDIS packet.
    private func converse(_ queue: NetworkQueue, _ fields: NetworkMessageFields) {
        let facts = NVSPSession.Facts(
            largestFrame: settings.maximumTransmissionUnit + 14, queues: usableQueues, coalescing: settings.coalescing != .never,
            bufferSize: { queue.channel.buffer(gpadl: $0)?.count })
        guard queue.index == 0, let outcome = session.receive(fields, facts) else {
            return fail(queue, "NVSP message \(fields.load(0, as: UInt32.self) ?? 0) out of place")
        }
        switch outcome.action {
        case .receiveBufferChanged: useReceiveBuffer(queue)
        case .sendBufferChanged: sendBuffer = session.sendBuffer.flatMap { queue.channel.buffer(gpadl: $0.gpadl) }
        case .offerSubchannels(let count): host?.offerSubChannels(count)
        case nil: break
        }
        if queue.packet.completionRequested { queue.complete(queue.packet.transaction, outcome.answer) }
    }

    private func useReceiveBuffer(_ queue: NetworkQueue) {
        guard let buffer = session.receiveBuffer, let memory = queue.channel.buffer(gpadl: buffer.gpadl) else { return dropReceiveBuffer() }
        sections = ReceiveSections(memory, set: buffer.set, size: buffer.sectionSize, count: buffer.sectionCount)
    }

    /// Channels that the guest may use, the primary included.
    var usableQueues: Int { min(settings.maximumQueues, max(1, host?.processorCount ?? 1)) }

    /// Answers an RNDIS packet of the guest: its buffers are the guest's again.
    private func finish(_ queue: NetworkQueue, _ packet: ReceivedPacket, _ status: UInt32) {
        queue.position = 0
        guard packet.completionRequested else { return }
        if status == NVSP.success, queue.late == nil, queue.owed.isEmpty, canWait(packet) {
            queue.completeLate(packet.transaction, rndisAnswer(status))
            limitLateness(of: queue)
        } else {
            queue.complete(packet.transaction, rndisAnswer(status))
        }
    }

    // MARK: Late answers
    //
    // An answer to a send costs the guest an interrupt and gives it little: a section of the send buffer, and the end of a packet. So one
    // answer per channel waits for the next thing that the guest is told there: a frame, which often is its peer's reply, or the answer to
    // another send. Linux does not stand still for one outstanding small send (net/ipv4/tcp_output.c, tcp_small_queue_check: two packets,
    // or as many as there are unacknowledged, always go), and a driver that is about to stop waits for it no longer than `lateness`, twice.

    /// Partition time for which an answer waits at least; at most twice as long.
    private static let lateness: UInt64 = 4_000_000
    /// Bytes of the largest message whose answer waits: one frame of ordinary size.
    private static let largestLate: UInt32 = 2048

    /// A data packet wholly in the send buffer, and small.
    private func canWait(_ packet: ReceivedPacket) -> Bool {
        let fields = NetworkMessageFields(packet.payload)
        guard packet.ranges.isEmpty, fields.load(4, as: UInt32.self) == 0, let size: UInt32 = fields.load(12) else { return false }
        return size <= Self.largestLate
    }

    /// Sees to it that the late answers are given in time. While the timer runs for another channel it is left alone; for the last answer
    /// alone it begins anew, so that it ends only when nothing is sent any more.
    func limitLateness(of last: NetworkQueue? = nil) {
        if isLateTimerArmed {
            guard last != nil, !queues.contains(where: { $0 !== last && $0?.late != nil }) else { return }
        }
        isLateTimerArmed = true
        for queue in queues { queue?.isLateMarked = queue?.late != nil }
        lateTimer?.arm(at: pump.clock.nanoseconds &+ Self.lateness)
    }

    /// Gives the answers that were late already when the timer was armed; those that came since have another period.
    func lateAnswersAreDue() {
        isLateTimerArmed = false
        for queue in queues where queue?.isLateMarked == true { queue?.payLate() }
        if queues.contains(where: { $0?.late != nil }) { limitLateness() }
    }

    func rndisAnswer(_ status: UInt32) -> [UInt8] {
        // Made once per status: completions are as frequent as packets.
        if status == NVSP.success { return session.version >= NVSP.version61 ? Self.goodAnswer61 : Self.goodAnswer }
        var message = NetworkMessageBuilder()
        message.add(NVSP.rndisPacketComplete)
        message.add(status)
        message.pad(to: NVSP.messageSize(session.version))
        return message.bytes
    }

    private static let goodAnswer61: [UInt8] = [108, 0, 0, 0, 1] + [UInt8](repeating: 0, count: 35)
    private static let goodAnswer: [UInt8] = [108, 0, 0, 0, 1] + [UInt8](repeating: 0, count: 23)

    // MARK: RNDIS messages

    /// Works through the RNDIS messages of a packet from `queue.position` on; gives NVSP's status. nil: the switch has no room.
    private func forward(_ queue: NetworkQueue, _ packet: ReceivedPacket) -> UInt32? {
        let fields = NetworkMessageFields(packet.payload)
        guard let section: UInt32 = fields.load(8), let size: UInt32 = fields.load(12) else { return malformed(queue) }
        rangesScratch.removeAll(keepingCapacity: true)
        if section != NVSP.noSection {
            guard let buffer = sendBuffer, Int(size) <= NVSP.sendSectionSize,
                buffer.append(offset: Int(section) * NVSP.sendSectionSize, count: Int(size), to: &rangesScratch)
            else { return malformed(queue) }
        }
        rangesScratch.append(contentsOf: packet.ranges)
        if queue.position == 0, fields.load(4, as: UInt32.self) == 0 { queue.statistics.sentMessages += 1 }
        guard let memory else { return malformed(queue) }
        var status: UInt32?
        let done: Void? = memory.withSegments(rangesScratch, writable: false, scratch: &guestSegments) { segments in
            status = walk(queue, FrameSegments(segments))
        }
        return done == nil ? malformed(queue) : status
    }

    private func malformed(_ queue: NetworkQueue) -> UInt32 {
        queue.statistics.malformed += 1
        return NVSP.invalidPacket
    }

    /// Bounds on one packet of a guest: bytes, places and RNDIS messages. Linux stays below 70 KiB, 40 places and the 8 messages it was told.
    private static let (mostBytes, mostPlaces, mostMessages) = (1 << 20, 1024, 64)

    private func walk(_ queue: NetworkQueue, _ segments: FrameSegments) -> UInt32? {
        let total = segments.count
        guard total <= Self.mostBytes, segments.places <= Self.mostPlaces else { return malformed(queue) }
        var messages = 0
        while queue.position < total {
            messages += 1
            guard messages <= Self.mostMessages else { return malformed(queue) }
            let position = queue.position
            // The headers are copied out once, then looked at.
            let known = segments.copy(position, into: scratch.message, count: RNDIS.headerSize + RNDIS.packetSize)
            let header = RNDISHeader(UnsafeRawBufferPointer(scratch.message), known: known)
            guard let header, header.length <= total - position else { return malformed(queue) }
            if header.type == RNDIS.packet {
                guard forwardFrame(queue, segments, at: position, header) else { return nil }
            } else {
                guard queue.index == 0, header.length <= RNDIS.longestControl else { return malformed(queue) }
                var message = [UInt8](repeating: 0, count: header.length)
                _ = message.withUnsafeMutableBytes { segments.copy(position, into: $0, count: header.length) }
                answer(queue, message)
            }
            queue.position = position + header.length
        }
        return NVSP.success
    }

    /// Sends the frame of one RNDIS packet message, or drops it; false: the switch has no room.
    private func forwardFrame(_ queue: NetworkQueue, _ segments: FrameSegments, at position: Int, _ header: RNDISHeader) -> Bool {
        guard let information = header.information, let frame = header.frame, information.count <= 512, frame.count >= 14 else {
            queue.statistics.malformed += 1
            return true
        }
        let known = segments.copy(position + information.lowerBound, into: scratch.message, count: information.count)
        guard known == information.count,
            let facts = PacketInformation(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(scratch.message)[..<known]))
        else {
            queue.statistics.malformed += 1
            return true
        }
        guard isConnectedNow, let port else {
            queue.statistics.droppedSends += 1
            return true
        }
        // The beginning of the frame is copied where its headers are read or finished; the rest goes from guest memory to the port.
        var outgoing = FrameHeader()
        outgoing.tag = facts.tag
        var copied = 0
        if facts.needsHeaders {
            copied = segments.copy(position + frame.lowerBound, into: scratch.frame, count: min(frame.count, TransportHeaders.reach))
        }
        let start = UnsafeMutableRawBufferPointer(rebasing: scratch.frame[..<copied])
        guard facts.prepare(&outgoing, start, frameCount: frame.count, largestFrame: settings.maximumTransmissionUnit + 18) else {
            queue.statistics.droppedSends += 1
            return true
        }
        frameSegments.removeAll(keepingCapacity: true)
        if copied > 0 { frameSegments.append(iovec(iov_base: start.baseAddress, iov_len: copied)) }
        segments.append(position + frame.lowerBound + copied, count: frame.count - copied, to: &frameSegments)
        let sent = frameSegments.withUnsafeBufferPointer { port.send(outgoing, $0) }
        if sent {
            queue.statistics.sentFrames += 1
            queue.statistics.sentBytes += UInt64(frame.count)
            moved &+= frame.count
        } else if !isConnectedNow {
            queue.statistics.droppedSends += 1
            return true
        }
        return sent
    }

    // MARK: Control

    /// Control messages that may wait for the guest; with more the guest's requests go without an answer.
    private static let mostControlMessages = 64

    private func answer(_ queue: NetworkQueue, _ message: [UInt8]) {
        let facts = RNDISControl.Facts(
            address: settings.address, name: settings.name, frameSize: session.frameSize, isConnected: isConnectedNow,
            queues: usableQueues, ndisMajor: session.ndisMajor, ndisMinor: session.ndisMinor,
            mayCoalesce: session.mayCoalesce && settings.coalescing != .never, statistics: currentStatistics.total)
        let wasInitialized = control.isInitialized
        let response = control.receive(NetworkMessageFields(message), facts)
        if !wasInitialized, control.isInitialized { toldConnected = true }
        scalingChanged()
        if let response { sendControl(response) }
    }

    /// Makes the hash tables for the key in use.
    func scalingChanged() {
        guard control.scaling.isEnabled else { return }
        if toeplitz?.key != control.scaling.key { toeplitz = ToeplitzHash(key: control.scaling.key) }
    }

    func sendControl(_ message: [UInt8]) {
        guard controlMessages.count < Self.mostControlMessages else { return }
        controlMessages.append(message)
    }
}
