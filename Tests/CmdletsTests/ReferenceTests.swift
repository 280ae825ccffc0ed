import Cmdlets
import Testing

/// The catalogue beside the real module: every cmdlet we have takes what that one takes, and means by it what that one means.
@Suite struct ReferenceTests {
    let catalogue = Catalogue()
    let module = ReferenceModule.shared

    @Test func theTablesAreThere() {
        #expect(module.cmdlets.count == 240)
        #expect(ReferenceModule.table("cmdlet-usage.tsv", separator: "\t").count > 100)
        #expect(ReferenceModule.table("object-properties.tsv", separator: "\t").count > 200)
    }

    /// Parameters of the real module have its aliases, positions, lists, pipeline binding and words.
    @Test func declarationsAgreeWithTheModule() throws {
        for reference in module.cmdlets {
            guard let cmdlet = catalogue.cmdlet(named: reference.name) else { continue }
            #expect(cmdlet.aliases.sorted() == reference.aliases.sorted(), "\(cmdlet.name)")
            #expect(!cmdlet.isOurs, "\(cmdlet.name)")
            /// The module's own reference says nothing of these.
            let isUndocumented = ["Get-VMStorageSettings", "Set-VMStorageSettings"].contains(cmdlet.name)
            /// Wait-VM's places are not documented, and of two parameters of a set that the data give one place, one has it here.
            func isUnsure(_ wanted: ReferenceModule.Parameter) -> Bool {
                cmdlet.name == "Wait-VM" || isUndocumented
                    || reference.parameters.contains { other in
                        other.name != wanted.name && other.position == wanted.position
                            && reference.sets.contains { $0.value.contains(other.name) && $0.value.contains(wanted.name) }
                    }
            }
            for wanted in reference.parameters {
                let place = "\(cmdlet.name) -\(wanted.name)"
                if ["WhatIf", "Confirm"].contains(wanted.name) {
                    #expect(cmdlet.supportsShouldProcess, "\(place)")
                    continue
                }
                guard let parameter = cmdlet.parameter(wanted.name) else {
                    Issue.record("\(place) is missing")
                    continue
                }
                #expect(!parameter.isOurs, "\(place)")
                #expect(Set(wanted.aliases).isSubset(of: parameter.aliases), "\(place): aliases")
                #expect(parameter.takesMany == wanted.takesMany, "\(place): list")
                #expect((parameter.position != nil) == (wanted.position != nil) || isUnsure(wanted), "\(place): position")
                let isSure = !parameter.isNeverBound && cmdlet.name != "Wait-VM" && !isUndocumented
                #expect(!isSure || Set(parameter.pipelineWords) == wanted.pipeline, "\(place): pipeline")
                if case .enumeration(_, let words) = parameter.type { #expect(Set(wanted.words).isSubset(of: words), "\(place): words") }
            }
        }
    }

    /// In each set of the module that is here, positional arguments bind in its order.
    @Test func positionsComeInTheModulesOrder() throws {
        for reference in module.cmdlets where reference.name != "Wait-VM" {
            guard let cmdlet = catalogue.cmdlet(named: reference.name) else { continue }
            for (name, positional) in reference.sets {
                guard cmdlet.parameterSets.contains(where: { $0.name == name }) else { continue }
                let ours = cmdlet.positionalParameters(in: name).filter { !$0.isOurs }.map(\.name).filter(positional.contains)
                let places = ours.compactMap { name in reference.parameters.first { $0.name == name }?.position }
                #expect(places == places.sorted(), "\(cmdlet.name), set \(name): \(ours)")
            }
        }
    }

    /// A name of the module that is not here says so, and what is.
    @Test func everyNameOfTheModuleIsKnown() throws {
        for reference in module.cmdlets {
            let isHere = catalogue.cmdlet(named: reference.name) != nil
            #expect(isHere != Catalogue.missingNames.contains(reference.name), "\(reference.name)")
            guard !isHere else { continue }
            let error = #expect(throws: ErrorRecord.self) { try catalogue.resolve(reference.name) }
            #expect(error?.identifier == "CommandNotFound")
            #expect(error?.message.contains(reference.name) == true)
            let near = (error?.recommendedAction ?? "").split(whereSeparator: { " ,.:".contains($0) }).filter { $0.contains("-") }
            #expect(!near.isEmpty, "\(reference.name)")
            for name in near { #expect(catalogue.cmdlet(named: String(name)) != nil, "\(reference.name): \(name)") }
        }
        #expect(Catalogue.missingNames.isSubset(of: module.cmdlets.map(\.name)))
    }

    /// What three or more repositories of scripts read is there under its name and with its type.
    @Test func propertiesThatScriptsReadAreThere() throws {
        for fields in ReferenceModule.table("object-properties.tsv", separator: "\t").dropFirst() {
            guard let count = Int(fields[3]), count >= 3, !["Count", "Length"].contains(fields[1]) else { continue }
            let place = "\(fields[0]).\(fields[1])"
            let type = ObjectType.known.first { $0.name == fields[0] }
            guard let property = type?.properties.first(where: { $0.name == fields[1] }) else {
                Issue.record("\(place) is missing")
                continue
            }
            #expect(fields[4] == "-" || Self.plain(property.type) == Self.plain(fields[4]), "\(place): \(property.type), not \(fields[4])")
        }
    }

    /// … and every object has it, with a value of that type.
    @Test func objectsHaveThePropertiesThatScriptsRead() throws {
        let context = TestContext()
        let disk = context.host.storePath + "-disk.vhdx"
        _ = try context.call("New-VHD", .word(disk), .positional(.integer(64 << 20)))
        _ = try context.call("New-VM", .word("web01"), .named("VHDPath", .string(disk)))
        _ = try context.call("Add-VMDvdDrive", .word("web01"))
        _ = try context.call("New-VMSwitch", .word("inside"), .named("SwitchType", .string("Private")))
        _ = try context.call("Connect-VMNetworkAdapter", .word("web01"), .named("SwitchName", .string("inside")))
        _ = try context.call("Checkpoint-VM", .word("web01"), .named("SnapshotName", .string("one")))
        let getters = [
            "VirtualMachine": "Get-VM", "VMSwitch": "Get-VMSwitch", "VirtualHardDisk": "Get-VHD", "HardDiskDrive": "Get-VMHardDiskDrive",
            "VMNetworkAdapter": "Get-VMNetworkAdapter", "VMIntegrationComponent": "Get-VMIntegrationService",
            "VMSnapshot": "Get-VMSnapshot",
            "VMFirmware": "Get-VMFirmware", "DvdDrive": "Get-VMDvdDrive", "VMHost": "Get-VMHost", "VMMemory": "Get-VMMemory",
            "VMProcessor": "Get-VMProcessor", "VMNetworkAdapterVlanSetting": "Get-VMNetworkAdapterVlan",
            "VMScsiController": "Get-VMScsiController",
        ]
        let targets = ["Get-VMSwitch": "inside", "Get-VHD": disk, "Get-VMHost": ""]
        var objects: [String: Value] = [:]
        for (type, getter) in getters {
            let target = targets[getter] ?? "web01"
            let call = CommandCall(getter, target.isEmpty ? [] : [.word(target)])
            let found = try Pipeline.run([call], context: context).values.first
            let object: Value = try #require(found, "\(type)")
            objects[type] = object
        }
        for fields in ReferenceModule.table("object-properties.tsv", separator: "\t").dropFirst() {
            guard let count = Int(fields[3]), count >= 3, !["Count", "Length"].contains(fields[1]) else { continue }
            let place = "\(fields[0]).\(fields[1])"
            guard let object = objects[fields[0]], case .object(let live) = object else {
                Issue.record("\(fields[0]) is not looked at")
                continue
            }
            let value = try #require(try live.snapshot()[fields[1]], "\(place)")
            #expect(try PropertyReader.property(fields[1], of: object) != nil, "\(place)")
            #expect(Self.isOf(fields[4], value), "\(place): \(value.shown) is no \(fields[4])")
        }
    }

    /// Whether a value is of the module's type as scripts see it; what may be missing is null.
    private static func isOf(_ type: String, _ value: Value) -> Bool {
        let isList = type.hasSuffix("[]") || type.hasPrefix("List<")
        return switch (plain(type), value) {
        case (_, .list(let values)): isList && values.allSatisfy { isOf(plain(type), $0) }
        case (_, .null): true
        case ("Boolean", .boolean), ("TimeSpan", .duration), ("DateTime", .time), ("Int32", .integer), ("Int64", .integer): true
        case ("UInt32", .integer), ("UInt64", .integer), ("-", _): true
        case ("Boolean", _), ("TimeSpan", _), ("DateTime", _), ("Int32", _), ("Int64", _), ("UInt32", _), ("UInt64", _): false
        case (_, .string), (_, .object), (_, .record): true
        default: false
        }
    }

    /// The type's name without what says that it is a list or may be missing.
    private static func plain(_ type: String) -> String {
        var name = type.replacing("?", with: "").replacing("[]", with: "")
        if let open = name.firstIndex(of: "<") { name = String(name[name.index(after: open)...].dropLast()) }
        return name
    }
}

extension Parameter {
    fileprivate var pipelineWords: [String] {
        (pipeline.contains(.byValue) ? ["ByValue"] : []) + (pipeline.contains(.byPropertyName) ? ["ByPropertyName"] : [])
    }

    /// What is refused anyway need not bind from the pipeline.
    fileprivate var isNeverBound: Bool { if case .refused = effect { true } else { false } }
}
