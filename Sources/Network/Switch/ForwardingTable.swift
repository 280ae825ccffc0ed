/// Which port an address was last seen at, per network; bounded, in all and for each port, so that no guest can push out its neighbours'
/// addresses.
package struct ForwardingTable: Sendable {
    package static let capacity = 8192
    package static let capacityPerPort = 1024
    /// Seconds after which an address that was not seen again is forgotten.
    package static let lifetime: UInt64 = 300

    private struct Entry: Sendable {
        var port: Int
        var seen: UInt64
    }
    private var entries: [UInt64: Entry] = [:]
    private var counts: [Int: Int] = [:]

    package init() { entries.reserveCapacity(256) }

    package var count: Int { entries.count }

    private static func key(_ address: MACAddress, _ network: Int) -> UInt64 { UInt64(network) << 48 | address.value }

    /// `now` in seconds of a clock that only grows.
    package mutating func learn(_ address: MACAddress, network: Int, port: Int, now: UInt64) {
        let key = Self.key(address, network)
        if let known = entries[key] {
            // The common case writes once a second at most.
            if known.port == port, known.seen == now { return }
            if known.port != port {
                guard counts[port, default: 0] < Self.capacityPerPort else { return }
                counts[known.port, default: 1] -= 1
                counts[port, default: 0] += 1
            }
            entries[key] = Entry(port: port, seen: now)
            return
        }
        if counts[port, default: 0] >= Self.capacityPerPort || entries.count >= Self.capacity { expire(now) }
        guard counts[port, default: 0] < Self.capacityPerPort, entries.count < Self.capacity else { return }
        entries[key] = Entry(port: port, seen: now)
        counts[port, default: 0] += 1
    }

    package func port(of address: MACAddress, network: Int, now: UInt64) -> Int? {
        guard let entry = entries[Self.key(address, network)], now &- entry.seen <= Self.lifetime else { return nil }
        return entry.port
    }

    private var lastExpiry: UInt64 = .max
    private mutating func expire(_ now: UInt64) {
        // A full table is searched once a second at most.
        guard now != lastExpiry else { return }
        lastExpiry = now
        remove { now &- $0.seen > Self.lifetime }
    }

    package mutating func forget(port: Int) { remove { $0.port == port } }

    private mutating func remove(where isGone: (Entry) -> Bool) {
        for (key, entry) in entries where isGone(entry) {
            entries[key] = nil
            counts[entry.port, default: 1] -= 1
        }
    }
}
