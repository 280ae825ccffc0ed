import Storage
import VMBus

/// What the worker does with a controller. Everything here but `setDisks` enters the pump by itself: from any thread, not from inside.
extension StorageController {
    /// Fills locations before the device is on a bus; the guest is told nothing. Locations outside 0…63 are ignored.
    package func setDisks(_ targets: [Int: any ScsiTarget]) {
        for location in Self.locations { stands[location] = targets[location] }
    }

    /// Puts a disk or drive to a free location; a running guest finds it.
    package func attach(location: Int, _ target: any ScsiTarget) throws(StorageControllerError) {
        try entered { () throws(StorageControllerError) in
            guard Self.locations.contains(location) else { throw StorageControllerError(.noSuchLocation, location: location) }
            guard stands[location] == nil else { throw StorageControllerError(.occupied, location: location) }
            stands[location] = target
            changed(location, .enumerateBus)
        }
    }

    /// Takes a disk or drive away; the guest removes it. The caller closes it.
    package func detach(location: Int) throws(StorageControllerError) -> any ScsiTarget {
        try entered { () throws(StorageControllerError) in
            let target = try standing(location)
            if ([held].compactMap { $0 } + heldToo).contains(where: { Int($0.bytes[StoragePacket.lunOffset]) == location }) {
                // What waits for room is answered as requests to nothing, when its turn comes.
                stands[location] = nil
                resume()
            }
            stands[location] = nil
            changed(location, .removeDevice)
            return target
        }
    }

    /// Puts a medium into the DVD drive at a location; one that is in it is closed.
    package func insert(_ disk: any Disk, location: Int) throws(StorageControllerError) {
        try entered { () throws(StorageControllerError) in
            let drive = try drive(location)
            if let old = drive.insert(disk) { closeMedium(old, location) }
        }
    }

    /// Takes the medium out of the DVD drive at a location, also against the guest's will, and closes it.
    package func eject(location: Int) throws(StorageControllerError) {
        try entered { () throws(StorageControllerError) in
            if let old = try drive(location).takeMedium() { closeMedium(old, location) }
        }
    }

    /// There is a DVD drive without a medium at a location.
    package func isEmpty(location: Int) -> Bool {
        pump.perform { Self.locations.contains(location) && (stands[location] as? ScsiDVD)?.hasMedium == false }
    }

    /// Repeats the request that found no room on the host and goes on with the others. Harmless when nothing is held; needed after
    /// every start from saved state.
    package func resumeRequests() {
        pump.perform { resume() }
    }

    /// A request waits for room on the host.
    package var isHoldingRequest: Bool { pump.perform { held != nil } }

    /// Everything attached, by location.
    package var targets: [Int: any ScsiTarget] {
        pump.perform {
            var result: [Int: any ScsiTarget] = [:]
            for location in Self.locations { result[location] = stands[location] }
            return result
        }
    }

    /// Closes all disks and forgets them; returns what failed.
    package func close() -> [DiskError] {
        pump.perform {
            var failures: [DiskError] = []
            for location in Self.locations {
                do throws(DiskError) { try stands[location]?.close() } catch { failures.append(error) }
                stands[location] = nil
            }
            held = nil
            return failures
        }
    }

    private func standing(_ location: Int) throws(StorageControllerError) -> any ScsiTarget {
        guard Self.locations.contains(location) else { throw StorageControllerError(.noSuchLocation, location: location) }
        guard let target = stands[location] else { throw StorageControllerError(.empty, location: location) }
        return target
    }

    private func drive(_ location: Int) throws(StorageControllerError) -> ScsiDVD {
        guard let drive = try standing(location) as? ScsiDVD else { throw StorageControllerError(.notADrive, location: location) }
        return drive
    }

    private func closeMedium(_ disk: any Disk, _ location: Int) {
        do { try disk.close() } catch { report(error, location: location) }
    }

    /// Tells a guest that knows the locations already: by a notice, and by an attention of every other unit.
    private func changed(_ location: Int, _ operation: StorageOperation) {
        guard phase == .ready else { return }
        for (index, target) in stands.enumerated() where index != location { target?.raise(.reportedLUNsChanged) }
        if !notices.contains(operation.rawValue) { notices.append(operation.rawValue) }
        sendNotices()
    }

    private func entered<Result>(
        _ body: () throws(StorageControllerError) -> Result
    ) throws(StorageControllerError) -> Result {
        let result: Swift.Result<Result, StorageControllerError> = pump.perform {
            do throws(StorageControllerError) { return .success(try body()) } catch { return .failure(error) }
        }
        return try result.get()
    }
}
