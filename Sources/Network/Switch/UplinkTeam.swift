/// Several uplinks that lead to the same network, as one: each port's frames leave by one of them, and what all of them bring is taken
/// from one.
///
/// ```
/// port → network      by the port's own uplink: the one it is given, else by its number among those that work
/// network → ports     a frame for one address is taken from any uplink; one for many from each port's own only
/// uplink → uplink     never; a frame of ours that comes back by another uplink is dropped
/// ```
struct UplinkTeam: Sendable {
    /// Port numbers of the uplinks, and of those whose link is up.
    var members: [Int] = []
    private(set) var working: [Int] = []
    /// Uplinks that ports were given.
    private var pins: [Int: Int] = [:]

    /// A single uplink needs no rules.
    var isTeam: Bool { members.count > 1 }

    /// With no link up all count as working: nothing is lost by trying.
    mutating func set(members: [Int], working: [Int]) {
        self.members = members
        let up = members.filter(working.contains)
        self.working = up.isEmpty ? members : up
    }

    mutating func pin(_ port: Int, to member: Int?) { pins[port] = member }

    /// The uplink that is a port's own.
    func uplink(of port: Int) -> Int? {
        if let pinned = pins[port], working.contains(pinned) { return pinned }
        return working.isEmpty ? nil : working[port % working.count]
    }

    /// Whether a frame for many goes from one port out of the other.
    func floods(from: Int, to: Int) -> Bool {
        guard isTeam else { return true }
        if members.contains(from) { return !members.contains(to) && uplink(of: to) == from }
        return !members.contains(to) || uplink(of: from) == to
    }

    /// Where a frame for an address that was seen at `known` goes; nil: nowhere.
    func target(from: Int, known: Int) -> Int? {
        guard isTeam, members.contains(known) else { return known }
        return members.contains(from) ? nil : uplink(of: from)
    }
}
