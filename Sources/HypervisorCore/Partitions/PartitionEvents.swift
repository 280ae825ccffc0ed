import Processor

/// What a guest did that deserves a line in the VM's event log.
package enum PartitionEvent: Sendable, Equatable {
    /// The guest wrote the crash control register.
    case guestCrashed(CrashReport)
    /// The guest wrote a non-zero guest OS id (TLFS 2.6).
    case guestIdentified(UInt64)
    case note(EngineNote, processor: Int)
}

/// A crash as the guest tells it (TLFS, "Partition Crash Enlightenment").
package struct CrashReport: Codable, Equatable, Sendable {
    /// P0 to P4; what they mean is the guest's matter.
    package var parameters: [UInt64]
    /// The guest's own words, unfiltered: escape control characters when printing.
    package var text: String?
    package var processor: Int
}

/// Hears of a partition's events, on the thread of the VP that caused them; must not block.
package protocol PartitionObserver: AnyObject, Sendable {
    func partition(_ partition: Partition, reports event: PartitionEvent)
}
