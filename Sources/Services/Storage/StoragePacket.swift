import Basics

/// The storage protocol's packet, 64 bytes in both directions (Linux: `struct vstor_packet`; OpenVMM: storvsp protocol.rs).
///
///      0  operation                      16  port, path, target, LUN
///      4  flags                          20  CDB length, sense length, direction, properties
///      8  NTSTATUS                       24  data transfer length
///     12  what follows depends on the    28  CDB (16) in requests, sense data (20) in replies
///         operation; EXECUTE_SRB:        48  reserved, queue tag and action, SRB flags, time-out, sort key
///         length (2), SRB status, SCSI status
enum StoragePacket {
    static let length = 64
    /// Operation, flags and status stand before every operation's own part.
    static let headerLength = 12

    static let operationOffset = 0
    static let flagsOffset = 4
    static let statusOffset = 8
    static let bodyOffset = 12
    static let srbStatusOffset = 14
    static let scsiStatusOffset = 15
    static let pathOffset = 17
    static let targetOffset = 18
    static let lunOffset = 19
    static let cdbLengthOffset = 20
    static let senseLengthOffset = 21
    static let directionOffset = 22
    static let transferLengthOffset = 24
    static let cdbOffset = 28
    static let cdbRoom = 16
    static let senseRoom = 20

    /// Interface type of a synthetic SCSI controller.
    static let interfaceType = GUID(bytes: [
        0xd9, 0x63, 0x61, 0xba, 0xa1, 0x04, 0x29, 0x4d, 0xb6, 0x05, 0x72, 0xe2, 0xff, 0xb1, 0xdc, 0x7f,
    ])
    /// Bytes that one request may move; told in the channel's properties. With it a request of Linux has at most 257 pages.
    static let maximumTransfer = 1 << 20
    /// Runs of guest memory in one request: what one readv(2) takes.
    static let maximumRanges = 1024
}

/// `enum vstor_packet_operation`.
struct StorageOperation: RawRepresentable, Equatable, Sendable {
    let rawValue: UInt32
    static let completeIO = StorageOperation(rawValue: 1)
    static let removeDevice = StorageOperation(rawValue: 2)
    static let executeSRB = StorageOperation(rawValue: 3)
    static let resetLUN = StorageOperation(rawValue: 4)
    static let resetAdapter = StorageOperation(rawValue: 5)
    static let resetBus = StorageOperation(rawValue: 6)
    static let beginInitialization = StorageOperation(rawValue: 7)
    static let endInitialization = StorageOperation(rawValue: 8)
    static let queryProtocolVersion = StorageOperation(rawValue: 9)
    static let queryProperties = StorageOperation(rawValue: 10)
    static let enumerateBus = StorageOperation(rawValue: 11)
    static let fibreChannelData = StorageOperation(rawValue: 12)
    static let createSubChannels = StorageOperation(rawValue: 13)
}

/// The NTSTATUS values that a reply carries.
struct StorageStatus: RawRepresentable, Equatable, Sendable {
    let rawValue: UInt32
    static let success = StorageStatus(rawValue: 0)
    static let invalidParameter = StorageStatus(rawValue: 0xC000_000D)
    static let invalidDeviceRequest = StorageStatus(rawValue: 0xC000_0010)
    static let revisionMismatch = StorageStatus(rawValue: 0xC000_0059)
    static let deviceDoesNotExist = StorageStatus(rawValue: 0xC000_00C0)
    static let invalidDeviceState = StorageStatus(rawValue: 0xC000_0184)
    static let ioDeviceError = StorageStatus(rawValue: 0xC000_0185)
}

/// Status of a request block (Windows' SRB_STATUS_…; Linux acts on `error` with sense, and removes the device on `invalidLUN`).
struct SRBStatus: RawRepresentable, Equatable, Sendable {
    let rawValue: UInt8
    static let success = SRBStatus(rawValue: 0x01)
    static let error = SRBStatus(rawValue: 0x04)
    static let invalidRequest = SRBStatus(rawValue: 0x06)
    static let invalidLUN = SRBStatus(rawValue: 0x20)
    /// Flag: the reply holds sense data.
    static let autosenseValid: UInt8 = 0x80
}

/// Versions of the storage protocol that we speak: those whose packets have 64 bytes.
enum StorageVersion {
    static let windows8: UInt16 = 0x0501
    static let windows81: UInt16 = 0x0600
    static let windows10: UInt16 = 0x0602
    static let known = [windows8, windows81, windows10]
    /// STORAGE_CHANNEL_SUPPORTS_MULTI_CHANNEL.
    static let multiChannel: UInt32 = 1
}

extension [UInt8] {
    /// A little-endian integer; zero behind the end.
    func little<Value: FixedWidthInteger & UnsignedInteger>(_ offset: Int, as type: Value.Type) -> Value {
        littleEndian(at: offset) ?? 0
    }
}
