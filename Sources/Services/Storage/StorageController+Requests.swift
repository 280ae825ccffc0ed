import Basics
import DeviceModel
import Storage
import VMBus

/// EXECUTE_SRB: a SCSI command with its buffer.
extension StorageController {
    /// How a request ended: with an answer in `reply`, or not yet, and `reply` is still the request.
    enum RequestOutcome {
        case answered(StorageStatus)
        /// The host has no room for it.
        case held
        /// It must be repeated where the pump may wait.
        case later
        /// It is under way beside others.
        case underway
    }

    /// Carries out the request in `reply` with the buffer in the exchange, or begins it where it `mayQueue`.
    func executeRequest(mayQueue: Bool = false) -> RequestOutcome {
        guard let exchange else { return .answered(.invalidDeviceState) }
        exchange.begin()
        exchange.mayQueue = mayQueue && queuesRequests && pump.mayWait
        exchange.block = CommandBlock(reply, at: StoragePacket.cdbOffset)
        exchange.direction = ScsiExchange.Direction(rawValue: reply[StoragePacket.directionOffset]) ?? .none
        let length = reply.little(StoragePacket.transferLengthOffset, as: UInt32.self)
        var room = 0
        for range in exchange.ranges { room += range.count }
        guard length <= StoragePacket.maximumTransfer, length <= room, exchange.ranges.count <= StoragePacket.maximumRanges,
            (1...UInt8(StoragePacket.cdbRoom)).contains(reply[StoragePacket.cdbLengthOffset])
        else { return .answered(answer(.invalidRequest, .invalidParameter)) }
        exchange.length = Int(length)
        exchange.mayWait = pump.mayWait
        guard exchange.mayWait || exchange.block.opcode.isTransfer else { return .later }

        let isOurs = reply[StoragePacket.pathOffset] == 0 && reply[StoragePacket.targetOffset] == 0
        let location = Int(reply[StoragePacket.lunOffset])
        if exchange.block.opcode == .reportLUNs { return finish(reportLUNs(exchange, isOurs: isOurs), exchange, location, nil) }
        guard isOurs, location < stands.count, let target = stands[location] else {
            guard exchange.block.opcode == .inquiry else { return .answered(answer(.invalidLUN, .deviceDoesNotExist)) }
            return finish(inquiryOfNothing(exchange), exchange, location, nil)
        }
        return finish(target.execute(exchange), exchange, location, target)
    }

    func finish(_ outcome: ScsiOutcome, _ exchange: ScsiExchange, _ location: Int, _ target: (any ScsiTarget)?) -> RequestOutcome {
        switch outcome {
        case .good:
            reply[StoragePacket.srbStatusOffset] = SRBStatus.success.rawValue
            reply[StoragePacket.scsiStatusOffset] = 0
            reply[StoragePacket.senseLengthOffset] = 0
            reply.setLittleEndian(UInt32(exchange.transferred), at: StoragePacket.transferLengthOffset)
            return .answered(.success)
        case .check(let sense): return .answered(answer(sense))
        case .trouble(let sense, let error):
            target?.counters.countError()
            report(error, location: location)
            return .answered(answer(sense))
        case .hold(let error):
            onDiskFull?(location, error)
            return .held
        case .later: return .later
        case .begun: return .underway
        }
    }

    /// A failure that is none of the device's: no sense data.
    private func answer(_ srb: SRBStatus, _ status: StorageStatus) -> StorageStatus {
        reply[StoragePacket.srbStatusOffset] = srb.rawValue
        reply[StoragePacket.scsiStatusOffset] = Self.checkCondition
        reply[StoragePacket.senseLengthOffset] = 0
        reply.setLittleEndian(UInt32(0), at: StoragePacket.transferLengthOffset)
        return status
    }

    private func answer(_ sense: SenseData) -> StorageStatus {
        let room = min(Int(reply[StoragePacket.senseLengthOffset]), SenseData.fixedLength)
        _ = answer(.error, .ioDeviceError)
        guard room > 0 else { return .ioDeviceError }
        for position in 0..<StoragePacket.senseRoom { reply[StoragePacket.cdbOffset + position] = 0 }
        for (position, byte) in sense.fixed.prefix(room).enumerated() { reply[StoragePacket.cdbOffset + position] = byte }
        reply[StoragePacket.srbStatusOffset] |= SRBStatus.autosenseValid
        reply[StoragePacket.senseLengthOffset] = UInt8(room)
        return .ioDeviceError
    }

    /// SCSI status CHECK CONDITION.
    private static let checkCondition: UInt8 = 2

    /// The controller answers for all of its locations (SPC-4 6.33); other targets have none.
    private func reportLUNs(_ exchange: ScsiExchange, isOurs: Bool) -> ScsiOutcome {
        let allocation = Int(clamping: exchange.block.long(6))
        guard exchange.block[2] <= 2, allocation >= 16 else { return .check(.invalidFieldInBlock) }
        var list: [UInt8] = []
        // 1: only well-known units, of which there are none.
        if isOurs, exchange.block[2] != 1 {
            for (location, target) in stands.enumerated() where target != nil { list += [0, UInt8(location), 0, 0, 0, 0, 0, 0] }
        }
        var data: [UInt8] = []
        data.appendBig(UInt32(list.count))
        data.appendZeros(4)
        return exchange.reply(data + list, allocation: allocation)
    }

    /// Linux takes every INQUIRY for a success, so an empty location has to say in the data that it is one.
    private func inquiryOfNothing(_ exchange: ScsiExchange) -> ScsiOutcome {
        InquiryData.answer(
            exchange, standard: InquiryData.standard(peripheral: InquiryData.absent, isRemovable: false, product: "Virtual Disk")
        ) { _ in nil }
    }

    /// Takes up the held request again, then all others. True when nothing is held any more.
    func resume() {
        while let request = held {
            guard let exchange, request.channel < links.count, let link = links[request.channel] else {
                (held, heldToo) = (nil, [])
                return
            }
            reply = request.bytes
            exchange.ranges = request.ranges
            guard case .answered(let status) = executeRequest() else { return }
            held = heldToo.isEmpty ? nil : heldToo.removeFirst()
            complete(link, request.transaction, wantsReply: request.wantsReply, status)
        }
        serveAll()
    }

    /// Repeats the request that could not wait, now that it may.
    func carryOutPostponed() {
        if let request = postponed {
            postponed = nil
            if request.channel < links.count, let link = links[request.channel] {
                settle(link, request.transaction, wantsReply: request.wantsReply)
            }
        }
        // Also when its channel was closed: the others have waited.
        serveAll()
        drainUnderway()
    }
}
