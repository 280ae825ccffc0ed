/// Lines of each module of Sources that are neither blank nor comments alone. Scripts/generate writes this file; a test looks whether it is
/// still about right.
enum ModuleLines {
    static let counts: [String: Int] = [
        "Basics": 424,
        "Boot": 801,
        "CEdit": 66,
        "CHost": 1566,
        "CLua": 1177,
        "CLuaSystem": 3,
        "CRegex": 2,
        "CSlirp": 2,
        "Cmdlets": 17871,
        "DeviceModel": 857,
        "Devices": 1168,
        "DiskHost": 870,
        "HypervisorCore": 2616,
        "Management": 6308,
        "Network": 2349,
        "Persistence": 2793,
        "Processor": 12923,
        "Services": 5735,
        "Shell": 7095,
        "Storage": 7225,
        "SwitchHost": 452,
        "VMBus": 1785,
        "Worker": 6624,
        "WorkerProtocol": 986,
        "lunavisor": 381,
    ]
}
