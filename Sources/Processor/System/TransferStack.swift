import CHost

/// A stack that a transfer of control writes its frame to, perhaps not the current one.
///
/// `prepare` checks the whole frame, so that after it succeeds no push can fail and registers may change.
struct TransferStack {
    var segment: lv_segment
    var pointer: UInt64
    /// The bits of the pointer in use.
    var mask: UInt64
    /// Level the accesses are made with.
    var privilege: UInt32
    /// 64-bit code: no base and no limit, but canonical addresses.
    var isFlat: Bool
    /// Error code of #SS when the frame does not fit.
    var errorCode: UInt32

    /// The current stack at the current privilege.
    init(current vp: VP, external: UInt32 = 0) {
        segment = segmentRegisters(vp)[LV_SS]
        pointer = registers(vp)[GeneralRegister.rsp]
        mask = stackMask(vp)
        privilege = vp.pointee.cpl
        isFlat = is64BitCode(vp)
        errorCode = external
    }

    /// A 64-bit stack at `pointer`.
    init(flat pointer: UInt64, privilege: UInt32, errorCode: UInt32) {
        segment = nullSegment(0)
        self.pointer = pointer
        mask = UInt64.max
        self.privilege = privilege
        isFlat = true
        self.errorCode = errorCode
    }

    /// The stack of an inner level in `segment`.
    init(inner segment: lv_segment, pointer: UInt64, privilege: UInt32, errorCode: UInt32) {
        self.segment = segment
        mask = segment.attributes & SegmentAttributes.big != 0 ? 0xffff_ffff : 0xffff
        self.pointer = pointer
        self.privilege = privilege
        isFlat = false
        self.errorCode = errorCode
    }

    /// Checks room and write access for `count` values of `1 << log2` bytes. False: a fault is recorded, nothing is written.
    func prepare(_ vp: VP, count: Int, log2: Int) -> Bool {
        let bytes = UInt64(1) << UInt64(log2)
        var offset = pointer
        for _ in 0..<count {
            offset = (offset &- bytes) & mask
            guard isFlat ? isCanonical(offset) && isCanonical(offset &+ bytes &- 1) : segmentHolds(segment, offset, bytes) else {
                raise(vp, ExceptionVector.stack, errorCode)
                return false
            }
            guard prepareWrite(vp, linear(vp, offset), Int(bytes)) else { return false }
        }
        return true
    }

    /// Pushes one value. Precondition: `prepare` allowed for it.
    mutating func push(_ vp: VP, _ value: UInt64, log2: Int) {
        pointer = pointer & ~mask | (pointer &- (1 << UInt64(log2))) & mask
        let address = linear(vp, pointer & mask)
        if privilege == 3 {
            _ = storeSized(vp, address, value, log2: log2)
        } else {
            switch log2 {
            case 1: _ = systemStore16(vp, address, value)
            case 2: _ = systemStore32(vp, address, value)
            default: _ = systemStore64(vp, address, value)
            }
        }
    }

    private func linear(_ vp: VP, _ offset: UInt64) -> UInt64 { isFlat ? offset : systemLinear(vp, segment.base &+ offset) }

    private func prepareWrite(_ vp: VP, _ address: UInt64, _ bytes: Int) -> Bool {
        privilege == 3 ? prepareStore(vp, address, bytes: bytes) : systemPrepareStore(vp, address, bytes: bytes)
    }
}

/// True when [offset, offset + bytes) lies within a segment's limit, expand-down data included (APM vol. 2, 4.7.3).
func segmentHolds(_ segment: lv_segment, _ offset: UInt64, _ bytes: UInt64) -> Bool {
    let last = offset &+ bytes &- 1
    let kind = segment.attributes & (SegmentAttributes.code | SegmentAttributes.expandDown)
    if kind == SegmentAttributes.expandDown {
        let top: UInt64 = segment.attributes & SegmentAttributes.big != 0 ? 0xffff_ffff : 0xffff
        return offset > UInt64(segment.limit) && last <= top
    }
    return last <= UInt64(segment.limit)
}

/// Reads values from the current stack without moving the pointer: what RET and IRET pop before they know that they succeed.
struct StackReader {
    private var offset: UInt64
    let mask: UInt64

    init(_ vp: VP) {
        offset = registers(vp)[GeneralRegister.rsp]
        mask = stackMask(vp)
    }

    /// RSP after the pops so far.
    var pointer: UInt64 { offset }

    /// Pops a value of `1 << log2` bytes; nil: a fault is recorded.
    mutating func pop(_ vp: VP, log2: Int) -> UInt64? {
        guard let address = segmentAddress(vp, segment: LV_SS, offset: offset & mask, bytes: 1 << log2, write: false),
            let value = loadSized(vp, address, log2: log2)
        else { return nil }
        skip(1 << UInt64(log2))
        return value
    }

    /// Moves the pointer up by `bytes`.
    mutating func skip(_ bytes: UInt64) { offset = offset & ~mask | (offset &+ bytes) & mask }
}
