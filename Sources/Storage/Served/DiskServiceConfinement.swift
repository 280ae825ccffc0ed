import CHost

/// What a disk's service may still do once it has begun.
package enum DiskServiceConfinement {
    /// Names of the system calls that pass its filter.
    package static var allowedCalls: [String] {
        var names: [String] = []
        while let name = lv_disk_service_call(Int32(names.count)) { names.append(String(cString: name)) }
        return names
    }
}
