import DeviceModel

/// An ATA channel with up to two disks in programmed input and output (ATA/ATAPI-7, volume 1 and 2; no DMA, no packet devices).
///
///     0 data (16, 32)   1 error / features   2 count   3 LBA low   4 LBA mid   5 LBA high   6 device   7 status / command
///     control block:    0 alternate status / device control (bit 1 nIEN, bit 2 SRST, bit 7 HOB)
///
/// Data moves with the guest's accesses of the data port. What the disk below has to do is done within the access that completes a block or
/// a command, while the virtual processor stands: that is what trap and emulate means.
///
/// Departures: the two drives share one command block, so that one's results are read through the other, too; registers but data are eight
/// bits wide whatever the access; a command that comes while one is under way is ignored, a reset is not.
package final class ATAChannel: PortDevice, StatefulUnit {
    /// Where PCs have their first channel.
    package static let port: UInt16 = 0x1f0, portCount: UInt16 = 8, controlPort: UInt16 = 0x3f6
    package static let interruptPin = 14
    package static let driveCount = 2
    /// Sectors of a block of READ MULTIPLE and WRITE MULTIPLE, at most.
    static let multipleLimit: UInt8 = 16

    enum Status {
        static let busy: UInt8 = 0x80, ready: UInt8 = 0x50, data: UInt8 = 0x08, error: UInt8 = 0x01
    }
    enum Failure {
        static let uncorrectable: UInt8 = 0x40, protected: UInt8 = 0x40, notFound: UInt8 = 0x10, aborted: UInt8 = 0x04
    }
    enum Control {
        static let noInterrupt: UInt8 = 1 << 1, reset: UInt8 = 1 << 2, highOrder: UInt8 = 1 << 7
        static let implemented = noInterrupt | reset | highOrder
    }

    package struct State: Codable, Sendable {
        /// A register that 48-bit commands take two bytes of, written one after the other.
        struct Pair: Codable, Sendable {
            var now: UInt8 = 0
            var before: UInt8 = 0

            mutating func write(_ byte: UInt8) { (before, now) = (now, byte) }
        }

        struct Drive: Codable, Sendable {
            var status = Status.ready
            /// 1: it has passed its diagnostics.
            var error: UInt8 = 1
            var isInterrupting = false
            /// Sectors of a block of READ MULTIPLE and WRITE MULTIPLE; 0: these are off.
            var multiple = ATAChannel.multipleLimit
            /// Else each write command lasts when it ends.
            var hasWriteCache = true
        }

        struct Transfer: Codable, Sendable {
            enum Kind: String, Codable, Sendable { case none, read, write, identify }
            var kind = Kind.none
            var drive = 0
            var isExtended = false
            /// The first one of the block in `buffer`.
            var sector: UInt64 = 0
            /// Sectors from that one on.
            var remaining = 0
            /// Sectors of a block.
            var block = 1
            var buffer: [UInt8] = []
            /// Bytes of the buffer that the guest has moved.
            var position = 0
        }

        /// A command that waits for room on the host.
        struct Held: Codable, Sendable {
            var drive: Int
            /// A flush; else the block in the buffer.
            var isFlush: Bool
        }

        // The signature of disks: what they leave in the command block after power-up and resets.
        var features: UInt8 = 0
        var count = Pair(now: 1)
        var low = Pair(now: 1)
        var middle = Pair()
        var high = Pair()
        var device: UInt8 = 0
        var control: UInt8 = 0
        var drives = [Drive](repeating: Drive(), count: ATAChannel.driveCount)
        var transfer = Transfer()
        var held: Held?
    }

    package let unitName = "ata0"
    package static let stateVersion = 1
    private let interrupt: any InterruptLine
    var media: [(any ATAMedium)?]
    var state = State()
    /// The control block's port.
    package private(set) lazy var controlBlock: any PortDevice = ControlBlock(channel: self)

    package init(interrupt: any InterruptLine) {
        self.interrupt = interrupt
        media = [(any ATAMedium)?](repeating: nil, count: Self.driveCount)
    }

    /// Puts a disk into a drive, 0 or 1. Before anything runs.
    package func attach(_ medium: any ATAMedium, drive: Int) {
        if media.indices.contains(drive) { media[drive] = medium }
    }

    // MARK: Registers

    var selected: Int { Int(state.device >> 4) & 1 }

    package func readPort(_ offset: UInt16, size: Int) -> UInt32 {
        if offset == 0 { return readData(size) }
        guard let drive = present(selected) else { return UInt32(emptyValue) }
        let isHighOrder = state.control & Control.highOrder != 0
        func byte(_ pair: State.Pair) -> UInt8 { isHighOrder ? pair.before : pair.now }
        let value: UInt8
        switch offset {
        case 1: value = state.drives[drive].error
        case 2: value = byte(state.count)
        case 3: value = byte(state.low)
        case 4: value = byte(state.middle)
        case 5: value = byte(state.high)
        case 6: value = state.device | 0xa0
        default:
            value = state.drives[drive].status
            setInterrupt(drive, false)
        }
        return UInt32(value)
    }

    package func writePort(_ offset: UInt16, size: Int, value: UInt32) {
        guard offset != 0 else { return writeData(size, value) }
        state.control &= ~Control.highOrder
        let byte = UInt8(truncatingIfNeeded: value)
        switch offset {
        case 1: state.features = byte
        case 2: state.count.write(byte)
        case 3: state.low.write(byte)
        case 4: state.middle.write(byte)
        case 5: state.high.write(byte)
        case 6:
            state.device = byte
            updateLine()
        default: command(byte)
        }
    }

    /// The drive if there is one.
    private func present(_ drive: Int) -> Int? { media[drive] == nil ? nil : drive }

    /// What an empty drive's registers read: zeros beside a disk, which answers for it; else nobody drives the bus.
    private var emptyValue: UInt8 { media.allSatisfy { $0 == nil } ? 0xff : 0 }

    fileprivate var alternateStatus: UInt8 { present(selected).map { state.drives[$0].status } ?? emptyValue }

    fileprivate func writeControl(_ byte: UInt8) {
        let before = state.control
        state.control = byte & Control.implemented
        switch (before & Control.reset != 0, byte & Control.reset != 0) {
        case (false, true):
            (state.transfer, state.held) = (State.Transfer(), nil)
            for drive in state.drives.indices {
                state.drives[drive].status = Status.busy
                state.drives[drive].isInterrupting = false
            }
        case (true, false): showSignature()
        default: break
        }
        updateLine()
    }

    /// What resets and diagnostics leave behind (ATA/ATAPI-7, 9.12): master selected, both in order. Settings stay.
    func showSignature() {
        (state.count, state.low) = (State.Pair(now: 1), State.Pair(now: 1))
        (state.middle, state.high, state.device) = (State.Pair(), State.Pair(), 0)
        for drive in state.drives.indices {
            state.drives[drive].status = Status.ready
            state.drives[drive].error = 1
        }
    }

    // MARK: Interrupt

    func setInterrupt(_ drive: Int, _ isRaised: Bool) {
        state.drives[drive].isInterrupting = isRaised
        updateLine()
    }

    /// Only the selected drive drives the line, and only if it may.
    private func updateLine() {
        interrupt.set(state.control & Control.noInterrupt == 0 && media[selected] != nil && state.drives[selected].isInterrupting)
    }

    // MARK: Life

    package func reset() {
        state = State()
        updateLine()
    }

    package func saveState() throws(StateError) -> State { state }

    package func restoreState(_ state: State, version: Int) throws(StateError) {
        if let fault = fault(in: state) { throw StateError(.inconsistent, unit: unitName, detail: fault) }
        self.state = state
    }

    /// What no run of the device leads to; nil: nothing.
    private func fault(in state: State) -> String? {
        guard state.drives.count == Self.driveCount else { return "\(state.drives.count) drives" }
        guard state.drives.allSatisfy({ $0.multiple <= Self.multipleLimit }) else { return "its blocks are too large" }
        if let held = state.held {
            guard media.indices.contains(held.drive), media[held.drive] != nil else { return "an empty drive is busy" }
            guard held.isFlush || state.transfer.kind == .write && state.transfer.drive == held.drive else {
                return "what waits for room is not there"
            }
        }
        let transfer = state.transfer
        guard transfer.kind != .none else { return nil }
        guard media.indices.contains(transfer.drive), let medium = media[transfer.drive] else { return "an empty drive moves data" }
        guard (1...Int(Self.multipleLimit)).contains(transfer.block), (1...65536).contains(transfer.remaining) else {
            return "its transfer has no end"
        }
        let size = transfer.kind == .identify ? ATAIdentity.size : min(transfer.block, transfer.remaining) * medium.sectorSize
        let isWhole = state.held.map { !$0.isFlush } ?? false
        guard transfer.buffer.count == size, isWhole ? transfer.position == size : (0..<size).contains(transfer.position) else {
            return "its buffer does not fit its transfer"
        }
        let count = UInt64(transfer.remaining)
        guard transfer.kind == .identify || count <= medium.sectorCount && transfer.sector <= medium.sectorCount - count else {
            return "its transfer lies outside the disk"
        }
        return nil
    }
}

/// The control block, at another place than the command block.
private final class ControlBlock: PortDevice {
    private unowned let channel: ATAChannel
    init(channel: ATAChannel) { self.channel = channel }
    func readPort(_ offset: UInt16, size: Int) -> UInt32 { UInt32(channel.alternateStatus) }
    func writePort(_ offset: UInt16, size: Int, value: UInt32) { channel.writeControl(UInt8(truncatingIfNeeded: value)) }
}
