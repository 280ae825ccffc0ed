import Storage

/// Requests and their replies.
extension NBDConnection {
    private static let mostExtents = 1024

    func readRequest() {
        guard input.integer(at: 0, as: UInt32.self) == NBD.requestMagic, let flags = input.integer(at: 4, as: UInt16.self),
            let command = input.integer(at: 6, as: UInt16.self), let cookie = input.integer(at: 8, as: UInt64.self),
            let offset = input.integer(at: 16, as: UInt64.self), let count = input.integer(at: 24, as: UInt32.self)
        else { return end() }
        let request = Request(flags: flags, command: command, cookie: cookie, offset: offset, count: count)
        guard command == NBD.Command.write else {
            input.drop(Self.requestSize)
            return perform(request, [])
        }
        guard count <= NBD.largestPayload else {
            input.drop(Self.requestSize)
            skipping = UInt64(count)
            return fail(request, .invalid, "A write has at most \(NBD.largestPayload) bytes.")
        }
        guard input.count >= Self.requestSize + Int(count) else {
            needed = Self.requestSize + Int(count)
            return
        }
        needed = Self.requestSize
        input.drop(Self.requestSize)
        perform(request, input.take(Int(count)))
    }

    private func perform(_ request: Request, _ payload: [UInt8]) {
        typealias Flag = NBD.CommandFlag
        let changes = [NBD.Command.write, NBD.Command.trim, NBD.Command.writeZeroes].contains(request.command)
        let allowed: UInt16
        switch request.command {
        case NBD.Command.read: allowed = Flag.forceUnitAccess | Flag.doNotFragment
        case NBD.Command.writeZeroes: allowed = Flag.forceUnitAccess | Flag.noHole
        case NBD.Command.blockStatus: allowed = Flag.forceUnitAccess | Flag.requestOne
        default: allowed = Flag.forceUnitAccess
        }
        if request.command == NBD.Command.disconnect { return end() }
        guard request.flags & ~allowed == 0 else { return fail(request, .invalid, "A flag of this request is not known here.") }
        if changes, export.disk.isReadOnly { return fail(request, .notPermitted, "The disk is read-only.") }
        if request.command != NBD.Command.flush, !export.holds(request.offset, UInt64(request.count)) {
            return fail(
                request, request.command == NBD.Command.write || request.command == NBD.Command.writeZeroes ? .noSpace : .invalid,
                "The disk has \(export.size) bytes.")
        }
        do throws(DiskError) {
            switch request.command {
            case NBD.Command.read: try read(request)
            case NBD.Command.write:
                try export.write(payload, at: request.offset)
                try finish(request)
            case NBD.Command.flush:
                try export.flush()
                succeed(request)
            case NBD.Command.trim, NBD.Command.writeZeroes: long = LongRequest(request: request, position: request.offset)
            case NBD.Command.blockStatus: try tellExtents(request)
            default: fail(request, .invalid, "Request \(request.command) is not known here.")
            }
        } catch { fail(request, error) }
    }

    private func finish(_ request: Request) throws(DiskError) {
        if request.has(NBD.CommandFlag.forceUnitAccess) { try export.flush() }
        succeed(request)
    }

    /// One step of a request that may mean the whole disk: others are served between.
    func goOn() -> Bool {
        guard var long else { return false }
        let request = long.request
        do throws(DiskError) {
            if long.position < request.end {
                if request.command == NBD.Command.trim {
                    let end = min(request.end, long.position + 256 << 20)
                    try export.discard(long.position..<end)
                    long.position = end
                } else {
                    long.position = try export.zero(
                        long.position..<request.end, allocating: request.has(NBD.CommandFlag.noHole))
                }
                self.long = long
                return true
            }
            self.long = nil
            try finish(request)
        } catch {
            self.long = nil
            fail(request, error)
        }
        return true
    }

    private func read(_ request: Request) throws(DiskError) {
        guard request.count <= NBD.largestPayload else {
            return fail(request, .invalid, "A read has at most \(NBD.largestPayload) bytes.")
        }
        guard request.count > 0 else { return hasStructuredReplies ? chunk(request, NBD.Chunk.none, 0) : succeed(request) }
        let bytes = try export.read(request.offset, Int(request.count))
        if hasStructuredReplies {
            chunk(request, NBD.Chunk.offsetData, 8 + bytes.count)
            output.append(request.offset)
        } else {
            succeed(request)
        }
        output.append(bytes)
    }

    private func tellExtents(_ request: Request) throws(DiskError) {
        guard hasAllocationContext else { return fail(request, .invalid, "No context was agreed on.") }
        guard request.count > 0 else { return fail(request, .invalid, "No bytes have no state.") }
        let limit = request.has(NBD.CommandFlag.requestOne) ? 1 : Self.mostExtents
        let extents = try export.extents(request.offset..<request.end, limit: limit)
        chunk(request, NBD.Chunk.blockStatus, 4 + 8 * extents.count)
        output.append(NBD.allocationContextNumber)
        for extent in extents {
            output.append(UInt32(extent.count))
            output.append(extent.isEmpty ? NBD.emptyExtent : 0)
        }
    }

    // MARK: Replies

    private func succeed(_ request: Request) { simple(request, 0) }

    private func simple(_ request: Request, _ failure: UInt32) {
        output.append(NBD.simpleReplyMagic)
        output.append(failure)
        output.append(request.cookie)
    }

    /// The head of the only chunk of a structured reply.
    private func chunk(_ request: Request, _ kind: UInt16, _ count: Int) {
        output.append(NBD.structuredReplyMagic)
        output.append(NBD.Chunk.done)
        output.append(kind)
        output.append(request.cookie)
        output.append(UInt32(count))
    }

    private func fail(_ request: Request, _ failure: NBD.Failure, _ text: String) {
        guard hasStructuredReplies else { return simple(request, failure.rawValue) }
        let words = Array(text.utf8.prefix(4096))
        chunk(request, NBD.Chunk.error, 6 + words.count)
        output.append(failure.rawValue)
        output.append(UInt16(words.count))
        output.append(words)
    }

    private func fail(_ request: Request, _ error: DiskError) {
        let failure: NBD.Failure =
            switch error.code {
            case .outOfRange: .invalid
            case .readOnly: .notPermitted
            case .full: .noSpace
            default: .inputOutput
            }
        fail(request, failure, error.message)
    }
}
