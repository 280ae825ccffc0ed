/// Something that a command would do to files, for -WhatIf.
public enum FileStep: Equatable, Sendable {
    /// A new file; nil bytes: it grows with what is written from then on.
    case write(String, bytes: UInt64?)
    case copy(String, to: String, bytes: UInt64)
    case merge(String, into: String, bytes: UInt64)
    case delete(String, bytes: UInt64)
    /// What happens beside files.
    case remark(String)
}
