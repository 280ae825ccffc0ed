import Basics

/// What a machine's worker asks of the process that serves one of its disks, and what that answers. Data goes through a window of memory
/// that both map; the messages only say which part of it.
///
/// ```
/// service → worker   hello          JSON DiskServiceHello, once
/// worker → service   requests       each: number u64, kind u32, place u32, offset u64, count u64
/// service → worker   answers        each: number u64, code u32, length u32, text
/// ```
/// Many requests are under way at a time, and their answers come in any order. Neither side believes the other: numbers, places, lengths
/// and codes are checked.
struct DiskServiceRequest: Equatable {
    enum Kind: UInt32 {
        case read = 1
        case write = 2
        case flush = 3
        case discard = 4
        case close = 5
    }

    static let length = 32
    /// Bytes of a message at most.
    static let longestMessage = length * DiskServiceWindow.mostRequests
    var number: UInt64
    var kind: Kind
    /// Of a read or a write: bytes from the beginning of the window.
    var place: UInt32 = 0
    /// Of the disk.
    var offset: UInt64 = 0
    /// Bytes; of a read or a write at most `DiskServiceWindow.largest`.
    var count: UInt64 = 0

    init(number: UInt64, kind: Kind, place: Int = 0, offset: UInt64 = 0, count: UInt64 = 0) {
        (self.number, self.kind, self.place) = (number, kind, UInt32(truncatingIfNeeded: place))
        (self.offset, self.count) = (offset, count)
    }

    func append(to bytes: inout [UInt8]) {
        bytes.append(littleEndian: number)
        bytes.append(littleEndian: kind.rawValue)
        bytes.append(littleEndian: place)
        bytes.append(littleEndian: offset)
        bytes.append(littleEndian: count)
    }

    /// The requests of a message of `count` bytes; nil: these are none.
    static func all(in bytes: [UInt8], count: Int) -> [DiskServiceRequest]? {
        guard count > 0, count <= bytes.count, count.isMultiple(of: length) else { return nil }
        var requests: [DiskServiceRequest] = []
        for start in stride(from: 0, to: count, by: length) {
            guard let number = bytes.littleEndian(at: start, as: UInt64.self),
                let kind = bytes.littleEndian(at: start + 8, as: UInt32.self).flatMap({ Kind(rawValue: $0) }),
                let place = bytes.littleEndian(at: start + 12, as: UInt32.self),
                let offset = bytes.littleEndian(at: start + 16, as: UInt64.self),
                let count = bytes.littleEndian(at: start + 24, as: UInt64.self)
            else { return nil }
            requests.append(DiskServiceRequest(number: number, kind: kind, place: Int(place), offset: offset, count: count))
        }
        return requests
    }
}

/// How a request ended: done, or with the disk's own error.
struct DiskServiceAnswer {
    private static let headerLength = 16
    private static let longestText = 960
    /// Bytes of a message at most.
    static let longestMessage = (headerLength + longestText) * DiskServiceWindow.mostRequests
    /// In the order of their numbers, from 1 on; 0 is done.
    private static let codes: [DiskError.Code] = [.outOfRange, .readOnly, .full, .failed, .damaged, .closed]

    var number: UInt64
    var error: DiskError?

    init(number: UInt64, error: DiskError?) { (self.number, self.error) = (number, error) }

    func append(to bytes: inout [UInt8]) {
        bytes.append(littleEndian: number)
        guard let error else { return bytes.append(littleEndian: UInt64(0)) }
        let text = (Array(error.message.utf8) + [0] + Array((error.recommendedAction ?? "").utf8)).prefix(Self.longestText)
        bytes.append(littleEndian: UInt32(1 + (Self.codes.firstIndex(of: error.code) ?? 3)))
        bytes.append(littleEndian: UInt32(text.count))
        bytes += text
    }

    /// The answers of a message of `count` bytes; nil: these are none. `file` is the disk's, for errors.
    static func all(in bytes: [UInt8], count: Int, file: String) -> [DiskServiceAnswer]? {
        guard count > 0, count <= bytes.count else { return nil }
        var answers: [DiskServiceAnswer] = []
        var start = 0
        while start < count {
            guard let number = bytes.littleEndian(at: start, as: UInt64.self),
                let code = bytes.littleEndian(at: start + 8, as: UInt32.self),
                let length = bytes.littleEndian(at: start + 12, as: UInt32.self), code <= UInt32(codes.count),
                length <= UInt32(longestText), length == 0 || code > 0, count - start >= headerLength + Int(length)
            else { return nil }
            let end = start + headerLength + Int(length)
            answers.append(
                DiskServiceAnswer(number: number, error: code == 0 ? nil : error(code, bytes[start + headerLength..<end], file: file)))
            start = end
        }
        return answers
    }

    private static func error(_ code: UInt32, _ text: ArraySlice<UInt8>, file: String) -> DiskError {
        let texts = text.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
        let action = texts.count > 1 && !texts[1].isEmpty ? texts[1] : nil
        return DiskError(codes[Int(code) - 1], texts[0], file: file, action: action)
    }
}

/// What a service says first: its version, and what its disk is or why it has none.
struct DiskServiceHello: Codable, Equatable {
    /// Who speaks; both sides must be of one version, for they are one program.
    static let version = "lunavisor \(Product.version), disk service 2"
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

        /// A guest cannot tell the two apart. Other images below, after a checkpoint or a merge, may be kept in another way.
        func isSameDisk(as other: Properties) -> Bool {
            (size, logicalSectorSize, physicalSectorSize, isReadOnly)
                == (other.size, other.logicalSectorSize, other.physicalSectorSize, other.isReadOnly)
                && identifier == other.identifier
        }
    }

    var version = Self.version
    var refusal: Refusal?
    var properties: Properties?
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
