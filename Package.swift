// swift-tools-version: 6.2
import PackageDescription

// The picture of who may import whom is in README.md ("The house"); Tests/LayoutTests reads every import against it.

/// A process that starts (every worker, every shell) reads JSON, and the compiler finds the types for that by their mangled names, for which
/// the runtime looks through all conformances of the program, once for each type: a tenth of a worker's start.
let metadataDirectly = SwiftSetting.unsafeFlags(
    ["-Xfrontend", "-disable-concrete-type-metadata-mangled-name-accessors"], .when(configuration: .release))

/// Modules whose hot loops are unusable without optimisation keep it in debug builds too.
let engineSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6), .treatAllWarnings(as: .error),
    .unsafeFlags(["-O", "-wmo", "-num-threads", "2"], .when(configuration: .debug)), metadataDirectly,
]
let houseSettings: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error), metadataDirectly]

func module(_ name: String, _ dependencies: [Target.Dependency] = [], engine: Bool = false) -> Target {
    .target(
        name: name, dependencies: dependencies, path: "Sources/\(name)",
        swiftSettings: engine ? engineSettings : houseSettings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency] = [], samples: [String] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: dependencies + ["TestSupport", "Basics", "CHost"],
        path: "Tests/\(name)Tests", exclude: samples, swiftSettings: houseSettings)
}

let package = Package(
    name: "lunavisor",
    products: [.executable(name: "lunavisor", targets: ["lunavisor"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    ],
    targets: [
        .executableTarget(
            name: "lunavisor",
            dependencies: [
                "Shell", "Cmdlets", "Management", "Worker", "SwitchHost", "DiskHost", "WorkerProtocol", "Persistence", "Basics",
                "CHost",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Sources/lunavisor",
            swiftSettings: houseSettings,
            // FoundationEssentials names its own parts only to a dynamic linker.
            // Nobody asks the executable for names; the static library's own settings would export 22,000.
            linkerSettings: [
                .unsafeFlags(
                    ["-static-stdlib", "-l_FoundationCollections", "-l_FoundationCShims", "-Xlinker", "--no-export-dynamic"],
                    .when(configuration: .release))
            ]),

        // The shell's wing.
        module("Shell", ["Cmdlets", "Management", "CLua", "CRegex", "CEdit", "Basics", "CHost"]),
        module("Cmdlets", ["Management", "WorkerProtocol", "Persistence", "Storage", "Basics", "CHost"]),
        module(
            "Management",
            ["WorkerProtocol", "Persistence", "Storage", "Basics", "CHost", .product(name: "Crypto", package: "swift-crypto")]),

        // The machine's wing.
        module(
            "Worker",
            [
                "WorkerProtocol", "Persistence", "Services", "VMBus", "Storage", "Network", "Boot", "HypervisorCore", "Processor",
                "Devices", "DeviceModel", "Basics", "CHost",
            ]),
        module("Services", ["VMBus", "Storage", "Network", "DeviceModel", "Basics", "CHost"]),
        module("VMBus", ["DeviceModel", "Basics", "CHost"]),
        module("Boot", ["DeviceModel", "Basics", "CHost"]),
        module("HypervisorCore", ["Processor", "DeviceModel", "Basics", "CHost"], engine: true),
        module("Processor", ["DeviceModel", "Basics", "CHost"], engine: true),
        module("Devices", ["DeviceModel", "Basics", "CHost"]),
        module("DeviceModel", ["Basics", "CHost"], engine: true),

        // A virtual switch's process.
        module("SwitchHost", ["Network", "WorkerProtocol", "Persistence", "Basics", "CHost"]),
        module("Network", ["CSlirp", "Basics", "CHost"]),

        // A mounted disk's process.
        module("DiskHost", ["WorkerProtocol", "Persistence", "Storage", "Basics", "CHost"]),

        // Where the two wings meet.
        module("WorkerProtocol", ["Basics", "CHost"]),
        module("Persistence", ["Basics", "CHost"]),
        module("Storage", ["Basics", "CHost"]),

        module("Basics", []),
        .target(name: "CHost", path: "Sources/CHost", cSettings: [.unsafeFlags(["-O2", "-Wall", "-Wextra", "-Werror"])]),
        .target(
            name: "CLua", dependencies: ["CLuaSystem"], path: "Sources/CLua", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        .systemLibrary(
            name: "CLuaSystem", path: "Sources/CLuaSystem", pkgConfig: "lua5.4",
            providers: [.apt(["liblua5.4-dev"])]),
        .systemLibrary(
            name: "CRegex", path: "Sources/CRegex", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
        .systemLibrary(
            name: "CEdit", path: "Sources/CEdit", pkgConfig: "libedit", providers: [.apt(["libedit-dev"])]),
        .systemLibrary(
            name: "CSlirp", path: "Sources/CSlirp", pkgConfig: "slirp", providers: [.apt(["libslirp-dev"])]),

        .target(name: "TestSupport", dependencies: ["Basics", "CHost"], path: "Tests/TestSupport", swiftSettings: houseSettings),
        .target(
            name: "VMBusTestSupport", dependencies: ["VMBus", "DeviceModel", "Basics", "CHost"], path: "Tests/VMBusTestSupport",
            swiftSettings: houseSettings),
        .target(
            name: "FuzzTargets",
            dependencies: [
                "Worker", "Services", "VMBus", "VMBusTestSupport", "Storage", "DiskHost", "Network", "WorkerProtocol", "Persistence",
                "Boot", "HypervisorCore", "Processor", "Devices", "DeviceModel", "Shell", "Cmdlets", "Management", "Basics", "CHost",
            ],
            path: "Tests/FuzzTargets", swiftSettings: houseSettings),
        tests("Layout"),
        tests("Basics"),
        .target(name: "CHostExecutor", path: "Tests/CHostExecutor", cSettings: [.unsafeFlags(["-O2", "-Wall", "-Wextra", "-Werror"])]),
        tests("Processor", ["Processor", "DeviceModel", "CHostExecutor"]),
        tests("HypervisorCore", ["HypervisorCore", "Processor", "DeviceModel"]),
        tests("Devices", ["Devices", "Boot", "DeviceModel"]),
        tests("Storage", ["Storage"]),
        tests("DiskHost", ["DiskHost", "Storage"]),
        tests("VMBus", ["VMBus", "VMBusTestSupport", "DeviceModel"]),
        tests("Services", ["Services", "VMBus", "VMBusTestSupport", "Storage", "Network", "DeviceModel"]),
        tests("Network", ["Network", "SwitchHost", "Persistence", "WorkerProtocol"]),
        tests(
            "Worker",
            [
                "Worker", "Services", "VMBus", "Storage", "Network", "WorkerProtocol", "Persistence", "HypervisorCore", "Processor",
                "Devices", "DeviceModel", "Boot",
            ]),
        tests("Management", ["Management", "WorkerProtocol", "Persistence", "Storage", "Worker"], samples: ["Samples"]),
        tests("Shell", ["Shell", "Cmdlets", "Management"], samples: ["Golden"]),
        tests("Cmdlets", ["Cmdlets", "Management"], samples: ["Reference"]),
        tests("EndToEnd"),
        tests("Fuzz", ["FuzzTargets", "Services", "VMBus", "Storage", "Network", "WorkerProtocol", "Persistence", "DeviceModel"]),
    ]
)

// Scripts/fuzz asks for it: libFuzzer, which it links, is there only with its compiler flags.
if Context.environment["LUNAVISOR_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(name: "fuzz", dependencies: ["FuzzTargets"], path: "Tests/FuzzRunner", swiftSettings: houseSettings))
}
