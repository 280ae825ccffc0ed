import Basics
import FoundationEssentials
import Glibc

/// A VM's events: `events.jsonl`, one JSON document per line, oldest first.
///
/// Written only by who may write the VM's folder (its worker, or a client under `folder.lock`). A line is one `write`; a kill can tear
/// only the last one, which readers skip and the next writer ends. The newest `kept` lines stay.
package final class EventLog {
    package static let fileName = "events.jsonl"
    package static let kept = 10_000
    package static let longestLine = 64 << 10
    /// Lines beyond `kept` that gather before the file is written anew.
    private static let slack = 1_000

    private let folder: Folder
    private var lines: Int
    private var lastSequence: UInt64

    package init(folder: Folder) throws {
        self.folder = folder
        let all = try Self.readLines(in: folder)
        lines = all.count
        // Only the last one that can be read is looked into: whoever appends one event shall not decode ten thousand.
        let decoder = JSONDecoder()
        let last = all.lazy.reversed().compactMap { try? decoder.decode(VirtualMachineEvent.self, from: Data($0)) }.first
        lastSequence = last?.sequence ?? 0
    }

    /// Appends with the next sequence number and the present time; returns what was written. Text that makes the line too long is cut.
    @discardableResult
    package func append(_ event: VirtualMachineEvent) throws -> VirtualMachineEvent {
        var event = event
        // A log that somebody wrote into may hold any number.
        event.sequence = lastSequence == .max ? .max : lastSequence + 1
        if event.time == 0 { event.time = HostTime.wall() }
        var line = try Document.encodeLine(event)
        // Escaping makes a byte at most six long.
        var room = 8 << 10
        while line.count >= Self.longestLine && room > 16 {
            event.guestText = event.guestText.map { Self.cut($0, to: room) }
            event.message = Self.cut(event.message, to: room)
            event.details = event.details.map {
                $0.prefix(64).map { .init(name: Self.cut($0.name, to: 64), value: Self.cut($0.value, to: 256)) }
            }
            line = try Document.encodeLine(event)
            room /= 2
        }
        let file = try folder.open(Self.fileName, O_RDWR | O_CREAT | O_APPEND, doing: "write")
        let size = Int(try file.status().st_size)
        let torn = try size > 0 && file.read(at: size - 1, count: 1) != [10]
        try file.write((torn ? [10] : []) + line + [10])
        lastSequence = event.sequence
        lines += torn ? 2 : 1
        if lines > Self.kept + Self.slack { try compact() }
        return event
    }

    private static func cut(_ text: String, to bytes: Int) -> String {
        text.utf8.count <= bytes ? text : String(decoding: text.utf8.prefix(bytes), as: UTF8.self) + "…"
    }

    private func compact() throws {
        let text = try folder.readFile(Self.fileName, limit: 1 << 30)
        let all = text.split(separator: 10)
        try folder.replaceFile(Self.fileName, with: Array(all.suffix(Self.kept).joined(separator: [10])) + [10])
        lines = min(all.count, Self.kept)
    }

    /// All events that can be read, oldest first, at most `kept`; lines that cannot are skipped.
    package static func read(in folder: Folder) throws -> [VirtualMachineEvent] {
        let decoder = JSONDecoder()
        let events = try readLines(in: folder).compactMap { try? decoder.decode(VirtualMachineEvent.self, from: Data($0)) }
        return Array(events.suffix(kept))
    }

    private static func readLines(in folder: Folder) throws -> [ArraySlice<UInt8>] {
        do {
            return try folder.readFile(fileName, limit: 1 << 30).split(separator: 10)
        } catch let error as PersistenceError where error.isNotFound {
            return []
        }
    }
}
