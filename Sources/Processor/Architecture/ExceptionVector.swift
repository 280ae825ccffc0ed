/// Vectors of the processor's own exceptions (AMD APM vol. 2, 8.2).
package enum ExceptionVector {
    package static let divideError = 0
    package static let debug = 1
    package static let nonMaskableInterrupt = 2
    package static let breakpoint = 3
    package static let overflow = 4
    package static let boundRange = 5
    package static let invalidOpcode = 6
    package static let deviceNotAvailable = 7
    package static let doubleFault = 8
    package static let invalidTSS = 10
    package static let segmentNotPresent = 11
    package static let stack = 12
    package static let generalProtection = 13
    package static let pageFault = 14
    package static let floatingPoint = 16
    package static let alignmentCheck = 17
    package static let machineCheck = 18
    package static let simdFloatingPoint = 19

    /// The exceptions that make a double fault of two (APM vol. 2, table 8-3): #DE, #TS, #NP, #SS, #GP.
    package static func isContributory(_ vector: Int) -> Bool {
        vector == divideError || (invalidTSS...generalProtection).contains(vector)
    }

    /// True when protected and long mode push an error code for it.
    package static func hasErrorCode(_ vector: Int) -> Bool {
        vector == doubleFault || (invalidTSS...pageFault).contains(vector) || vector == alignmentCheck
    }

    /// True when the saved RIP is the faulting instruction's, so that the pushed RFLAGS image has RF set. #DB never sets it.
    package static func isFault(_ vector: Int) -> Bool {
        switch vector {
        case debug, nonMaskableInterrupt, breakpoint, overflow, doubleFault, machineCheck: false
        default: vector < 32
        }
    }
}

/// Bits of an error code that names a selector (APM vol. 2, 8.4.1).
package enum SelectorErrorCode {
    /// The event came from outside the program.
    package static let external: UInt32 = 1
    /// The index is a vector of the IDT.
    package static let idt: UInt32 = 2
}
