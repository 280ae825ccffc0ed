import CHost

/// RSP with the bits under `mask` replaced: a 16-bit stack keeps the rest, a 32-bit one clears it.
@inline(__always) func mergedStackPointer(_ vp: VP, _ value: UInt64, _ mask: UInt64) -> UInt64 {
    mask == 0xffff ? register64(vp, 4) & ~0xffff | value & 0xffff : value & mask
}

/// Pushes a value of `1 << log2` bytes; false: a fault is recorded and RSP is as before.
func push(_ vp: VP, _ value: UInt64, log2: Int) -> Bool {
    let mask = stackMask(vp)
    let pointer = (register64(vp, 4) &- UInt64(1 &<< log2)) & mask
    guard let linear = segmentAddress(vp, segment: Int(LV_SS), offset: pointer, bytes: 1 &<< log2, write: true),
        storeSized(vp, linear, value, log2: log2)
    else { return false }
    setRegister64(vp, 4, mergedStackPointer(vp, pointer, mask))
    return true
}

/// The value on top of the stack; nil: a fault is recorded. RSP is left alone: `dropStack` follows when nothing else can fault.
func peekStack(_ vp: VP, log2: Int) -> UInt64? {
    guard
        let linear = segmentAddress(
            vp, segment: Int(LV_SS), offset: register64(vp, 4) & stackMask(vp), bytes: 1 &<< log2, write: false)
    else { return nil }
    return loadSized(vp, linear, log2: log2)
}

func dropStack(_ vp: VP, bytes: UInt64) {
    let mask = stackMask(vp)
    setRegister64(vp, 4, mergedStackPointer(vp, register64(vp, 4) &+ bytes, mask))
}
