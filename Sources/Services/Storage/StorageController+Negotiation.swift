import Basics
import DeviceModel
import VMBus

/// Packets of the storage protocol. Every one that asks for a completion gets it, also when refused: the guest waits without a time-out.
extension StorageController {
    /// Carries out `packet`, which came on `link`.
    func handle(_ link: ChannelLink) {
        guard packet.kind == .inBand || packet.kind == .direct else { return }
        let (transaction, wantsReply) = (packet.transaction, packet.completionRequested)
        // A reply repeats the request around what it changes.
        copyRequest()
        let operation = StorageOperation(rawValue: reply.little(StoragePacket.operationOffset, as: UInt32.self))
        if operation == .executeSRB, packet.payload.count >= StoragePacket.length, phase == .ready {
            guard let exchange else { return }
            swap(&exchange.ranges, &packet.ranges)
            return settle(link, transaction, wantsReply: wantsReply)
        }
        // It meets a disk with nothing under way.
        if !underway.isEmpty {
            let request = reply
            drainUnderway()
            reply = request
        }
        let status = negotiate(operation, link)
        complete(link, transaction, wantsReply: wantsReply, status)
        // What the guest asks for comes after the answer.
        if operation == .createSubChannels, status == .success, offeredSubChannels > 0 { host?.offerSubChannels(offeredSubChannels) }
        if operation == .endInitialization { sendNotices() }
    }

    /// Carries out the request in `reply` and answers it, or keeps it.
    func settle(_ link: ChannelLink, _ transaction: UInt64, wantsReply: Bool) {
        switch executeRequest(mayQueue: true) {
        case .answered(let status): complete(link, transaction, wantsReply: wantsReply, status)
        case .underway: keepUnderway(link, transaction, wantsReply: wantsReply)
        case .held:
            hold(
                HeldRequest(
                    channel: link.channel.index, transaction: transaction, wantsReply: wantsReply, bytes: reply,
                    ranges: exchange?.ranges ?? []))
        case .later:
            postponed = PostponedRequest(channel: link.channel.index, transaction: transaction, wantsReply: wantsReply)
            pump.post { [weak self] in self?.carryOutPostponed() }
        }
    }

    /// The packet's first 64 bytes become the reply's; what is missing is zero.
    private func copyRequest() {
        reply.withUnsafeMutableBytes { target in
            packet.payload.withUnsafeBytes { source in
                let count = min(source.count, target.count)
                target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<count]))
                for position in count..<target.count { target[position] = 0 }
            }
        }
    }

    func complete(_ link: ChannelLink, _ transaction: UInt64, wantsReply: Bool, _ status: StorageStatus) {
        guard wantsReply else { return }
        reply.setLittleEndian(StorageOperation.completeIO.rawValue, at: StoragePacket.operationOffset)
        reply.setLittleEndian(UInt32(0), at: StoragePacket.flagsOffset)
        reply.setLittleEndian(status.rawValue, at: StoragePacket.statusOffset)
        sendReply(link, transaction: transaction)
    }

    private func negotiate(_ operation: StorageOperation, _ link: ChannelLink) -> StorageStatus {
        guard packet.payload.count >= StoragePacket.headerLength else { return .invalidParameter }
        switch (operation, phase) {
        case (.resetLUN, .ready), (.resetAdapter, .ready), (.resetBus, .ready):
            // Nothing is in flight between two packets.
            return .success
        case (.executeSRB, .ready): return .invalidParameter
        case (.fibreChannelData, _): return .invalidDeviceRequest
        case (.createSubChannels, _) where link.channel.index == 0 && (phase == .end || phase == .ready):
            let count = Int(reply.little(StoragePacket.bodyOffset, as: UInt16.self))
            guard offeredSubChannels == 0, count <= subChannelLimit else { return .invalidParameter }
            offeredSubChannels = count
            return .success
        case (.beginInitialization, .begin) where link.channel.index == 0:
            phase = .version
            return .success
        case (.queryProtocolVersion, .version) where link.channel.index == 0:
            let wanted = reply.little(StoragePacket.bodyOffset, as: UInt16.self)
            guard StorageVersion.known.contains(wanted) else { return .revisionMismatch }
            version = wanted
            phase = .properties
            return .success
        case (.queryProperties, .properties) where link.channel.index == 0:
            for position in StoragePacket.bodyOffset..<StoragePacket.length { reply[position] = 0 }
            reply.setLittleEndian(UInt16(subChannelLimit), at: StoragePacket.bodyOffset + 4)
            reply.setLittleEndian(StorageVersion.multiChannel, at: StoragePacket.bodyOffset + 8)
            reply.setLittleEndian(UInt32(StoragePacket.maximumTransfer), at: StoragePacket.bodyOffset + 12)
            phase = .end
            return .success
        case (.endInitialization, .end) where link.channel.index == 0:
            // The guest looks at all locations now: changes before are no news.
            notices = []
            phase = .ready
            return .success
        default: return .invalidDeviceState
        }
    }

    /// One channel for every `processorsPerChannel` processors, the first of them being no sub-channel.
    private var subChannelLimit: Int {
        let share = max(1, processorsPerChannel)
        let channels = ((host?.processorCount ?? 1) + share - 1) / share
        return max(0, min(channels - 1, Self.maximumSubChannels))
    }
}
