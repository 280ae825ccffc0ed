import DeviceModel
import Glibc
import Network
import VMBus

/// To the guest: frames of the port into sections of the receive buffer, sections into the rings of the channels.
extension NetworkAdapter {
    /// Frames that are taken before the guest's own packets get their turn, and those that a virtual processor takes.
    private static let framesPerTurn = 256, framesPerSignal = 16

    /// The guest has everything that is needed to take frames.
    private var canReceive: Bool { control.isInitialized && sections != nil && queue(0) != nil }

    /// Takes frames from the port; true: the turn is over and there may be more.
    func receiveFrames() -> Bool {
        guard let port else { return false }
        guard flushFilled() else { return false }
        let (mayWait, begun) = (pump.mayWait, moved)
        for _ in 0..<(mayWait ? Self.framesPerTurn : Self.framesPerSignal) {
            if !mayWait, moved &- begun >= Self.manyBytes { break }
            guard let taken = port.receive({ header, frame in deliver(header, frame) }) else {
                _ = flushFilled()
                return false
            }
            guard taken else {
                queue(0)?.statistics.starvations += 1
                _ = flushFilled()
                return false
            }
            segmentsDelivered = 0
        }
        return flushFilled()
    }

    /// Gives one frame to the guest, or drops it; false: the guest has no room, and the frame stays where it is.
    private func deliver(_ header: FrameHeader, _ frame: UnsafeRawBufferPointer) -> Bool {
        guard let primary = queue(0) else { return true }
        guard canReceive, isLinkEnabled, frame.count >= 14, let base = frame.baseAddress else {
            primary.statistics.droppedReceives += 1
            return true
        }
        let known = min(frame.count, TransportHeaders.reach)
        guard let copy = scratch.frame.baseAddress else { return true }
        memcpy(copy, base, known)
        let start = UnsafeMutableRawBufferPointer(rebasing: scratch.frame[..<known])
        guard control.filter.takes(UnsafeRawBufferPointer(start)) else {
            primary.statistics.filteredReceives += 1
            return true
        }
        let headers = TransportHeaders(UnsafeRawBufferPointer(start), frameCount: frame.count)
        var description = FrameDescription(header, headers)
        let queue = choose(UnsafeRawBufferPointer(start), headers, &description) ?? primary
        // A channel whose ring is full takes no more until the guest reads it.
        guard queue.filled.count < NetworkQueue.rangesPerPacket * 2 || flushFilled(queue) else { return false }
        if header.segmentSize > 0 { return deliverLarge(queue, header, headers, start, frame, description) }

        guard frame.count <= session.frameSize + 4, frame.count <= sections?.capacity ?? 0 else {
            queue.statistics.droppedReceives += 1
            return true
        }
        if header.checksum == .partial {
            // The sender left the checksum to its receiver. Guests cannot be told “not made yet”, only “good”, and one that forwards the
            // frame would send it on as it is: so it is made here.
            let place = Int(header.checksumStart) + Int(header.checksumOffset)
            guard place + 2 <= known, let value = header.completedChecksum(of: frame) else {
                queue.statistics.droppedReceives += 1
                return true
            }
            start.storeBytes(of: value, toByteOffset: place, as: UInt16.self)
        }
        guard let section = sections?.take() else { return false }
        let rest = UnsafeRawBufferPointer(rebasing: frame[known...])
        fill(queue, section, description, UnsafeRawBufferPointer(start), rest, endsFrame: true)
        return count(queue, frame.count)
    }

    private func count(_ queue: NetworkQueue, _ bytes: Int) -> Bool {
        queue.statistics.receivedFrames += 1
        queue.statistics.receivedBytes += UInt64(bytes)
        moved &+= bytes
        return true
    }

    /// The channel of a frame's flow. Puts the hash into the frame's description.
    private func choose(
        _ start: UnsafeRawBufferPointer, _ headers: TransportHeaders?, _ description: inout FrameDescription
    ) -> NetworkQueue? {
        guard control.scaling.isEnabled, queues.count > 1, let toeplitz else { return queue(0) }
        let transport = headers.map { (offset: $0.transport, isTCP: $0.number == TransportHeaders.tcp) }
        guard let hash = toeplitz.hash(start, transport: transport, types: control.scaling.hashTypes) else { return queue(0) }
        description.hash = hash
        return queue(control.scaling.channel(hash))
    }

    // MARK: Large frames

