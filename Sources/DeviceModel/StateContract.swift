import Basics
import FoundationEssentials

/// The state contract: every unit that holds guest-visible state can save it into a plain, versioned value and restore it.
///
/// `State` is declared apart from behaviour, Codable, and only ever extended (new fields are Optional with a stated default).
/// The machine's inventory takes only `any StatefulUnit`, so a unit without the contract does not compile into a machine.
/// Called only while all VPs stand at instruction boundaries.
package protocol StatefulUnit: AnyObject {
    associatedtype State: Codable & Sendable
    /// Stable and unique within a machine, for example `uart.com1`, `vp.0.apic`.
    var unitName: String { get }
    /// Version of `State`; a unit refuses newer ones.
    static var stateVersion: Int { get }
    func saveState() throws(StateError) -> State
    func restoreState(_ state: State, version: Int) throws(StateError)
}

/// One unit's saved state: {name, version, payload}. The payload is canonical JSON (sorted keys, no floating point).
package struct UnitState: Codable, Equatable, Sendable {
    package var name: String
    package var version: Int
    package var payload: String
    package init(name: String, version: Int, payload: String) {
        (self.name, self.version, self.payload) = (name, version, payload)
    }
}

extension StatefulUnit {
    /// Saves into the erased form.
    package func savedUnit() throws(StateError) -> UnitState {
        let state = try saveState()
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return UnitState(
                name: unitName, version: Self.stateVersion, payload: String(decoding: try encoder.encode(state), as: UTF8.self))
        } catch {
            throw StateError(.unencodable, unit: unitName, detail: String(describing: error))
        }
    }

    /// Restores from the erased form; refuses another unit's state and newer versions.
    package func restore(from saved: UnitState) throws(StateError) {
        try take(try reading(saved)().get(), version: saved.version)
    }

    /// What reads the erased form, on any thread; another unit's state and newer versions are refused at once.
    fileprivate func reading(_ saved: UnitState) throws(StateError) -> @Sendable () -> Result<any Sendable, StateError> {
        let (name, payload) = (unitName, saved.payload)
        guard saved.name == name else { throw StateError(.wrongUnit, unit: name, detail: saved.name) }
        guard saved.version <= Self.stateVersion else {
            throw StateError(.newerVersion, unit: name, detail: "\(saved.version), this program knows \(Self.stateVersion)")
        }
        return {
            do {
                return .success(try JSONDecoder().decode(State.self, from: Data(payload.utf8)))
            } catch {
                return .failure(StateError(.undecodable, unit: name, detail: String(describing: error)))
            }
        }
    }

    fileprivate func take(_ read: any Sendable, version: Int) throws(StateError) {
        guard let state = read as? State else { throw StateError(.undecodable, unit: unitName, detail: "it is a \(type(of: read))") }
        try restoreState(state, version: version)
    }
}

/// Saves all units in the given order.
package func saveUnits(_ units: [any StatefulUnit]) throws(StateError) -> [UnitState] {
    var saved: [UnitState] = []
    for unit in units { saved.append(try unit.savedUnit()) }
    return saved
}

/// Restores all units; unknown, duplicate and missing units, and states that cannot be read, are refused before anything is touched.
package func restoreUnits(_ units: [any StatefulUnit], from saved: [UnitState]) throws(StateError) {
    var byName: [String: UnitState] = [:]
    for state in saved {
        guard byName.updateValue(state, forKey: state.name) == nil else { throw StateError(.duplicateUnit, unit: state.name) }
    }
    for unit in units where byName[unit.unitName] == nil { throw StateError(.missingUnit, unit: unit.unitName) }
    let known = Set(units.map(\.unitName))
    for state in saved where !known.contains(state.name) { throw StateError(.unknownUnit, unit: state.name) }
    var pending: [(unit: any StatefulUnit, version: Int)] = []
    var reading: [@Sendable () -> Result<any Sendable, StateError>] = []
    for unit in units {
        guard let state = byName[unit.unitName] else { continue }
        pending.append((unit, state.version))
        reading.append(try unit.reading(state))
    }
    // A machine that goes on waits for this more than for anything else.
    let read = ConcurrentWork.map(reading, width: 1) { $0() }
    for outcome in read { _ = try outcome.get() }
    for (outcome, (unit, version)) in zip(read, pending) { try unit.take(try outcome.get(), version: version) }
}
