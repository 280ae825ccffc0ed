/// What IDENTIFY DEVICE answers: 256 words (ATA/ATAPI-7, volume 1, 6.17).
struct ATAIdentity {
    static let size = 512
    /// The geometry that cylinder, head and sector addresses count by.
    static let heads: UInt8 = 16, sectors: UInt8 = 63

    private var words = [UInt16](repeating: 0, count: 256)

    init(_ medium: any ATAMedium, drive: Int, settings: ATAChannel.State.Drive) {
        let count = medium.sectorCount
        let cylinders = UInt16(clamping: min(count / (UInt64(Self.heads) * UInt64(Self.sectors)), 16383))
        words[0] = 0x0040
        (words[1], words[3], words[6]) = (cylinders, UInt16(Self.heads), UInt16(Self.sectors))
        set(text: medium.serialNumber, at: 10, words: 10)
        set(text: "1.0", at: 23, words: 4)
        set(text: "Lunavisor ATA disk", at: 27, words: 20)
        words[47] = 0x8000 | UInt16(ATAChannel.multipleLimit)
        // IORDY and LBA, no DMA.
        (words[49], words[50], words[51]) = (0x0a00, 0x4000, 0x0200)
        // Words 54 to 58 and 64 to 70 are valid.
        words[53] = 0x0003
        (words[54], words[55], words[56]) = (cylinders, UInt16(Self.heads), UInt16(Self.sectors))
        set(UInt64(cylinders) * UInt64(Self.heads) * UInt64(Self.sectors), at: 57, words: 2)
        if settings.multiple > 0 { words[59] = 0x0100 | UInt16(settings.multiple) }
        set(min(count, 0x0fff_ffff), at: 60, words: 2)
        // Modes 3 and 4, 120 ns a word.
        (words[64], words[67], words[68]) = (0x0003, 120, 120)
        // ATA-4 to ATA/ATAPI-7.
        words[80] = 0x00f0
        // Write cache; FLUSH CACHE, FLUSH CACHE EXT and 48-bit addresses; then which of them are on.
        (words[82], words[83], words[84]) = (0x0020, 0x7400, 0x4000)
        (words[85], words[86], words[87]) = (settings.hasWriteCache ? 0x0020 : 0, 0x3400, 0x4000)
        // Whether it was master or slave when the channel was reset.
        words[93] = drive == 0 ? 0x4001 : 0x4100
        set(count, at: 100, words: 4)
        let ratio = max(medium.physicalSectorSize / max(medium.sectorSize, 1), 1)
        words[106] = 0x4000 | (ratio > 1 ? 0x2000 | UInt16(ratio.trailingZeroBitCount & 15) : 0)
        if medium.sectorSize > 512 {
            words[106] |= 0x1000
            set(UInt64(medium.sectorSize / 2), at: 117, words: 2)
        }
        // The sum of all bytes is zero.
        words[255] = 0x00a5
        let sum = bytes.reduce(UInt8(0), &+)
        words[255] |= UInt16(0 &- sum) << 8
    }

    /// Little-endian, as the data port gives them.
    var bytes: [UInt8] { words.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] } }

    private mutating func set(_ value: UInt64, at place: Int, words count: Int) {
        for number in 0..<count { words[place + number] = UInt16(truncatingIfNeeded: value >> UInt64(16 * number)) }
    }

    /// Text has its first character in the upper byte of a word, and spaces behind it.
    private mutating func set(text: String, at place: Int, words count: Int) {
        let characters = Array(text.utf8.prefix(2 * count)) + [UInt8](repeating: 0x20, count: max(0, 2 * count - text.utf8.count))
        for number in 0..<count { words[place + number] = UInt16(characters[2 * number]) << 8 | UInt16(characters[2 * number + 1]) }
    }
}
