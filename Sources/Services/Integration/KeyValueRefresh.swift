/// One round of questions that brings `GuestInformation` up to date, as a value: a body to send out, an answer in.
///
/// A complete round reads pool after pool, then asks for each adapter's addresses (which makes Linux's daemon run several programs, so
/// it is done only when asked for or when addresses changed). A short round reads the network addresses of pool “auto” alone.
struct KeyValueRefresh: Codable, Sendable {
    enum Step: Codable, Hashable, Sendable {
        case item(pool: KeyValuePool, index: UInt32)
        case adapter(Int)
        case done
    }

    enum Progress: Equatable { case more, complete, daemonAbsent }

    private(set) var step: Step
    private(set) var draft: GuestInformation
    /// Adapters when the round began.
    let adapters: [GuestAdapter]
    private let before: GuestInformation
    private let isShort: Bool
    private let mustAskAdapters: Bool
    private let version: IntegrationVersion
    /// Refusals in a row.
    private var refusals = 0
    private var poolBytes = 0

    private static let pools: [KeyValuePool] = [.auto, .guest, .external]
    private static let itemsPerPool: UInt32 = 256
    private static let bytesPerPool = 512 * 1024
    private static let refusalsAtMost = 3

    static func complete(
        _ information: GuestInformation, adapters: [GuestAdapter], withAdapters: Bool, version: IntegrationVersion
    ) -> KeyValueRefresh {
        var draft = information
        (draft.intrinsic, draft.guest, draft.host, draft.isTruncated) = ([], [], [], false)
        return KeyValueRefresh(
            step: .item(pool: .auto, index: 0), draft: draft, adapters: adapters, before: information, isShort: false,
            mustAskAdapters: withAdapters, version: version)
    }

    /// nil: no item of the last complete round names addresses.
    static func short(_ information: GuestInformation, adapters: [GuestAdapter], version: IntegrationVersion) -> KeyValueRefresh? {
        guard let first = addressIndex(in: information, from: 0) else { return nil }
        return KeyValueRefresh(
            step: .item(pool: .auto, index: UInt32(first)), draft: information, adapters: adapters, before: information, isShort: true,
            mustAskAdapters: false, version: version)
    }

    /// The body to send now; nil when done.
    var request: [UInt8]? {
        switch step {
        case .item(let pool, let index): KeyValueMessage.enumerate(pool, index: index, version: version)
        case .adapter(let position):
            adapters.indices.contains(position)
                ? KeyValueMessage.getAddresses(macAddress: adapters[position].macAddress, version: version) : nil
        case .done: nil
        }
    }

    /// The answer to `request`.
    mutating func answered(_ status: IntegrationStatus, _ body: [UInt8]) -> Progress {
        switch step {
        case .item(let pool, let index):
            if status == .failed {
                refusals &+= 1
                // Without a daemon Linux's driver refuses everything; one item alone may be unreadable, but not one of addresses.
                if isShort || refusals >= Self.refusalsAtMost || (pool == .auto && index == 0) { return .daemonAbsent }
            } else {
                refusals = 0
            }
            let item = status == .success ? KeyValueMessage.item(body) : nil
            if isShort {
                nextAddress(item, Int(index))
            } else {
                nextItem(item, pool, index, isLast: status != .success && status != .failed)
            }
        case .adapter(let position):
            if adapters.indices.contains(position), status == .success,
                let addresses = KeyValueMessage.addresses(body, adapter: adapters[position].id)
            {
                draft.adapters.append(addresses)
            }
            advance(toAdapter: position &+ 1)
        case .done: break
        }
        return step == .done ? .complete : .more
    }

    private mutating func nextItem(_ item: KeyValuePair?, _ pool: KeyValuePool, _ index: UInt32, isLast: Bool) {
        if let item { poolBytes &+= item.key.utf8.count + item.value.utf8.count }
        let isFull = index >= Self.itemsPerPool - 1 || poolBytes > Self.bytesPerPool
        // An unreadable item keeps its place, so that positions in pool “auto” stay the guest's indices.
        if !isLast { append(item ?? KeyValuePair(key: "", value: ""), to: pool) }
        guard isLast || isFull else {
            step = .item(pool: pool, index: index + 1)
            return
        }
        if isFull, !isLast { draft.isTruncated = true }
        (poolBytes, refusals) = (0, 0)
        if let position = Self.pools.firstIndex(of: pool), position + 1 < Self.pools.count {
            step = .item(pool: Self.pools[position + 1], index: 0)
        } else {
            endOfPools()
        }
    }

    private mutating func append(_ item: KeyValuePair, to pool: KeyValuePool) {
        switch pool {
        case .auto: draft.intrinsic.append(item)
        case .guest: draft.guest.append(item)
        case .external: draft.host.append(item)
        }
    }

    private mutating func nextAddress(_ item: KeyValuePair?, _ index: Int) {
        if let item, draft.intrinsic.indices.contains(index), draft.intrinsic[index].key == item.key { draft.intrinsic[index] = item }
        if let next = Self.addressIndex(in: draft, from: index + 1) {
            step = .item(pool: .auto, index: UInt32(next))
        } else {
            endOfPools()
        }
    }

    private mutating func endOfPools() {
        let hasChanged = draft.ipv4Addresses != before.ipv4Addresses || draft.ipv6Addresses != before.ipv6Addresses
        let hasOther = before.adapters.map(\.adapter) != adapters.map(\.id)
        guard version >= KeyValueMessage.addressVersion, mustAskAdapters || hasChanged || hasOther else {
            step = .done
            return
        }
        draft.adapters = []
        advance(toAdapter: 0)
    }

    private mutating func advance(toAdapter position: Int) { step = adapters.indices.contains(position) ? .adapter(position) : .done }

    private static func addressIndex(in information: GuestInformation, from start: Int) -> Int? {
        information.intrinsic.indices.first { $0 >= start && information.intrinsic[$0].key.hasPrefix("NetworkAddress") }
    }
}
