/// Numbers of the remote network driver interface specification ([MS-RNDIS]) and of NDIS as netvsc uses them.
enum RNDIS {
    static let packet: UInt32 = 1
    static let initialize: UInt32 = 2
    static let halt: UInt32 = 3
    static let query: UInt32 = 4
    static let set: UInt32 = 5
    static let reset: UInt32 = 6
    static let indicate: UInt32 = 7
    static let keepAlive: UInt32 = 8
    /// Added to a request's type for its answer.
    static let complete: UInt32 = 0x8000_0000

    static let success: UInt32 = 0
    static let failure: UInt32 = 0xc000_0001
    static let notSupported: UInt32 = 0xc000_00bb
    static let multicastFull: UInt32 = 0xc001_0009
    static let invalidData: UInt32 = 0xc001_0015
    static let invalidLength: UInt32 = 0xc001_0014
    static let badVersion: UInt32 = 0xc001_0004
    static let mediaConnect: UInt32 = 0x4001_000b
    static let mediaDisconnect: UInt32 = 0x4001_000c
    /// Linux takes it as: lose the link and find it again, so that addresses are asked for anew.
    static let networkChange: UInt32 = 0x4001_0018

    /// Bytes of the header of every message (type and length), from behind which offsets count.
    static let headerSize = 8
    /// Bytes of a packet message's own fields.
    static let packetSize = 36
    /// Bytes of one element of per-packet information that carries a word.
    static let informationSize = 16
    /// Longest control message that is taken.
    static let longestControl = 8192

    /// Packet messages that a guest may put into one NVSP message, and their alignment as a power of two.
    static let packetsPerMessage: UInt32 = 8
    static let alignment: UInt32 = 3

    /// Kinds of per-packet information.
    enum Information {
        static let checksum: UInt32 = 0
        static let largeSend: UInt32 = 2
        static let tag: UInt32 = 6
        static let hash: UInt32 = 8
        /// The packet's identity, of the host's own kind (bit 31): carries the flags of coalesced segments.
        static let packetIdentity: UInt32 = 0x8000_0001
    }

    /// Bits of OID_GEN_CURRENT_PACKET_FILTER.
    enum Filter {
        static let directed: UInt32 = 1
        static let multicast: UInt32 = 2
        static let allMulticast: UInt32 = 4
        static let broadcast: UInt32 = 8
        static let promiscuous: UInt32 = 0x20
    }
}

/// NDIS object identifiers that the adapter answers.
enum ObjectIdentifier: UInt32, CaseIterable {
    case supportedList = 0x0001_0101
    case hardwareStatus = 0x0001_0102
    case mediaSupported = 0x0001_0103
    case mediaInUse = 0x0001_0104
    case maximumLookahead = 0x0001_0105
    case maximumFrameSize = 0x0001_0106
    case linkSpeed = 0x0001_0107
    case transmitBufferSpace = 0x0001_0108
    case receiveBufferSpace = 0x0001_0109
    case transmitBlockSize = 0x0001_010a
    case receiveBlockSize = 0x0001_010b
    case vendorIdentifier = 0x0001_010c
    case vendorDescription = 0x0001_010d
    case packetFilter = 0x0001_010e
    case currentLookahead = 0x0001_010f
    case driverVersion = 0x0001_0110
    case maximumTotalSize = 0x0001_0111
    case macOptions = 0x0001_0113
    case mediaConnectStatus = 0x0001_0114
    case maximumSendPackets = 0x0001_0115
    case vendorDriverVersion = 0x0001_0116
    case networkLayerAddresses = 0x0001_0118
    case scalingCapabilities = 0x0001_0203
    case scalingParameters = 0x0001_0204
    case maximumLinkSpeed = 0x0001_0206
    case linkState = 0x0001_0207
    case configurationParameter = 0x0001_021b
    case transmitted = 0x0002_0101
    case received = 0x0002_0102
    case transmitErrors = 0x0002_0103
    case receiveErrors = 0x0002_0104
    case receiveNoBuffer = 0x0002_0105
    case friendlyName = 0x0002_0216
    case bytesReceived = 0x0002_0219
    case bytesTransmitted = 0x0002_021a
    case receiveDiscards = 0x0002_021b
    case transmitDiscards = 0x0002_021c
    case permanentAddress = 0x0101_0101
    case currentAddress = 0x0101_0102
    case multicastList = 0x0101_0103
    case maximumListSize = 0x0101_0104
    case receiveAlignmentErrors = 0x0102_0101
    case transmitOneCollision = 0x0102_0102
    case transmitMoreCollisions = 0x0102_0103
    case offloadEncapsulation = 0x0101_010a
    case offloadCurrentConfiguration = 0xfc01_020b
    case offloadParameters = 0xfc01_020c
    case offloadCapabilities = 0xfc01_020d
}
