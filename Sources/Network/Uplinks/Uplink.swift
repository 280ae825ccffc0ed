import Glibc

/// Where a switch's frames leave it: the host, another network, nothing. Used by the switch's thread only.
package protocol Uplink: AnyObject {
    /// True when frames of every VLAN go through it, tagged.
    var carriesTags: Bool { get }
    /// false: no room, the frame is lost.
    func send(_ header: FrameHeader, _ segments: UnsafeBufferPointer<iovec>) -> Bool
    /// Adds what is to be waited for, and shortens `milliseconds` (-1: for ever) where something is due.
    func prepare(_ polled: inout [pollfd], milliseconds: inout Int32)
    /// After the wait, with the entries it added.
    func service(_ polled: ArraySlice<pollfd>)
    /// Gives frames that came, at most `limit`. True when more may wait.
    func receive(limit: Int, _ body: (FrameHeader, UnsafeRawBufferPointer) -> Void) -> Bool
}
