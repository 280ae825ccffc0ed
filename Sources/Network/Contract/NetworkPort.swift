import Glibc

/// What travels before each frame between a network adapter and its switch: the offloads the sender left to the receiver.
///
/// A guest's large TCP segment crosses a switch whole (at most 64 KiB); it is cut, and checksums are made, only where a receiver cannot
/// take it so (an uplink, a guest without the offload).
public struct FrameHeader: Equatable, Sendable {
    /// What is still to be done about checksums.
    public var checksum = Checksum.complete
    /// Offset of the first byte to sum and, from there, of the place for the result; meaning only with `partial`.
    public var checksumStart: UInt16 = 0
    public var checksumOffset: UInt16 = 0
    /// TCP segmentation left to do: the segment's payload size, 0 for none.
    public var segmentSize: UInt16 = 0
    /// Bytes of headers that each segment repeats; meaning only with `segmentSize`.
    public var headerCount: UInt16 = 0
    /// The 802.1Q tag (priority, DEI, VLAN id) that the frame carries beside its bytes; nil: untagged.
    public var tag: UInt16?
    public init() {}

    public enum Checksum: UInt8, Sendable {
        /// The bytes hold good checksums that nobody has verified.
        case complete = 0
        /// The sender's layer 4 checksum is to be made: the field holds the pseudo header's sum.
        case partial = 1
        /// Known to be good (it came with `partial` or was verified).
        case verified = 2
    }
}

/// An adapter's connection to its switch, used by one thread (the adapter's pump). Frames are whole Ethernet frames without FCS.
public protocol NetworkPort: AnyObject, Sendable {
    /// Becomes readable (POLLIN) when frames wait, when room was made after `send` refused, or when the link changed.
    var descriptor: Int32 { get }
    /// The switch is there and the port is connected.
    var isLinkUp: Bool { get }
    /// Puts a frame, given in segments, on its way. false: no room now; the frame may be dropped or kept by the caller.
    func send(_ header: FrameHeader, _ segments: UnsafeBufferPointer<iovec>) -> Bool
    /// Runs `body` on the oldest frame that waits, which is gone afterwards if it returns true and stays otherwise. nil: none waits.
    func receive(_ body: (FrameHeader, UnsafeRawBufferPointer) -> Bool) -> Bool?
    /// Tells the other side of what was sent and freed since the last call, once for all.
    func flush()
    /// Takes the descriptor's readiness back before frames are looked for.
    func acknowledge()
}
