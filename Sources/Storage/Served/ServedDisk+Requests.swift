import Glibc

/// A disk's requests. Those whose caller waits use a part of the window that is theirs alone.
extension ServedDisk {
    package func read(into segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) {
        let count = segments.byteCount
        try checkRange(offset, count, file: file)
        lock.lock()
        defer { lock.unlock() }
        if let own { return try own.read(into: segments, at: offset) }
        var walk = SegmentWalk(segments)
        for piece in Self.pieces(offset, count) {
            try perform(.read, piece)
            try walk.next(piece.count) { (parts) throws(DiskError) in
                var position = DiskServiceWindow.spare
                for part in parts {
                    if let target = part.iov_base, let source = window.baseAddress { memcpy(target, source + position, part.iov_len) }
                    position += part.iov_len
                }
            }
        }
    }

    package func write(from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) {
        let count = segments.byteCount
        try checkRange(offset, count, file: file)
        try checkWritable()
        lock.lock()
        defer { lock.unlock() }
        if let own { return try own.write(from: segments, at: offset) }
        var walk = SegmentWalk(segments)
        for piece in Self.pieces(offset, count) {
            var bytes: [UInt8] = []
            try walk.next(piece.count) { (parts) throws(DiskError) in bytes = Self.copy(parts, Int(piece.count)) }
            try makeRoom(for: bytes.count)
            try perform(.write, piece, bytes)
        }
    }

    package func flush() throws(DiskError) {
        lock.lock()
        defer { lock.unlock() }
        if let own { return try own.flush() }
        try flushService()
    }

    package func discard(at offset: UInt64, count: UInt64) throws(DiskError) {
        try checkRange(offset, count, file: file)
        try checkWritable()
        lock.lock()
        defer { lock.unlock() }
        if let own { return try own.discard(at: offset, count: count) }
        try makeRoom(for: 0)
        try perform(.discard, (offset, count))
    }

    // MARK: Begun and collected

    package func beginRead(_ tag: UInt64, count: Int, at offset: UInt64) throws(DiskError) -> Bool {
        try checkRange(offset, UInt64(count), file: file)
        lock.lock()
        defer { lock.unlock() }
        guard let place = takeRoom(count) else { return false }
        waitForOthers((offset, UInt64(count)))
        begin(Request(number: nextNumber(), kind: .read, offset: offset, count: UInt64(count), place: place, tag: tag))
        return true
    }

    package func beginWrite(_ tag: UInt64, from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) -> Bool {
        let count = segments.byteCount
        try checkRange(offset, count, file: file)
        try checkWritable()
        lock.lock()
        defer { lock.unlock() }
        guard let place = takeRoom(Int(count)) else { return false }
        do throws(DiskError) { if own == nil { try makeRoom(for: Int(count)) } } catch {
            room.give(place, Int(count))
            throw error
        }
        waitForOthers((offset, count))
        let bytes = Self.copy(segments, Int(count))
        begin(Request(number: nextNumber(), kind: .write, offset: offset, count: count, place: place, bytes: bytes, tag: tag))
        return true
    }

    package func collect(_ body: (_ tag: UInt64, _ outcome: Result<UnsafeRawBufferPointer, DiskError>) -> Void) {
        lock.lock()
        defer { lock.unlock() }
        while ended.isEmpty, !underway.isEmpty { advance() }
        let all = ended
        ended = []
        for (request, error) in all {
            if let tag = request.tag {
                if let error {
                    body(tag, .failure(error))
                } else {
                    let count = request.kind == .read ? Int(request.count) : 0
                    body(tag, .success(UnsafeRawBufferPointer(rebasing: window[request.place..<request.place + count])))
                }
            }
            room.give(request.place, Int(request.count))
        }
    }

    // MARK: In the lock

    /// One that is begun.
    private func begin(_ request: Request) {
        guard let own else { return underway.append(request) }
        var segment = iovec(iov_base: window.baseAddress.map { $0 + request.place }, iov_len: Int(request.count))
        var failure: DiskError?
        if isClosed { failure = DiskError(.closed, "The disk “\(file)” is closed.", file: file) }
        put(request.bytes, at: request.place)
        withUnsafePointer(to: &segment) { pointer in
            let segments = UnsafeBufferPointer(start: pointer, count: 1)
            do throws(DiskError) {
                if request.kind == .read {
                    try own.read(into: segments, at: request.offset)
                } else {
                    try own.write(from: segments, at: request.offset)
                }
            } catch { failure = error }
        }
        ended.append((request, failure))
    }

    private func takeRoom(_ count: Int) -> Int? {
        // What is waited for finds room among them, too.
        guard count > 0, count <= DiskServiceWindow.largest, underway.count + ended.count < DiskServiceWindow.mostRequests - 1 else {
            return nil
        }
        return room.take(count)
    }

    func nextNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    private static func pieces(_ offset: UInt64, _ count: UInt64) -> [Piece] {
        let size = UInt64(DiskServiceWindow.largest)
        if count <= size { return count == 0 ? [] : [(offset, count)] }
        return stride(from: 0, to: count, by: DiskServiceWindow.largest).map { (offset + $0, min(size, count - $0)) }
    }

    private static func copy(_ parts: UnsafeBufferPointer<iovec>, _ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { target, initialized in
            for part in parts {
                let step = min(part.iov_len, count - initialized)
                if step > 0, let base = target.baseAddress, let source = part.iov_base { memcpy(base + initialized, source, step) }
                initialized += step
            }
        }
    }

    /// Flushes when the journal could not take the next entry beside those that may come to it.
    private func makeRoom(for count: Int) throws(DiskError) {
        guard !properties.keepsWrites else { return }
        let coming = underway.reduce(0) { $0 + $1.bytes.count }
        if !journal.hasRoom(for: count + coming, entries: 1 + underway.count) { try flushService() }
    }

    func flushService() throws(DiskError) {
        try perform(.flush)
        journal.removeAll()
    }
}
