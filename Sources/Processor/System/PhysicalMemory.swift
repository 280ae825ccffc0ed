import CHost

extension Interpreter {
    /// Eight bytes of RAM at an aligned guest-physical address; nil where there is none.
    func loadPhysical64(_ address: UInt64) -> UInt64? {
        guard let host = physicalPage(address).host else { return nil }
        return lv_load64(host + Int(truncatingIfNeeded: address & 0xff8))
    }
}
