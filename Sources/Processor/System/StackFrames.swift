import CHost

/// ENTER (AMD APM vol. 3): pushes RBP, copies up to 31 frame pointers, reserves space. Nothing changes when any of it faults.
func executeEnter(_ vp: VP, _ op: UOp) -> Int32 {
    let immediate = UInt32(bitPattern: op.pointee.immediate)
    let space = UInt64(immediate & 0xffff)
    let level = Int(immediate >> 16 & 31)
    let log2 = op.log2Size
    let size = UInt64(1) << UInt64(log2)
    var stack = TransferStack(current: vp)
    let words = registers(vp)
    let base = words[GeneralRegister.rbp]
    guard stack.prepare(vp, count: level > 0 ? level + 1 : 1, log2: log2) else { return RoutineResult.fault }

    // The outer frame pointers are read first: they may lie where this frame will be.
    var outer: [UInt64] = []
    for index in 1..<max(level, 1) {
        guard
            let address = segmentAddress(
                vp, segment: LV_SS, offset: (base &- UInt64(index) &* size) & stack.mask, bytes: Int(size), write: false),
            let pointer = loadSized(vp, address, log2: log2)
        else { return RoutineResult.fault }
        outer.append(pointer)
    }
    // The last byte of the reserved space must be writable too.
    let frame = stack.pointer & ~stack.mask | (stack.pointer &- size) & stack.mask
    let used = UInt64(level > 0 ? level + 1 : 1) &* size
    let bottom = (stack.pointer &- used &- space) & stack.mask
    guard let lowest = segmentAddress(vp, segment: LV_SS, offset: bottom, bytes: Int(size), write: true),
        prepareStore(vp, lowest, bytes: Int(size))
    else { return RoutineResult.fault }

    stack.push(vp, base, log2: log2)
    for pointer in outer { stack.push(vp, pointer, log2: log2) }
    if level > 0 { stack.push(vp, frame, log2: log2) }
    setRegisterSized(vp, GeneralRegister.rbp, log2: log2, rex: true, frame)
    setStackPointer(vp, stack.pointer &- space, mask: stack.mask)
    return RoutineResult.next
}

/// LEAVE.
func executeLeave(_ vp: VP, _ op: UOp) -> Int32 {
    let mask = stackMask(vp)
    let base = registers(vp)[GeneralRegister.rbp] & mask
    let log2 = op.log2Size
    guard let address = segmentAddress(vp, segment: LV_SS, offset: base, bytes: op.size, write: false),
        let value = loadSized(vp, address, log2: log2)
    else { return RoutineResult.fault }
    setStackPointer(vp, base &+ UInt64(op.size), mask: mask)
    setRegisterSized(vp, GeneralRegister.rbp, log2: log2, rex: true, value)
    return RoutineResult.next
}
