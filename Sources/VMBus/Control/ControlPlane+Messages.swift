import Basics

/// The guest's messages, taken apart: too short or unknown ones change nothing.
extension ControlPlane {
    /// `bytes`: the payload of a posted message.
    mutating func receive(_ bytes: [UInt8]) {
        var reader = MessageReader(bytes, at: 0)
        guard let word: UInt32 = reader.integer(), let type = ChannelMessageType(rawValue: word) else {
            return actions.append(.note("The guest sent a VMBus message of unknown kind."))
        }
        if !take(type, bytes) {
            actions.append(.note("The guest sent a VMBus message (kind \(word)) that is too short or not for it to send."))
        }
    }

    private mutating func take(_ type: ChannelMessageType, _ bytes: [UInt8]) -> Bool {
        var reader = MessageReader(bytes)
        switch type {
        case .initiateContact:
            guard let contact = contact(&reader) else { return false }
            initiateContact(contact)
        case .requestOffers: requestOffers()
        case .unload: unload()
        case .open:
            guard let relid: UInt32 = reader.integer(), let openID: UInt32 = reader.integer(), let gpadl: UInt32 = reader.integer(),
                let processor: UInt32 = reader.integer(), let downstream: UInt32 = reader.integer()
            else { return false }
            let available = min(reader.remaining, VMBusProtocol.userDataSize)
            let userData = (reader.array(available) ?? []) + [UInt8](repeating: 0, count: VMBusProtocol.userDataSize - available)
            let request = OpenRequest(
                openID: openID, gpadl: gpadl, targetProcessor: processor, downstreamPage: downstream, userData: userData)
            open(relid, request)
        case .close:
            guard let relid: UInt32 = reader.integer() else { return false }
            close(relid)
        case .gpadlHeader:
            guard let relid: UInt32 = reader.integer(), let id: UInt32 = reader.integer(), let size: UInt16 = reader.integer(),
                let ranges: UInt16 = reader.integer(), let count: UInt32 = reader.integer(), let offset: UInt32 = reader.integer()
            else { return false }
            gpadlHeader(
                relid: relid, id: id, rangeBytes: Int(size), ranges: Int(ranges), count: count, offset: offset,
                pages: pages(&reader, limit: max(0, (Int(size) - 8) / 8)))
        case .gpadlBody:
            guard reader.integer(UInt32.self) != nil, let id: UInt32 = reader.integer() else { return false }
            gpadlBody(id: id, pages: pages(&reader, limit: VMBusProtocol.messageSize / 8))
        case .gpadlTeardown:
            guard reader.integer(UInt32.self) != nil, let id: UInt32 = reader.integer() else { return false }
            gpadlTeardown(id: id)
        case .relidReleased:
            guard let relid: UInt32 = reader.integer() else { return false }
            relidReleased(relid)
        case .modify:
            guard let relid: UInt32 = reader.integer(), let processor: UInt32 = reader.integer() else { return false }
            modify(relid, processor: processor)
        case .connectRequest:
            guard let endpoint = reader.guid(), let service = reader.guid() else { return false }
            connect(SocketConnect(endpoint: endpoint, service: service))
        case .offer, .rescindOffer, .allOffersDelivered, .openResult, .gpadlCreated, .gpadlTornDown, .versionResponse, .unloadResponse,
            .connectResult, .modifyResponse:
            return false
        }
        return true
    }

    /// u32 version │ u32 VP │ u64 interrupt page, or from version 5: u8 source │ u8 VTL │ … │ two monitor pages, which we never use.
    private func contact(_ reader: inout MessageReader) -> Contact? {
        guard let version: UInt32 = reader.integer(), let processor: UInt32 = reader.integer(), let source: UInt8 = reader.integer(),
            let trustLevel: UInt8 = reader.integer()
        else { return nil }
        var contact = Contact(version: version, target: MessageTarget(), isImpossible: false)
        if processor < UInt32(processorCount) { contact.target.processor = Int(processor) } else { contact.isImpossible = true }
        if version >= VMBusProtocol.version5 {
            if (1...15).contains(source) { contact.target.source = Int(source) } else { contact.isImpossible = true }
            if trustLevel != 0 { contact.isImpossible = true }
        }
        return contact
    }

    private func pages(_ reader: inout MessageReader, limit: Int) -> [UInt64] {
        var pages: [UInt64] = []
        while pages.count < limit, let page: UInt64 = reader.integer() { pages.append(page) }
        return pages
    }
}
