import CHost

/// The operand sizes of specialised handlers: registers and RAM as sign-extended words.
protocol OperandWidth {
    static var log2: Int { get }
    static var bytes: UInt64 { get }
    static func get(_ vp: VP, _ number: UInt8) -> UInt64
    static func set(_ vp: VP, _ number: UInt8, _ value: UInt64)
    static func extend(_ value: UInt64) -> UInt64
    static func load(_ pointer: UnsafeMutableRawPointer) -> UInt64
    static func store(_ pointer: UnsafeMutableRawPointer, _ value: UInt64)
}

/// Byte registers AL–BL and, with REX, the low bytes of all; AH–BH are left to the routines.
enum Byte: OperandWidth {
    @inline(__always) static var log2: Int { 0 }
    @inline(__always) static var bytes: UInt64 { 1 }
    @inline(__always) static func get(_ vp: VP, _ number: UInt8) -> UInt64 { extend(registers(vp)[Int(number)]) }
    @inline(__always) static func set(_ vp: VP, _ number: UInt8, _ value: UInt64) {
        UnsafeMutableRawPointer(vp).assumingMemoryBound(to: UInt8.self)[Int(number) &* 8] = UInt8(truncatingIfNeeded: value)
    }
    @inline(__always) static func extend(_ value: UInt64) -> UInt64 { UInt64(bitPattern: Int64(Int8(truncatingIfNeeded: value))) }
    @inline(__always) static func load(_ pointer: UnsafeMutableRawPointer) -> UInt64 { extend(UInt64(lv_load8(pointer))) }
    @inline(__always) static func store(_ pointer: UnsafeMutableRawPointer, _ value: UInt64) {
        lv_store8(pointer, UInt8(truncatingIfNeeded: value))
    }
}

enum Word: OperandWidth {
    @inline(__always) static var log2: Int { 1 }
    @inline(__always) static var bytes: UInt64 { 2 }
    @inline(__always) static func get(_ vp: VP, _ number: UInt8) -> UInt64 { extend(registers(vp)[Int(number)]) }
    @inline(__always) static func set(_ vp: VP, _ number: UInt8, _ value: UInt64) {
        UnsafeMutableRawPointer(vp).assumingMemoryBound(to: UInt16.self)[Int(number) &* 4] = UInt16(truncatingIfNeeded: value)
    }
    @inline(__always) static func extend(_ value: UInt64) -> UInt64 { UInt64(bitPattern: Int64(Int16(truncatingIfNeeded: value))) }
    @inline(__always) static func load(_ pointer: UnsafeMutableRawPointer) -> UInt64 { extend(UInt64(lv_load16(pointer))) }
    @inline(__always) static func store(_ pointer: UnsafeMutableRawPointer, _ value: UInt64) {
        lv_store16(pointer, UInt16(truncatingIfNeeded: value))
    }
}

enum Double32: OperandWidth {
    @inline(__always) static var log2: Int { 2 }
    @inline(__always) static var bytes: UInt64 { 4 }
    @inline(__always) static func get(_ vp: VP, _ number: UInt8) -> UInt64 { extend(registers(vp)[Int(number)]) }
    @inline(__always) static func set(_ vp: VP, _ number: UInt8, _ value: UInt64) {
        registers(vp)[Int(number)] = UInt64(UInt32(truncatingIfNeeded: value))
    }
    @inline(__always) static func extend(_ value: UInt64) -> UInt64 { UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: value))) }
    @inline(__always) static func load(_ pointer: UnsafeMutableRawPointer) -> UInt64 { extend(UInt64(lv_load32(pointer))) }
    @inline(__always) static func store(_ pointer: UnsafeMutableRawPointer, _ value: UInt64) {
        lv_store32(pointer, UInt32(truncatingIfNeeded: value))
    }
}

enum Quad: OperandWidth {
    @inline(__always) static var log2: Int { 3 }
    @inline(__always) static var bytes: UInt64 { 8 }
    @inline(__always) static func get(_ vp: VP, _ number: UInt8) -> UInt64 { registers(vp)[Int(number)] }
    @inline(__always) static func set(_ vp: VP, _ number: UInt8, _ value: UInt64) { registers(vp)[Int(number)] = value }
    @inline(__always) static func extend(_ value: UInt64) -> UInt64 { value }
    @inline(__always) static func load(_ pointer: UnsafeMutableRawPointer) -> UInt64 { lv_load64(pointer) }
    @inline(__always) static func store(_ pointer: UnsafeMutableRawPointer, _ value: UInt64) { lv_store64(pointer, value) }
}

/// Address forms of specialised handlers, 64-bit code with 64-bit addresses only.
protocol AddressForm {
    static func address(_ vp: VP, _ op: UOp) -> UInt64
}

/// [base + displacement], no segment base.
enum BaseForm: AddressForm {
    @inline(__always) static func address(_ vp: VP, _ op: UOp) -> UInt64 {
        registers(vp)[Int(op.pointee.base)] &+ UInt64(bitPattern: Int64(op.pointee.displacement))
    }
}

/// [base + index × scale + displacement], no segment base.
enum IndexForm: AddressForm {
    @inline(__always) static func address(_ vp: VP, _ op: UOp) -> UInt64 {
        registers(vp)[Int(op.pointee.base)] &+ registers(vp)[Int(op.pointee.index)] &<< UInt64(op.pointee.shift)
            &+ UInt64(bitPattern: Int64(op.pointee.displacement))
    }
}

/// Any of these, FS and GS included.
enum AnyForm: AddressForm {
    @inline(__always) static func address(_ vp: VP, _ op: UOp) -> UInt64 {
        let offset = IndexForm.address(vp, op)
        if op.pointee.segment >= UInt8(truncatingIfNeeded: LV_FS) {
            // No page answers at a non-canonical address, so that the routine finds the fault.
            if _slowPath(!isCanonical(offset)) { return 1 &<< 63 }
            return offset &+ segmentPointer(vp, Int(op.pointee.segment)).pointee.base
        }
        return offset
    }
}

/// The TLB did not serve an access of a specialised handler: fills it and runs the micro-op again, or leaves it to its routine, which does
/// the rest (page crossings, intercepts, decoded code) and finds the exact fault. `kind`: bytes, and 256 for a store.
@inline(never) func miss(_ vp: VP, _ op: UOp, _ linear: UInt64, _ kind: UInt64) -> Int32 {
    if refill(vp, linear, kind) { return dispatch(vp, op) }
    return fallBack(vp, op)
}

@inline(never) func refill(_ vp: VP, _ linear: UInt64, _ kind: UInt64) -> Bool {
    let bytes = kind & 0xff
    guard linear & 0xfff &+ bytes <= 4096 else { return false }
    let write = kind & 256 != 0
    let place = interpreter(vp).place(linear, write: write, user: vp.pointee.cpl == 3)
    // The routine meets the same fault again and records it with RIP and count in order.
    vp.pointee.fault.pending = 0
    guard place != nil else { return false }
    return (write ? writePointer(vp, linear, bytes) : readPointer(vp, linear, bytes)) != nil
}
