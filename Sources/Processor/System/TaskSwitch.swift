import CHost

/// Task switches are not there: notes it and makes the engine leave `run` with `EngineExit.unsupported`, the state standing before
/// the instruction or event that asked for one.
func refuseTaskSwitch(_ vp: VP, _ what: String) {
    let engine = interpreter(vp)
    engine.intercepts.note(.taskSwitchRefused)
    engine.refuse(what)
}
