import Basics

/// Where control messages to the guest go: a VP's slot of a synthetic interrupt source.
struct MessageTarget: Equatable, Sendable, Codable {
    var processor = 0
    var source = VMBusProtocol.interruptSource
}

/// A guest's INITIATE_CONTACT.
struct Contact: Equatable, Sendable, Codable {
    var version: UInt32
    var target: MessageTarget
    /// Something beyond the version cannot be granted (another VTL, a VP or source that does not exist).
    var isImpossible: Bool
}

/// What the guest asked for when it opened a channel.
struct OpenRequest: Equatable, Sendable, Codable {
    var openID: UInt32
    var gpadl: UInt32
    var targetProcessor: UInt32
    /// Page of the GPADL where the host-to-guest ring begins.
    var downstreamPage: UInt32
    var userData: [UInt8]
}

/// One offer: a relid, and the state of the channel behind it.
struct OfferState: Equatable, Sendable, Codable {
    /// The host's side of the channel; the guest's view may lag behind.
    enum Channel: String, Sendable, Codable { case closed, opening, open, closing }

    var relid: UInt32
    /// The device: its primary offer and sub-offers share it.
    var instance: GUID
    var subIndex: UInt16
    var channel = Channel.closed
    var request: OpenRequest?
    /// The guest was told of it.
    var isOffered = false
    /// Taken back; it waits for the guest to release the relid.
    var isRescinded = false
    /// The guest let the relid go.
    var isReleased = false

    var connection: UInt32 { VMBusProtocol.firstConnection + relid }
}

/// A list of guest pages that the guest lends to a channel (guest physical address descriptor list).
struct GPADLState: Equatable, Sendable, Codable {
    var id: UInt32
    var relid: UInt32
    /// Bytes into the first page.
    var offset: Int
    /// Bytes.
    var count: Int
    /// Pages still to come in bodies; 0: established.
    var missing: Int
    @PageRuns var pages: [UInt64]
    var isTearingDown = false
    /// The guest waits to hear of the end; not when it let the whole channel go.
    var isAskedFor = false

    /// All pages that it has or will have.
    var total: Int { pages.count + missing }
}

/// A guest's wish to connect to a socket service of the host (TL_CONNECT_REQUEST).
struct SocketConnect: Hashable, Sendable, Codable {
    var endpoint: GUID
    var service: GUID
}

/// What the control plane wants done; performed in order.
enum ControlAction: Equatable, Sendable {
    case send([UInt8], MessageTarget)
    /// Ask the device; the answer comes back as `opened`.
    case open(relid: UInt32)
    /// Close towards the device; comes back as `closed`. Also for a channel whose device has not answered `open` yet.
    case close(relid: UInt32)
    /// Let the device forget the pages; comes back as `tornDown`.
    case tearDown(gpadl: UInt32, relid: UInt32)
    /// The pages may be used from now on.
    case established(GPADLState)
    /// Comes back as `modified`.
    case retarget(relid: UInt32, processor: UInt32)
    /// Comes back as `connected`.
    case connect(SocketConnect)
    /// No offer of the device is left.
    case released(GUID)
    case note(String)
}