    /// Gives a frame that is still to be cut: coalesced, if the guest takes such, or in segments.
    private func deliverLarge(
        _ queue: NetworkQueue, _ header: FrameHeader, _ headers: TransportHeaders?, _ start: UnsafeMutableRawBufferPointer,
        _ frame: UnsafeRawBufferPointer, _ description: FrameDescription
    ) -> Bool {
        guard let headers, headers.number == TransportHeaders.tcp, let capacity = sections?.capacity, let count = sections?.count else {
            queue.statistics.droppedReceives += 1
            return true
        }
        let pieces = (frame.count + capacity - 1) / capacity
        if takesCoalesced(headers), pieces <= count, segmentsDelivered == 0, fits(queue, pieces) {
            return deliverCoalesced(queue, pieces, capacity, start, frame, description)
        }
        guard let segmenter = FrameSegmenter(header, frame: frame), segmenter.largest <= session.frameSize + 4,
            segmenter.largest <= capacity
        else {
            queue.statistics.droppedReceives += 1
            return true
        }
        var verified = description
        verified.checksum = .verified
        while segmentsDelivered < segmenter.count {
            guard let section = sections?.take() else { return false }
            segmenter.writeHeader(of: segmentsDelivered, into: scratch.frame)
            let payload = UnsafeRawBufferPointer(rebasing: frame[segmenter.payload(of: segmentsDelivered)])
            let head = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(scratch.frame)[..<segmenter.headerCount])
            fill(queue, section, verified, head, payload, endsFrame: true)
            _ = self.count(queue, head.count + payload.count)
            segmentsDelivered += 1
        }
        queue.statistics.cutFrames += 1
        return true
    }

    private func takesCoalesced(_ headers: TransportHeaders) -> Bool {
        guard session.mayCoalesce else { return false }
        switch settings.coalescing {
        case .always: return true
        case .never: return false
        case .guestChoice: return headers.isVersion6 ? control.offloads.coalescesVersion6 : control.offloads.coalescesVersion4
        }
    }

    /// A packet of so many ranges fits into the channel's ring when that is empty.
    private func fits(_ queue: NetworkQueue, _ ranges: Int) -> Bool { queue.channel.capacity >= 64 + ranges * 8 }

    /// Gives a large frame whole: as RNDIS messages of which each says that it is part of one, in one packet.
    private func deliverCoalesced(
        _ queue: NetworkQueue, _ pieces: Int, _ capacity: Int, _ start: UnsafeMutableRawBufferPointer, _ frame: UnsafeRawBufferPointer,
        _ description: FrameDescription
    ) -> Bool {
        guard sections?.freeCount ?? 0 >= pieces else { return false }
        frameIdentity &+= 1
        var part = description
        part.identity = frameIdentity
        var position = 0
        for piece in 0..<pieces {
            guard let section = sections?.take() else { return false }
            part.isFirst = piece == 0
            part.isLast = piece == pieces - 1
            let end = min(position + capacity, frame.count)
            // The first piece begins with the copy whose headers were looked at.
            let copied = piece == 0 ? min(start.count, end) : 0
            fill(
                queue, section, part, UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(start)[..<copied]),
                UnsafeRawBufferPointer(rebasing: frame[position + copied..<end]), endsFrame: part.isLast)
            position = end
        }
        queue.statistics.coalescedFrames += 1
        return count(queue, frame.count)
    }

    // MARK: Sections and rings

    /// Writes an RNDIS packet message of `start` and `rest` into a section and puts it in line for the channel.
    private func fill(
        _ queue: NetworkQueue, _ section: UInt32, _ description: FrameDescription, _ start: UnsafeRawBufferPointer,
        _ rest: UnsafeRawBufferPointer, endsFrame: Bool
    ) {
        let head = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(scratch.message)[..<NVSP.headerRoom])
        let offset = description.write(scratch.message, frameCount: start.count + rest.count)
        let parts = (UnsafeRawBufferPointer(rebasing: head[..<offset]), start, rest)
        let total = offset + start.count + rest.count
        guard place(section, total, parts) else {
            sections?.putBack(section)
            return
        }
        queue.filled.append(NetworkQueue.Filled(section: section, count: UInt32(total), endsFrame: endsFrame))
    }

    /// Copies the parts one after another into a section; false: they do not fit, or the buffer is no RAM any more.
    private func place(
        _ section: UInt32, _ total: Int, _ parts: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, UnsafeRawBufferPointer)
    ) -> Bool {
        guard let sections, let memory, total <= sections.size else { return false }
        rangesScratch.removeAll(keepingCapacity: true)
        guard sections.buffer.append(offset: Int(section) * sections.size, count: total, to: &rangesScratch) else { return false }
        let done: Void? = memory.withSegments(rangesScratch, writable: true, scratch: &guestSegments) { segments in
            var target = SegmentCursor(segments)
            target.write(parts.0)
            target.write(parts.1)
            target.write(parts.2)
        }
        return done != nil
    }

    /// Puts filled sections of all channels into their rings; false: one of them has no room.
    private func flushFilled() -> Bool {
        var all = true
        for queue in queues {
            guard let queue, !queue.filled.isEmpty else { continue }
            if !flushFilled(queue) { all = false }
        }
        return all
    }

    /// Puts a channel's filled sections into its ring; false: there is no room for all of them.
    private func flushFilled(_ queue: NetworkQueue) -> Bool {
        var done = 0
        defer { if done > 0 { queue.filled.removeFirst(done) } }
        while done < queue.filled.count {
            // As many sections as make a packet, whole frames only.
            queue.ranges.removeAll(keepingCapacity: true)
            queue.sections.removeAll(keepingCapacity: true)
            var (end, position) = (done, done)
            let limit = min(NetworkQueue.rangesPerPacket, max(1, (queue.channel.capacity - 64) / 8))
            while position < queue.filled.count, position - done < limit || end == done {
                position += 1
                if queue.filled[position - 1].endsFrame { end = position }
            }
            guard end > done, let size = sections?.size else { return true }
            for filled in queue.filled[done..<end] {
                queue.ranges.append((offset: filled.section * UInt32(size), count: filled.count))
                queue.sections.append(filled.section)
            }
            guard send(queue) else { return false }
            queue.statistics.receivedMessages += 1
            done = end
        }
        return true
    }

    /// Puts a packet of the channel's `ranges` into its ring and its `sections` into the guest's hands; false: no room.
    private func send(_ queue: NetworkQueue, control isControl: Bool = false) -> Bool {
        guard let set = sections?.set, let head = queue.sections.first else { return true }
        queue.payLate()
        let message = isControl ? Self.controlHead : Self.dataHead
        let payload = message.prefix(NVSP.messageSize(session.version))
        let sent = payload.withUnsafeBytes {
            queue.channel.sendTransferPages(transaction: UInt64(head) + 1, set: set, ranges: queue.ranges, payload: $0)
        }
        if sent { _ = sections?.lend(queue.sections, channel: queue.index) }
        return sent
    }

    /// NVSP's packet message without a section of the send buffer, as data and as control.
    private static let dataHead: [UInt8] = [107, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255] + [UInt8](repeating: 0, count: 28)
    private static let controlHead: [UInt8] = [107, 0, 0, 0, 1, 0, 0, 0, 255, 255, 255, 255] + [UInt8](repeating: 0, count: 28)

    /// Gives the guest what waits for it on the primary channel besides frames.
    func flushControl() {
        guard let primary = queue(0) else { return }
        if owesSendTable, primary.channel.send(session.sendTable(channels: queues.count)) { owesSendTable = false }
        while let message = controlMessages.first {
            guard let size = sections?.size, message.count <= size, let section = sections?.take() else { return }
            let empty = UnsafeRawBufferPointer(start: nil, count: 0)
            let placed = message.withUnsafeBytes { place(section, message.count, ($0, empty, empty)) }
            primary.ranges = [(offset: section * UInt32(size), count: UInt32(message.count))]
            primary.sections = [section]
            guard placed, send(primary, control: true) else {
                sections?.putBack(section)
                return
            }
            controlMessages.removeFirst()
        }
    }
}

/// Writes bytes one after another into a run of segments.
private struct SegmentCursor {
    // Safety: lives inside the closure that lends the segments, writes nothing beyond them.
    private let segments: UnsafeBufferPointer<iovec>
    private var index = 0
    private var offset = 0

    init(_ segments: UnsafeBufferPointer<iovec>) { self.segments = segments }

    mutating func write(_ bytes: UnsafeRawBufferPointer) {
        guard var source = bytes.baseAddress else { return }
        var left = bytes.count
        while left > 0, index < segments.count {
            let segment = segments[index]
            let count = min(segment.iov_len - offset, left)
            if let base = segment.iov_base { memcpy(base + offset, source, count) }
            source += count
            left -= count
            offset += count
            if offset == segment.iov_len { (index, offset) = (index + 1, 0) }
        }
    }
}
