/// The functions that Swift gives to Lua, by the number their trampoline carries. The prelude knows them by these names.
enum NativeOperation: Int32, CaseIterable {
    /// A cmdlet in the function form; its name is the function's text.
    case cmdlet = 1
    /// Command form: the value; shown.
    case evaluate, display
    /// A cmdlet's function by name.
    case cmdletFunction
    case objectIndex, objectText, objectPairs, objectAssign
    case listMember, recordMissing
    case errorIndex, errorText, errorPairs, makeError, raise
    case durationIndex, durationText, durationArithmetic, timeIndex, timeText, timeArithmetic, valueMethod, compareValues
    case comparison
    case compile, readFile, print, exit
    case environment, setEnvironment, preference, setPreference, errors, clearErrors, scriptArguments
    case missingValue
    /// A block that goes to an interpreter of its own; `cmdlet{…}` and `param{…}`.
    case carriedBlock, declareCmdlet, bindParameters
    case reportTest

    /// Their names in Lua.
    static let names: [(String, NativeOperation)] = allCases.map { ("\($0)", $0) }
}
