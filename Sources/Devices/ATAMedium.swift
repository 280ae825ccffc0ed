/// What a drive of an ATA channel stands on. Called under the machine lock, by the virtual processor that asks, which stands meanwhile.
package protocol ATAMedium: AnyObject {
    /// Bytes that an address counts: 512 or 4096.
    var sectorSize: Int { get }
    /// Bytes that are written at once below: at least `sectorSize`.
    var physicalSectorSize: Int { get }
    var sectorCount: UInt64 { get }
    var isReadOnly: Bool { get }
    /// At most twenty printable characters.
    var serialNumber: String { get }

    /// Fills all of `bytes`, whole sectors inside the medium.
    func read(into bytes: inout [UInt8], at sector: UInt64) -> ATAOutcome
    /// Writes whole sectors inside the medium; durable only after `flush`.
    func write(_ bytes: [UInt8], at sector: UInt64) -> ATAOutcome
    func flush() -> ATAOutcome
}

/// How a medium did what it was asked for.
package enum ATAOutcome: Equatable, Sendable {
    case done
    /// The host could not do it.
    case failed
    /// The host has no room now: the drive stays busy until `ATAChannel.resume`.
    case full
}
