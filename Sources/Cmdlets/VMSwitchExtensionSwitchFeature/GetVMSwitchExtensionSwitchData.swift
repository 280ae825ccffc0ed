import Glibc
import Management

extension Cmdlet {
    private static let status = FeatureIdentity(
        id: "5b0f5d0e-6a3c-4c1b-9d0e-3f2a8c7d1e03", name: "Ethernet Switch Status", source: .native)
    private static let capture = FeatureIdentity(
        id: "5b0f5d0e-6a3c-4c1b-9d0e-3f2a8c7d1e04", name: "Lunavisor Capture Status", source: .capture)

    /// `Get-VMSwitchExtensionSwitchData`.
    static let getVMSwitchExtensionSwitchData = Cmdlet(
        "Get", "VMSwitchExtensionSwitchData", synopsis: "Gets what virtual switches do at the moment.",
        details:
            "“Ethernet Switch Status” is there while a machine is connected that runs: the switch's process, how many ports are connected, and the frames and bytes that came in by them since they were. “Lunavisor Capture Status” is there once something was captured: the files and their sizes.",
        sets: featureSwitchSets(.many),
        parameters: featureSwitches(inSets: true) + Parameter.featureChoice(extensionParameter: "Extension", type: "VMSwitchExtension"),
        output: "VMSwitchExtensionSwitchData",
        examples: [
            Example(
                "Get-VMSwitchExtensionSwitchData inside -FeatureName '*Capture*' | ForEach-Object { $_.Data.FileSize }",
                "How much has been captured.")
        ],
        shouldProcess: true,
        body: .perTarget(parameters: ["SwitchName", "VMSwitch"]) { invocation, target in
            let found = try target.virtualSwitch()
            for feature in try invocation.chosenFeatures([status, capture], { $0 }) {
                guard let data = try feature.id == status.id ? found.statusData() : found.captureData() else { continue }
                try invocation.emit(
                    feature.value("VMSwitchExtensionSwitchData", "Data", data, place: [("SwitchName", .string(found.name))]))
            }
        })
}

extension VirtualSwitch {
    fileprivate func statusData() throws -> Record? {
        guard let status = try status() else { return nil }
        return Record(
            typeName: "EthernetSwitchStatusData",
            [
                ("ProcessId", .count(status.processId)), ("HostInterface", status.hostInterface.map { .string($0) } ?? .null),
                ("ConnectedPorts", .count(status.ports.count)),
                ("FramesIn", .count(status.ports.reduce(UInt64(0)) { $0 &+ $1.framesIn })),
                ("BytesIn", .count(status.ports.reduce(UInt64(0)) { $0 &+ $1.bytesIn })),
                ("DroppedIn", .count(status.ports.reduce(UInt64(0)) { $0 &+ $1.droppedIn })),
            ])
    }

    fileprivate func captureData() throws -> Record? {
        let path = "\(host.storePath)/Switches/\(id)/capture.pcap"
        var (now, before) = (stat(), stat())
        guard stat(path, &now) == 0 else { return nil }
        let hasBefore = stat(path + ".1", &before) == 0
        return Record(
            typeName: "LunavisorCaptureStatusData",
            [
                ("Path", .string(path)), ("FileSize", .count(now.st_size)), ("EarlierPath", hasBefore ? .string(path + ".1") : .null),
                ("EarlierFileSize", .count(hasBefore ? before.st_size : 0)),
                ("IsRunning", .boolean(try configuration().isCapturing ?? false && status() != nil)),
            ])
    }
}
