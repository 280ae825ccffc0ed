/// Lines of each module of Sources that are neither blank nor comments alone. Scripts/generate writes this file; a test looks whether it is
/// still about right.
enum ModuleLines {
    static let counts: [String: Int] = [
        "Basics": 379,
        "Boot": 795,
        "CEdit": 66,
        "CHost": 1458,
        "CLua": 1177,
        "CLuaSystem": 3,
        "CRegex": 2,
        "CSlirp": 2,
        "Cmdlets": 17507,
        "DeviceModel": 842,
        "Devices": 693,
        "DiskHost": 866,
        "HypervisorCore": 2594,
        "Management": 5923,
        "Network": 2349,
        "Persistence": 2774,
        "Processor": 12830,
        "Services": 5609,
        "Shell": 7091,
        "Storage": 6178,
        "SwitchHost": 452,
        "VMBus": 1785,
        "Worker": 6211,
        "WorkerProtocol": 879,
        "lunavisor": 304,
    ]
}
