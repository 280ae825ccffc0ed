import Storage

/// What stands at a location of a SCSI controller. Used only in the controller's pump, except for its counters.
package protocol ScsiTarget: AnyObject, Sendable {
    var counters: ScsiCounters { get }
    /// Lets go of the disk below. Errors are those of its last flush.
    func close() throws(DiskError)

    /// Carries a command out. A guest's mistake is an outcome.
    func execute(_ exchange: ScsiExchange) -> ScsiOutcome
    /// What a guest can see of it, for saved state.
    var state: ScsiTargetState { get }
    func restore(_ state: ScsiTargetState)
    /// Reports `attention` with the next command that may report one.
    func raise(_ attention: SenseData)
}

/// How a command ended.
package enum ScsiOutcome {
    /// `ScsiExchange.transferred` bytes moved.
    case good
    case check(SenseData)
    /// The same, and the host's trouble is worth an event.
    case trouble(SenseData, DiskError)
    /// The host has no room: repeat the whole command when there is.
    case hold(DiskError)
    /// It would have to wait for the host and may not: repeat the whole command where it may.
    case later
    /// `ScsiExchange.begun` is under way.
    case begun

    /// What an error of the disk means to the guest. `writing`: the command changes the disk.
    static func of(_ error: DiskError, writing: Bool) -> ScsiOutcome {
        switch error.code {
        case .full: .hold(error)
        case .readOnly: .check(.writeProtected)
        case .outOfRange: .check(.addressOutOfRange)
        case .failed: .trouble(writing ? .writeError : .readError, error)
        default: .trouble(.internalFailure, error)
        }
    }
}

/// Guest-visible state of a target; fields that a kind has no use for are nil.
package struct ScsiTargetState: Codable, Equatable, Sendable {
    /// "disk" or "dvd".
    var kind: String
    /// Attentions that no command has reported yet, oldest first.
    var attentions: [SenseData]
    /// DVD: the guest prevents medium removal.
    var isRemovalPrevented: Bool?
    /// DVD: a medium is in the drive.
    var hasMedium: Bool?
    /// DVD: the media event that no GET EVENT STATUS NOTIFICATION has reported yet (MMC-6 6.6.2.6).
    var mediaEvent: UInt8?
}

/// Attentions that wait for a command to report them.
struct UnitAttentions {
    private(set) var waiting: [SenseData]
    init(_ waiting: [SenseData] = []) { self.waiting = waiting }

    mutating func raise(_ attention: SenseData) {
        if !waiting.contains(attention) { waiting.append(attention) }
    }

    /// The oldest one, if this command reports attentions at all (SPC-4 5.14: INQUIRY, REPORT LUNS and REQUEST SENSE do not).
    mutating func take(for opcode: Opcode) -> SenseData? {
        guard !waiting.isEmpty, opcode != .inquiry, opcode != .reportLUNs, opcode != .requestSense else { return nil }
        return waiting.removeFirst()
    }

    /// The oldest one, for REQUEST SENSE.
    mutating func takeOldest() -> SenseData? { waiting.isEmpty ? nil : waiting.removeFirst() }
}
