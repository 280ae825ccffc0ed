import VMBusTestSupport

extension GuestBus {
    /// Asks for the offers and returns those that came, without letting more time pass than it takes.
    func freshOffers() -> [GuestOffer] {
        let known = offers.count
        post(Self.message(3))
        for _ in 0..<100 {
            if take(4) != nil { break }
            advance(milliseconds: 1)
        }
        return Array(offers.dropFirst(known))
    }
}
