import Basics
import Network

/// Something that entered an Exact machine from outside, with all of its bytes.
///
/// What the machine's own rules say – when a service answers, what a disk holds – is not input. What a program or another machine does
/// is, also when it does not do something: takes no byte, leaves no room for a frame.
package struct MachineInput: Codable, Equatable, Sendable {
    /// A stable word for programs.
    package enum Kind: String, Codable, Sendable, CaseIterable {
        /// Typed into COM `port`.
        case console
        /// A frame for the adapter `device`: `FrameHeader.logged`, then the frame.
        case frame
        /// The switch had no room for a frame of the adapter's.
        case frameRefused
        /// The adapter's link: 1 up, 0 down.
        case link
        /// A program of the host asked for a connection, whose channel is `device`: the port, 4 bytes.
        case socketCall
        /// The host's answer to the guest's connection `device`: 1 somebody listens, 0 nobody.
        case socketAnswer
        /// From the host's program to the guest.
        case socketBytes
        /// The host's program took no more than so many bytes of a packet now: 4 bytes.
        case socketTook
        /// The host's program says no more.
        case socketEnd
        /// A request to the guest, or a change of its devices, as JSON.
        case shutdown, keyValues, addresses, freeze, keyboard, configuration
        /// A non-maskable interrupt of the user's.
        case interrupt
        /// A file for the guest: the request as JSON, each piece of the file, the user's wish to stop.
        case fileCopy, fileBytes, fileCancelled
        /// The machine went on after it stood.
        case resumed
    }
    /// Instructions retired by all virtual processors when it entered.
    package var count: UInt64
    package var kind: Kind
    /// COM port (1 or 2); 0: none.
    package var port: Int
    /// Instance id of the adapter or socket channel it came by.
    package var device: GUID?
    package var bytes: [UInt8]

    package init(count: UInt64, kind: Kind = .console, port: Int = 0, device: GUID? = nil, bytes: [UInt8]) {
        (self.count, self.kind, self.port, self.device, self.bytes) = (count, kind, port, device, bytes)
    }
}

extension FrameHeader {
    /// As it stands before a logged frame, little-endian: checksum u8, tagged u8, tag u16, checksum's start and place u16 each, segment
    /// size u16, header bytes u16.
    package var logged: [UInt8] {
        [checksum.rawValue, tag == nil ? 0 : 1]
            + [tag ?? 0, checksumStart, checksumOffset, segmentSize, headerCount].flatMap { [UInt8](littleEndian: $0) }
    }
}
