import Basics

/// Sizes, places and identifiers of the VHDX file (MS-VHDX 2).
enum VHDXLayout {
    /// Unit of places in the file: regions, payload blocks and sector bitmap blocks start at multiples of it (2.1).
    static let unit: UInt64 = 1 << 20
    static let unitShift: UInt64 = 20
    /// Unit of the log and of everything that goes through it (2.3.1).
    static let page: UInt64 = 4096

    static let signature = Array("vhdxfile".utf8)
    /// The two headers (2.2.2).
    static let headerOffsets: [UInt64] = [64 << 10, 128 << 10]
    static let headerSize = 4096
    /// The two region tables (2.2.3).
    static let regionTableOffsets: [UInt64] = [192 << 10, 256 << 10]
    static let regionTableSize = 64 << 10
    /// The log never touches what lies before (2.3).
    static let firstLoggedOffset: UInt64 = 192 << 10
    static let maximumTableEntries = 2047

    static let minimumBlockSize: UInt64 = 1 << 20
    static let maximumBlockSize: UInt64 = 256 << 20
    static let maximumDiskSize: UInt64 = 64 << 40
    /// Bits of a sector bitmap block, and so the sectors of a chunk (2.4).
    static let sectorsPerChunk: UInt64 = 1 << 23

    /// Ours: a file is never believed to be longer, which bounds the map of its room to 32 MiB.
    static let maximumFileSize: UInt64 = 256 << 40
    /// Ours: the format's makers use 1 MiB; a longer log than this is refused rather than read.
    static let maximumLogLength: UInt64 = 64 << 20
    /// Ours: bytes that one replay may fill with zeros.
    static let maximumReplayedZeros: UInt64 = 1 << 30

    static let blockTableRegion = known(0x2dc2_7766, 0xf623, 0x4200, 0x9d64_115e_9bfd_4a08)
    static let metadataRegion = known(0x8b7c_a206, 0x4790, 0x4b9a, 0xb8fe_575f_050f_886e)

    static let fileParametersItem = known(0xcaa1_6737, 0xfa36, 0x4d43, 0xb3b6_33f0_aa44_e76b)
    static let diskSizeItem = known(0x2fa5_4224, 0xcd1b, 0x4876, 0xb211_5dbe_d83b_f4b8)
    static let identifierItem = known(0xbeca_12ab, 0xb2e6, 0x4523, 0x93ef_c309_e000_c746)
    static let logicalSectorItem = known(0x8141_bf1d, 0xa96f, 0x4709, 0xba47_f233_a8fa_ab5f)
    static let physicalSectorItem = known(0xcda3_48c7, 0x445d, 0x4471, 0x9cc9_e988_5251_c556)
    static let parentLocatorItem = known(0xa8d3_5f2d, 0xb30b, 0x454d, 0xabf7_d3d8_4834_ab0c)
    /// Stands in an image whose creation did not come to its end.
    static let incompleteItem = known(0x71cc_85f0, 0x1b69, 0x4e28, 0x9558_c3bf_83ae_75d3)
    static let parentLocatorType = known(0xb04a_efb7, 0xd19e, 0x4a81, 0xb789_25b8_e944_5913)

    static let noGUID = GUID(bytes: [UInt8](repeating: 0, count: 16))

    /// `value` rounded up to a multiple of `unit`; callers stay below 2⁶³.
    static func roundUp(_ value: UInt64, to unit: UInt64) -> UInt64 { (value + unit - 1) / unit * unit }

    /// A GUID from its groups (the last two as one number).
    private static func known(_ a: UInt32, _ b: UInt16, _ c: UInt16, _ d: UInt64) -> GUID {
        var bytes = [UInt8](repeating: 0, count: 16)
        bytes.setLittleEndian(a, at: 0)
        bytes.setLittleEndian(b, at: 4)
        bytes.setLittleEndian(c, at: 6)
        bytes.setLittleEndian(d.byteSwapped, at: 8)
        return GUID(bytes: bytes)
    }
}
