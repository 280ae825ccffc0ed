/// The numbers of the NBD protocol (NetworkBlockDevice/nbd, doc/proto.md). All integers are big-endian.
package enum NBD {
    static let greeting: UInt64 = 0x4e42_444d_4147_4943  // NBDMAGIC
    static let optionMagic: UInt64 = 0x4948_4156_454f_5054  // IHAVEOPT
    static let optionReplyMagic: UInt64 = 0x0003_e889_0455_65a9
    static let requestMagic: UInt32 = 0x2560_9513
    static let simpleReplyMagic: UInt32 = 0x6744_6698
    static let structuredReplyMagic: UInt32 = 0x668e_33ef

    /// Largest payload of a request or reply.
    package static let largestPayload = 32 << 20
    /// Longest data of an option; what is longer is read over.
    static let longestOption = 64 << 10

    /// Handshake flags, the same bits from server and client.
    static let fixedNewstyle: UInt16 = 1
    static let noZeroes: UInt16 = 2

    enum Option {
        static let exportName: UInt32 = 1
        static let abort: UInt32 = 2
        static let list: UInt32 = 3
        static let info: UInt32 = 6
        static let go: UInt32 = 7
        static let structuredReply: UInt32 = 8
        static let listMetaContext: UInt32 = 9
        static let setMetaContext: UInt32 = 10
    }

    enum OptionReply {
        static let acknowledge: UInt32 = 1
        static let server: UInt32 = 2
        static let info: UInt32 = 3
        static let metaContext: UInt32 = 4
        static let unsupported: UInt32 = 1 << 31 | 1
        static let invalid: UInt32 = 1 << 31 | 3
        static let unknown: UInt32 = 1 << 31 | 6
        static let tooBig: UInt32 = 1 << 31 | 9
    }

    enum Info {
        static let export: UInt16 = 0
        static let name: UInt16 = 1
        static let description: UInt16 = 2
        static let blockSize: UInt16 = 3
    }

    enum TransmissionFlag {
        static let hasFlags: UInt16 = 1
        static let readOnly: UInt16 = 1 << 1
        static let sendFlush: UInt16 = 1 << 2
        static let sendFUA: UInt16 = 1 << 3
        static let sendTrim: UInt16 = 1 << 5
        static let sendWriteZeroes: UInt16 = 1 << 6
        static let sendDF: UInt16 = 1 << 7
        static let canMultiConn: UInt16 = 1 << 8
    }

    enum Command {
        static let read: UInt16 = 0
        static let write: UInt16 = 1
        static let disconnect: UInt16 = 2
        static let flush: UInt16 = 3
        static let trim: UInt16 = 4
        static let writeZeroes: UInt16 = 6
        static let blockStatus: UInt16 = 7
    }

    enum CommandFlag {
        static let forceUnitAccess: UInt16 = 1
        static let noHole: UInt16 = 1 << 1
        static let doNotFragment: UInt16 = 1 << 2
        static let requestOne: UInt16 = 1 << 3
    }

    enum Chunk {
        static let done: UInt16 = 1
        static let none: UInt16 = 0
        static let offsetData: UInt16 = 1
        static let blockStatus: UInt16 = 5
        static let error: UInt16 = 1 << 15 | 1
    }

    /// What the protocol knows of errors, whatever the host's numbers are.
    enum Failure: UInt32 {
        case notPermitted = 1
        case inputOutput = 5
        case invalid = 22
        case noSpace = 28
    }

    /// The only metadata context here.
    static let allocationContext = "base:allocation"
    static let allocationContextNumber: UInt32 = 1
    /// An extent that is not held by the image and reads as zeros (NBD_STATE_HOLE | NBD_STATE_ZERO).
    static let emptyExtent: UInt32 = 3
}
