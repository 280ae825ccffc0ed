import CHost

/// Names of the system's users.
enum UserNames {
    static func name(of user: UInt32) -> String {
        var name = [CChar](repeating: 0, count: 64)
        guard lv_user_name(user, &name, name.count) == 0 else { return "user \(user)" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
