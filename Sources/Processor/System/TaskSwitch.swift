import CHost

/// Task switches are not there: notes it and makes the engine leave `run` with `EngineExit.unsupported`, the state standing before
/// the instruction or event that asked for one. A routine returns this result: a fault without a pending exception.
@discardableResult
func refuseTaskSwitch(_ vp: VP, _ what: String) -> Int32 {
    let engine = interpreter(vp)
    engine.intercepts.note(.taskSwitchRefused)
    vp.pointee.fault.pending = 0
    return engine.refuse(what)
}
