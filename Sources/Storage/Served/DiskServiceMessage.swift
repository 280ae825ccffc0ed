import Basics

/// What a machine's worker asks of the process that serves one of its disks, and what that answers. Data goes through a window of memory
/// that both map; the messages only say which part of it.
///
/// ```
/// service → worker   hello          JSON DiskServiceHello, once
/// worker → service   request        number u64, kind u32, zero u32, offset u64, count u64
/// service → worker   answer         number u64, code u32, zero u32, text
/// ```
/// One request is under way at a time. Neither side believes the other: numbers, lengths and codes are checked.
struct DiskServiceRequest: Equatable {
    enum Kind: UInt32 {
        case read = 1
        case write = 2
        case flush = 3
        case discard = 4
        case close = 5
    }

    static let length = 32
    var number: UInt64
    var kind: Kind
    /// Of the disk.
    var offset: UInt64 = 0
    /// Bytes; of a read or a write at most `DiskServiceWindow.size`.
    var count: UInt64 = 0

    init(number: UInt64, kind: Kind, offset: UInt64 = 0, count: UInt64 = 0) {
        (self.number, self.kind, self.offset, self.count) = (number, kind, offset, count)
    }

    var bytes: [UInt8] {
        var bytes = [UInt8](littleEndian: number)
        bytes.reserveCapacity(Self.length)
        bytes.append(littleEndian: kind.rawValue)
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: offset)
        bytes.append(littleEndian: count)
        return bytes
    }

    /// nil: these bytes are no request.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.length, let number = bytes.littleEndian(at: 0, as: UInt64.self),
            let kind = bytes.littleEndian(at: 8, as: UInt32.self).flatMap({ Kind(rawValue: $0) }),
            let offset = bytes.littleEndian(at: 16, as: UInt64.self), let count = bytes.littleEndian(at: 24, as: UInt64.self)
        else { return nil }
        self.init(number: number, kind: kind, offset: offset, count: count)
    }
}

/// How a request ended: done, or with the disk's own error.
struct DiskServiceAnswer {
    static let headerLength = 16
    static let longest = 2048
    /// In the order of their numbers, from 1 on; 0 is done.
    private static let codes: [DiskError.Code] = [.outOfRange, .readOnly, .full, .failed, .damaged, .closed]

    var number: UInt64
    var error: DiskError?

    init(number: UInt64, error: DiskError?) { (self.number, self.error) = (number, error) }

    var bytes: [UInt8] {
        var bytes = [UInt8](littleEndian: number)
        guard let error else {
            bytes.append(littleEndian: UInt64(0))
            return bytes
        }
        bytes.append(littleEndian: UInt32(1 + (Self.codes.firstIndex(of: error.code) ?? 3)))
        bytes.append(littleEndian: UInt32(0))
        let text = Array(error.message.utf8) + [0] + Array((error.recommendedAction ?? "").utf8)
        bytes += text.prefix(Self.longest - Self.headerLength)
        return bytes
    }

    /// nil: these bytes are no answer. `file` is the disk's, for the error.
    init?(_ bytes: [UInt8], file: String) {
        guard bytes.count <= Self.longest, let number = bytes.littleEndian(at: 0, as: UInt64.self),
            let code = bytes.littleEndian(at: 8, as: UInt32.self), code <= UInt32(Self.codes.count), bytes.count >= Self.headerLength
        else { return nil }
        self.number = number
        guard code > 0 else { return }
        let texts = bytes[Self.headerLength...].split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        let action = texts.count > 1 && !texts[1].isEmpty ? texts[1] : nil
        error = DiskError(Self.codes[Int(code) - 1], texts[0], file: file, action: action)
    }
}

/// What a service says first: its version, and what its disk is or why it has none.
struct DiskServiceHello: Codable, Equatable {
    /// Who speaks; both sides must be of one version, for they are one program.
    static let version = "lunavisor \(Product.version), disk service 1"
    static let longest = 64 << 10

    struct Refusal: Codable, Equatable {
        var identifier: String
        var message: String
        var action: String?
    }
    struct Properties: Codable, Equatable {
        var size: UInt64
        var logicalSectorSize: Int
        var physicalSectorSize: Int
        var isReadOnly: Bool
        var identifier: [UInt8]?
        var canDiscard: Bool
        /// What is written is in the file, not only in this process, when the answer comes.
        var keepsWrites: Bool
    }

    var version = Self.version
    var refusal: Refusal?
    var properties: Properties?
}

/// The memory through which data goes.
enum DiskServiceWindow {
    /// Bytes; as much as one request of a guest moves at most.
    static let size = 1 << 20
}

/// What a service is started with: descriptors that it has, and names for messages.
struct DiskServiceOptions: Codable, Equatable {
    struct Image: Codable, Equatable {
        var descriptor: Int32
        var path: String
        var format: String
    }

    /// Of whoever starts it.
    var version = DiskServiceHello.version
    var socket: Int32
    var window: Int32
    /// The disk's own image first.
    var images: [Image]
    var readOnly: Bool
}
