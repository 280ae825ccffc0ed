import CHost

/// Exception vectors (SDM vol. 3, table 6-1).
package enum ExceptionVector {
    package static let divideError = 0, debug = 1, nonMaskableInterrupt = 2, breakpoint = 3, overflow = 4, boundRange = 5
    package static let undefinedOpcode = 6, deviceNotAvailable = 7, doubleFault = 8, invalidTSS = 10, segmentNotPresent = 11
    package static let stackFault = 12, generalProtection = 13, pageFault = 14, floatingPoint = 16, alignmentCheck = 17
    package static let machineCheck = 18, simdFloatingPoint = 19
}

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
package func raiseUndefined(_ vp: VP) -> Int32 { raise(vp, ExceptionVector.undefinedOpcode) }

/// #GP at the current instruction.
@discardableResult
package func raiseProtection(_ vp: VP, _ errorCode: UInt32 = 0) -> Int32 { raise(vp, ExceptionVector.generalProtection, errorCode) }
