/// GPADLs: a header with the first page numbers, bodies with the rest, and the way back.
///
///     header   u32 relid │ u32 id │ u16 bytes of ranges │ u16 ranges │ { u32 byte count │ u32 byte offset │ u64 page … }
///     body     u32 number │ u32 id │ u64 page …
///
/// Departure: exactly one range; Linux makes no others.
extension ControlPlane {
    mutating func gpadlHeader(relid: UInt32, id: UInt32, rangeBytes: Int, ranges: Int, count: UInt32, offset: UInt32, pages: [UInt64]) {
        func refuse(_ reason: String) {
            answerCreated(relid, id, status: VMBusProtocol.failure)
            actions.append(.note("The guest's GPADL \(id) is refused: \(reason)."))
        }
        guard phase == .connected, let offer = offers[relid], offer.isOffered, !offer.isReleased else {
            return refuse("channel \(relid) was not offered")
        }
        guard gpadls[id] == nil else { return refuse("its number is in use") }
        guard ranges == 1, offset < 4096, count > 0, rangeBytes >= 16, rangeBytes % 8 == 0 else { return refuse("its range is malformed") }
        let total = (Int(offset) + Int(count) + 4095) / 4096
        guard total == (rangeBytes - 8) / 8 else { return refuse("its length does not match its pages") }
        guard pages.count <= total else { return refuse("it has more pages than its length") }
        guard gpadls.count < limits.gpadls, gpadls.values.reduce(total, { $0 + $1.total }) <= limits.pages else {
            return refuse("the guest lends too much memory at once")
        }
        guard pages.count == total || gpadls.values.filter({ $0.missing > 0 }).count < limits.unfinishedGPADLs else {
            return refuse("too many are unfinished")
        }
        gpadls[id] = GPADLState(
            id: id, relid: relid, offset: Int(offset), count: Int(count), missing: total - pages.count, pages: pages)
        finishGPADL(id, new: pages)
    }

    mutating func gpadlBody(id: UInt32, pages: [UInt64]) {
        // A body of a refused header: the refusal was the answer.
        guard let gpadl = gpadls[id], gpadl.missing > 0 else { return }
        let new = pages.prefix(gpadl.missing)
        gpadls[id]?.pages += new
        gpadls[id]?.missing -= new.count
        finishGPADL(id, new: Array(new))
    }

    /// Checks new pages; answers when the last is there or one is no RAM.
    private mutating func finishGPADL(_ id: UInt32, new: [UInt64]) {
        guard let gpadl = gpadls[id] else { return }
        guard new.allSatisfy(memoryContains) else {
            gpadls[id] = nil
            answerCreated(gpadl.relid, id, status: VMBusProtocol.failure)
            actions.append(.note("The guest's GPADL \(id) is refused: a page of it is not memory."))
            return removeIfGone(gpadl.relid)
        }
        guard gpadl.missing == 0 else { return }
        actions.append(.established(gpadl))
        answerCreated(gpadl.relid, id, status: 0)
    }

    private mutating func answerCreated(_ relid: UInt32, _ id: UInt32, status: UInt32) {
        send(MessageWriter.words(.gpadlCreated, relid, id, status))
    }

    mutating func gpadlTeardown(id: UInt32) {
        guard gpadls[id] != nil else { return answerTornDown(id) }
        gpadls[id]?.isAskedFor = true
        beginTearDown(id)
    }

    /// Takes the pages from the device; first closes a channel whose rings lie in them.
    mutating func beginTearDown(_ id: UInt32) {
        guard let gpadl = gpadls[id], !gpadl.isTearingDown else { return }
        guard gpadl.missing == 0 else {
            gpadls[id] = nil
            if gpadl.isAskedFor { answerTornDown(id) }
            return
        }
        if offers[gpadl.relid]?.request?.gpadl == id { close(gpadl.relid) }
        gpadls[id]?.isTearingDown = true
        actions.append(.tearDown(gpadl: id, relid: gpadl.relid))
    }

    /// The device has forgotten the pages.
    mutating func tornDown(_ id: UInt32) {
        guard let gpadl = gpadls[id], gpadl.isTearingDown else { return }
        gpadls[id] = nil
        if gpadl.isAskedFor { answerTornDown(id) }
        removeIfGone(gpadl.relid)
        finishDisconnect()
    }

    private mutating func answerTornDown(_ id: UInt32) {
        guard phase == .connected else { return }
        send(MessageWriter.words(.gpadlTornDown, id))
    }
}
