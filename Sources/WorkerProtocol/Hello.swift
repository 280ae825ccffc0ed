import Basics

/// The first frame of both ends.
package struct Hello: Codable, Equatable, Sendable {
    package var lowestVersion: Int
    package var highestVersion: Int
    package var storeId: GUID
    package var virtualMachineId: GUID

    package init(storeId: GUID, virtualMachineId: GUID, versions: ClosedRange<Int> = ProtocolLimits.versions) {
        lowestVersion = versions.lowerBound
        highestVersion = versions.upperBound
        self.storeId = storeId
        self.virtualMachineId = virtualMachineId
    }

    /// The highest version that both speak. Throws when there is none, or when the other end belongs to another VM or store.
    package func agree(with other: Hello) throws -> Int {
        guard lowestVersion <= highestVersion, other.lowestVersion <= other.highestVersion else {
            throw ProtocolError.malformed("a version range that is upside down")
        }
        let highest = min(highestVersion, other.highestVersion)
        guard highest >= max(lowestVersion, other.lowestVersion) else {
            throw ProtocolError.noCommonVersion(ours: lowestVersion...highestVersion, theirs: other.lowestVersion...other.highestVersion)
        }
        guard storeId == other.storeId else { throw ProtocolError.wrongPeer("store") }
        guard virtualMachineId == other.virtualMachineId else { throw ProtocolError.wrongPeer("VM") }
        return highest
    }
}
