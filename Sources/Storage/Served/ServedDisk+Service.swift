import Basics
import CHost
import Glibc

/// The conversation with the service, and with its successor. All of it in the lock.
extension ServedDisk {
    /// A request at which so many services ended is given up: it may be what ends them.
    private static let mostLosses = 5
    /// From so many on, one is asked at a time, so that a request which ends services is found.
    private static let suspiciousLosses = 2
    /// Starts in a row that may fail.
    private static let mostStarts = 5

    /// Asks the service, and another one when it ends, until there is an answer. Reads and writes go beside what does not touch them,
    /// all else alone.
    func perform(_ kind: DiskServiceRequest.Kind, _ piece: Piece = (0, 0), _ bytes: [UInt8] = []) throws(DiskError) {
        guard !isClosed else { throw DiskError(.closed, "The disk “\(file)” is closed.", file: file) }
        if kind == .read || kind == .write { waitForOthers(piece) } else { while !underway.isEmpty { advance() } }
        let number = nextNumber()
        underway.append(Request(number: number, kind: kind, offset: piece.offset, count: piece.count, bytes: bytes))
        while true {
            advance()
            guard let place = ended.firstIndex(where: { $0.request.number == number }) else { continue }
            if let error = ended.remove(at: place).error { throw error }
            return
        }
    }

    /// Waits for what touches the same sectors: whatever is under way may be done in any order, now and by a successor.
    func waitForOthers(_ piece: Piece) {
        while underway.contains(where: { $0.touches(piece) }) { advance() }
    }

    /// Asks what has not been asked, then waits for an answer, or puts a successor in the place of a service that gives none. What cannot
    /// be done ends with the reason, so there are always fewer under way in the end.
    func advance() {
        guard !underway.isEmpty else { return }
        do throws(DiskError) {
            let link = try livingLink()
            var trouble: String?
            let requests = unsent()
            if !requests.isEmpty {
                state.withLock { ($0.exchanges, $0.messages) = ($0.exchanges &+ UInt64(requests.count), $0.messages &+ 1) }
                if !link.send(requests) { trouble = "ended" }
            }
            if trouble == nil {
                switch link.receive() {
                case .lost(let why): trouble = why
                case .answers(let answers):
                    state.withLock { $0.messages &+= 1 }
                    if !take(answers) { trouble = DiskServiceLink.nonsense }
                }
            }
            if let trouble { try lose(link, trouble) }
        } catch {
            for request in underway { ended.append((request, error)) }
            underway.removeAll()
        }
    }

    /// What the service is to be asked now; its data is in the window.
    private func unsent() -> [DiskServiceRequest] {
        let isSuspicious = underway.contains { $0.losses >= Self.suspiciousLosses }
        if isSuspicious, underway.contains(where: \.isSent) { return [] }
        var requests: [DiskServiceRequest] = []
        for index in underway.indices where !underway[index].isSent {
            let request = underway[index]
            put(request.bytes, at: request.place)
            requests.append(
                DiskServiceRequest(
                    number: request.number, kind: request.kind, place: request.place, offset: request.offset, count: request.count))
            underway[index].isSent = true
            if isSuspicious { break }
        }
        return requests
    }

