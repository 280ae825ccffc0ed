import DeviceModel

/// Saved state, version 1. Saved while the pump stands still, restored after the channels are open again.
extension StorageController {
    package struct State: Codable, Sendable {
        var phase: Phase
        /// Negotiated version of the storage protocol; 0: none yet.
        var version: UInt16
        var offeredSubChannels: Int
        /// Operations of notices not sent yet.
        var notices: [UInt32]
        var held: HeldRequest?
        /// Held up behind it; nil: none.
        var heldToo: [HeldRequest]?
        /// Replies that found no room, with their channel.
        var unsent: [Unsent]
        var targets: [Target]

        struct Unsent: Codable, Sendable {
            var channel: Int
            var reply: UnsentReply
        }

        struct Target: Codable, Sendable {
            var location: Int
            var state: ScsiTargetState
        }
    }

    package static var stateVersion: Int { 1 }
    package var unitName: String { "storage.\(offer.interfaceInstance)" }

    package func saveState() throws(StateError) -> State {
        var unsent: [State.Unsent] = []
        for (index, link) in links.enumerated() {
            for reply in link?.unsent ?? [] { unsent.append(State.Unsent(channel: index, reply: reply)) }
        }
        var targets: [State.Target] = []
        for (location, target) in stands.enumerated() {
            if let target { targets.append(State.Target(location: location, state: target.state)) }
        }
        return State(
            phase: phase, version: version, offeredSubChannels: offeredSubChannels, notices: notices, held: held,
            heldToo: heldToo.isEmpty ? nil : heldToo, unsent: unsent, targets: targets)
    }

    /// Every location that was in use must hold a target of the same kind; a target that is new is announced to the guest.
    package func restoreState(_ state: State, version: Int) throws(StateError) {
        try check(state)
        (phase, self.version, offeredSubChannels) = (state.phase, state.version, state.offeredSubChannels)
        (notices, held, heldToo) = (state.notices, state.held, state.heldToo ?? [])
        for link in links { link?.unsent = [] }
        for unsent in state.unsent { links[unsent.channel]?.unsent.append(unsent.reply) }
        for target in state.targets { stands[target.location]?.restore(target.state) }
        let isGrown = stands.indices.contains { index in stands[index] != nil && !state.targets.contains { $0.location == index } }
        if isGrown, phase == .ready { notices.append(StorageOperation.enumerateBus.rawValue) }
    }

    /// Requests that wait, or replies: more than can be under way, of each channel.
    private static let mostKept = 1024

    private func check(_ state: State) throws(StateError) {
        func require(_ condition: Bool, _ detail: String) throws(StateError) {
            if !condition { throw StateError(.inconsistent, unit: unitName, detail: detail) }
        }
        func isLinked(_ channel: Int) -> Bool { links.indices.contains(channel) && links[channel] != nil }
        try require((0...Self.maximumSubChannels).contains(state.offeredSubChannels), "\(state.offeredSubChannels) sub-channels")
        try require(state.notices.count <= 2, "too many notices")
        for target in state.targets {
            try require(Self.locations.contains(target.location), "location \(target.location)")
            guard let standing = stands[target.location] else {
                throw StateError(.inconsistent, unit: unitName, detail: "nothing is attached to location \(target.location)")
            }
            try require(standing.state.kind == target.state.kind, "location \(target.location) holds another kind of drive")
        }
        for unsent in state.unsent {
            try require(isLinked(unsent.channel), "channel \(unsent.channel) is not open")
            try require(unsent.reply.bytes.count == StoragePacket.length, "a reply of \(unsent.reply.bytes.count) bytes")
        }
        try require(state.unsent.count <= Self.mostKept && (state.heldToo?.count ?? 0) <= Self.mostKept, "too much that waits")
        try require(state.held != nil || state.heldToo == nil, "a request waits behind none")
        for held in (state.held.map { [$0] } ?? []) + (state.heldToo ?? []) {
            try require(isLinked(held.channel), "channel \(held.channel) is not open")
            try require(held.bytes.count == StoragePacket.length, "a request of \(held.bytes.count) bytes")
            try require(
                held.ranges.allSatisfy { (0...1 << 40).contains($0.count) } && held.ranges.count <= StoragePacket.maximumRanges,
                "bad ranges")
        }
    }
}
