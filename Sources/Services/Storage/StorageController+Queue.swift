import DeviceModel
import Storage

/// Reads and writes of disks that take several at a time (`QueuedDisk`): they are begun one after another and answered in the order in
/// which they end. All of them are answered before the pump goes on to anything else, so nothing is under way while it stands still.
extension StorageController {
    /// A request that is under way.
    struct UnderwayRequest {
        var channel: Int
        var transaction: UInt64
        var wantsReply: Bool
        /// As the guest sent it.
        var bytes: [UInt8]
        /// The guest's buffer.
        var ranges: [GuestRange]
        var location: Int
        var target: any ScsiTarget
        var disk: any QueuedDisk
        var isWrite: Bool
        var count: Int
    }

    /// The request in `reply` and the exchange is under way from now on.
    func keepUnderway(_ link: ChannelLink, _ transaction: UInt64, wantsReply: Bool) {
        guard let exchange, let begun = exchange.begun else { return }
        let location = Int(reply[StoragePacket.lunOffset])
        guard let target = stands[location] else { return }
        underway[exchange.tag] = UnderwayRequest(
            channel: link.channel.index, transaction: transaction, wantsReply: wantsReply, bytes: reply, ranges: exchange.ranges,
            location: location, target: target, disk: begun.disk, isWrite: begun.isWrite, count: begun.count)
    }

    /// Waits until a request has ended, of the disk whose turn is the oldest, and answers all of that disk that have.
    func collectUnderway() {
        guard let oldest = underway.min(by: { $0.key < $1.key }) else { return }
        var isAny = false
        oldest.value.disk.collect { [self] tag, outcome in
            isAny = true
            guard let request = underway.removeValue(forKey: tag) else { return }
            switch outcome {
            case .failure(let error): answer(request, .of(error, writing: request.isWrite))
            case .success(let data): answer(request, exchange?.end(request.count, request.isWrite ? nil : data, ranges: request.ranges))
            }
        }
        // A disk that knows nothing of it any more has not done it.
        if !isAny, let request = underway.removeValue(forKey: oldest.key) { answer(request, nil) }
        // With nothing else under way the batch ends soon by itself.
        if !underway.isEmpty { for link in links { link?.channel.flush() } }
    }

    private func answer(_ request: UnderwayRequest, _ end: ScsiOutcome?) {
        guard let exchange, request.channel < links.count, let link = links[request.channel] else { return }
        reply = request.bytes
        if case .good = end { request.target.counters.count(request.count, isWrite: request.isWrite) } else { exchange.begin() }
        switch finish(end ?? .check(.internalFailure), exchange, request.location, request.target) {
        case .answered(let status): complete(link, request.transaction, wantsReply: request.wantsReply, status)
        case .held:
            hold(
                HeldRequest(
                    channel: request.channel, transaction: request.transaction, wantsReply: request.wantsReply, bytes: request.bytes,
                    ranges: request.ranges))
        case .later, .underway: break
        }
    }

    func drainUnderway() {
        while !underway.isEmpty { collectUnderway() }
    }

    func hold(_ request: HeldRequest) {
        if held == nil { held = request } else { heldToo.append(request) }
    }
}
