import CHost

/// Records an exception at the current instruction; the run loop delivers it. Returns `RoutineResult.fault`.
@discardableResult
@inline(never)
package func raise(_ vp: VP, _ vector: Int, _ errorCode: UInt32? = nil) -> Int32 {
    vp.pointee.fault = lv_fault(
        vector: UInt32(truncatingIfNeeded: vector), error_code: errorCode ?? 0, has_error_code: errorCode == nil ? 0 : 1, pending: 1)
    return RoutineResult.fault
}

/// #UD at the current instruction.
@discardableResult
package func raiseUndefined(_ vp: VP) -> Int32 { raise(vp, ExceptionVector.invalidOpcode) }

/// #GP at the current instruction.
@discardableResult
package func raiseProtection(_ vp: VP, _ errorCode: UInt32 = 0) -> Int32 { raise(vp, ExceptionVector.generalProtection, errorCode) }
