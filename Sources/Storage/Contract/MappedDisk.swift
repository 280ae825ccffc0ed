/// A disk whose format knows which parts of it the image itself holds. Converting and merging copy only these.
public protocol MappedDisk: Disk {
    /// The disk that shows through where this image holds nothing; nil: zeros do.
    var parentDisk: (any Disk)? { get }

    /// The first range at or behind `offset` whose content this image itself decides (its parents are not asked; zeros may be among
    /// it), in whole sectors; nil: there is none up to the end. Neighbouring ranges need not be joined.
    func nextOwnRange(from offset: UInt64) throws(DiskError) -> Range<UInt64>?
}

extension Disk {
    /// The first range at or behind `offset` that may hold anything but zeros, in this image or in one of its parents; nil: there is
    /// none up to the end. Work does not grow with the room that lies empty between.
    public func nextDataRange(from offset: UInt64) throws(DiskError) -> Range<UInt64>? {
        guard offset < size else { return nil }
        guard let mapped = self as? any MappedDisk else { return offset..<size }
        let own = try mapped.nextOwnRange(from: offset)
        guard let parent = mapped.parentDisk, offset < parent.size, let below = try parent.nextDataRange(from: offset) else { return own }
        // A parent may be longer than its child.
        let end = min(below.upperBound, size)
        guard below.lowerBound < end else { return own }
        guard let own else { return below.lowerBound..<end }
        if own.lowerBound <= below.lowerBound { return own }
        return below.lowerBound..<min(end, own.lowerBound)
    }
}
