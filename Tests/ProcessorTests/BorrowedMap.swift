import Processor

/// A machine's map for the engine that the machine owns: an engine keeps its map alive, and a machine that was its own map would never end.
final class BorrowedMap: GuestPhysicalMap {
    private unowned let owner: any GuestPhysicalMap

    init(_ owner: any GuestPhysicalMap) { self.owner = owner }

    func page(at address: UInt64) -> GuestPhysicalPage { owner.page(at: address) }
}