    func put(_ bytes: [UInt8], at place: Int) {
        guard !bytes.isEmpty else { return }
        bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: window[place...]).copyMemory(from: $0) }
    }

    /// false: one answers what was not asked.
    private func take(_ answers: [DiskServiceAnswer]) -> Bool {
        for answer in answers {
            guard let index = underway.firstIndex(where: { $0.isSent && $0.number == answer.number }) else { return false }
            let request = underway.remove(at: index)
            if answer.error == nil, !properties.keepsWrites {
                switch request.kind {
                case .write: journal.append(.write(offset: request.offset, bytes: request.bytes))
                case .discard: journal.append(.discard(offset: request.offset, count: request.count))
                case .read, .flush, .close: break
                }
            }
            ended.append((request, answer.error))
        }
        return true
    }

    private func livingLink() throws(DiskError) -> DiskServiceLink {
        if let link { return link }
        return try start()
    }

    /// A service is gone with all that it had been asked.
    func lose(_ lost: DiskServiceLink, _ why: String) throws(DiskError) {
        for index in underway.indices where underway[index].isSent {
            underway[index].isSent = false
            underway[index].losses += 1
        }
        while let index = underway.firstIndex(where: { $0.losses >= Self.mostLosses }) {
            let error = DiskError(
                .failed, "The disk service of “\(file)” ended \(Self.mostLosses) times at the same request, which is given up.", file: file)
            ended.append((underway.remove(at: index), error))
        }
        try replace(lost, why)
    }

    /// Puts another service in the place of one that is lost.
    private func replace(_ lost: DiskServiceLink, _ why: String) throws(DiskError) {
        let begun = HostTime.monotonic()
        guard lost.end(patience: patience) else {
            // Two at the same images would be worse than none.
            throw DiskError(
                .failed, "The disk service of “\(file)” \(why), and its process \(lost.process), killed, does not end.", file: file,
                action: "Look whether the host's storage answers; the guest's requests fail until it does.")
        }
        forgetLink()
        let new = try start()
        let time = HostTime.monotonic() &- begun
        state.withLock { ($0.restarts, $0.lastRestart) = ($0.restarts + 1, time) }
        note(
            "The disk service of “\(file)” \(why): process \(new.process) serves it now instead of \(lost.process), \(time / 1_000_000) ms later."
        )
    }

    /// Precondition: its process has ended.
    func forgetLink() {
        link = nil
        let calls = window.load(fromByteOffset: DiskServiceWindow.calls, as: UInt64.self)
        window.storeBytes(of: 0, toByteOffset: DiskServiceWindow.calls, as: UInt64.self)
        state.withLock { ($0.process, $0.calls) = (nil, $0.calls &+ calls) }
    }

    /// A new service that has been told what the former one may not have made last.
    @discardableResult func start() throws(DiskError) -> DiskServiceLink {
        var failure = DiskError(.failed, "The disk service of “\(file)” cannot be started.", file: file)
        for attempt in 0..<Self.mostStarts {
            if attempt > 0 { usleep(UInt32(20_000 << attempt)) }
            do throws(DiskOpenError) {
                let new = try DiskServiceLink(
                    chain, readOnly: isForReading, window: windowDescriptor, starter: starter, patience: patience)
                guard new.properties.isSameDisk(as: properties) else {
                    _ = new.end(patience: patience)
                    throw DiskOpenError(.serviceMismatch, "“\(file)” is another disk for its new service than it was.", file: file)
                }
                if let trouble = tellJournal(new) {
                    _ = new.end(patience: patience)
                    failure = trouble
                    continue
                }
                (link, properties) = (new, new.properties)
                let path = chain.first?.path ?? file
                state.withLock { ($0.process, $0.file) = (new.process, path) }
                lv_event_ring(bell)
                return new
            } catch {
                failure = DiskError(.failed, error.message, file: file, action: error.recommendedAction)
                if error.code == .serviceMismatch { throw failure }
            }
        }
        throw failure
    }

    private func tellJournal(_ link: DiskServiceLink) -> DiskError? {
        for entry in journal.entries {
            var request = DiskServiceRequest(number: nextNumber(), kind: .write, place: DiskServiceWindow.spare)
            switch entry {
            case .write(let offset, let bytes):
                (request.offset, request.count) = (offset, UInt64(bytes.count))
                put(bytes, at: DiskServiceWindow.spare)
            case .discard(let offset, let count):
                (request.kind, request.offset, request.count) = (.discard, offset, count)
            }
            state.withLock { ($0.exchanges, $0.messages) = ($0.exchanges &+ 1, $0.messages &+ 2) }
            switch link.ask(request) {
            case .done: break
            case .refused(let error): return error
            case .lost(let why): return DiskError(.failed, "The disk service of “\(file)” \(why).", file: file)
            }
        }
        return nil
    }

    /// Replaces a service that ends while nobody asks it anything; runs in a thread of its own until the disk is closed.
    func watch() {
        while true {
            lock.lock()
            let (watched, isOver) = (link, isClosed)
            lock.unlock()
            guard !isOver else { return }
            guard let watched else {
                // The next request starts one, or whoever has the images hands them back.
                var polled = pollfd(fd: bell, events: Int16(POLLIN), revents: 0)
                poll(&polled, 1, 1_000)
                lv_event_clear(bell)
                continue
            }
            var polled = [
                pollfd(fd: bell, events: Int16(POLLIN), revents: 0),
                pollfd(fd: watched.processDescriptor, events: Int16(POLLIN), revents: 0),
            ]
            poll(&polled, 2, -1)
            lv_event_clear(bell)
            guard polled[1].revents != 0 else { continue }
            lock.lock()
            if link === watched, !isClosed {
                do throws(DiskError) { try lose(watched, "ended") } catch { note(error.message) }
            }
            lock.unlock()
        }
    }
}
