import Basics
import Persistence
import WorkerProtocol

/// What the control side asks of a machine's synthetic devices and integration services. Called on threads of the control side, several at
/// once; implementations serialise.
package protocol GuestControlling: AnyObject, Sendable {
    /// Applies what may change while the machine runs, all of it or nothing. `devices` holds the open files of what is added.
    func apply(_ changes: [ConfigurationChange], _ devices: HandedDevices) throws
    /// Must not wait for the guest. It may take as long as a device is busy; the control side waits only so long.
    func guestInformation() -> GuestInformation
    /// Returns when the guest has accepted.
    func shutDownGuest(_ request: ShutdownRequest) throws
    func change(keyValues: [KeyValueRequest.Change]) throws
    func configure(ip: IPConfiguration, adapter: GUID) throws
    /// Copies the open file into the guest; `progress` says false when it shall stop.
    func copyFile(_ request: FileCopyRequest, from descriptor: Int32, progress: (FileCopyProgress) -> Bool) throws
    func freeze(_ request: FreezeRequest) throws
    /// Types at the guest's keyboard.
    func type(_ request: KeyboardRequest) throws
    /// Raises a non-maskable interrupt at the first virtual processor.
    func interrupt() throws
    /// A DVD drive without a medium.
    func isEmpty(_ drive: DrivePlace) -> Bool
}
