/// Lines of each module of Sources that are neither blank nor comments alone. Scripts/generate writes this file; a test looks whether it is
/// still about right.
enum ModuleLines {
    static let counts: [String: Int] = [
        "Basics": 382,
        "Boot": 801,
        "CEdit": 66,
        "CHost": 1545,
        "CLua": 1177,
        "CLuaSystem": 3,
        "CRegex": 2,
        "CSlirp": 2,
        "Cmdlets": 17895,
        "DeviceModel": 842,
        "Devices": 1168,
        "DiskHost": 870,
        "HypervisorCore": 2616,
        "Management": 6291,
        "Network": 2349,
        "Persistence": 2759,
        "Processor": 12916,
        "Services": 5609,
        "Shell": 7095,
        "Storage": 6818,
        "SwitchHost": 452,
        "VMBus": 1785,
        "Worker": 6561,
        "WorkerProtocol": 984,
        "lunavisor": 381,
    ]
}
