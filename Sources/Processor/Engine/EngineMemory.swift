import Basics

#if canImport(Glibc)
    import Glibc
#endif

/// Zeroed address space for an engine's tables, of which untouched parts cost nothing. To be given back with `munmap`.
package func reserveEngineMemory(bytes: Int) throws(EngineMemoryError) -> UnsafeMutableRawPointer {
    guard let pointer = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), pointer != MAP_FAILED
    else {
        throw EngineMemoryError(bytes: bytes, errno: errno)
    }
    return pointer
}

/// The host refuses an engine its tables.
package struct EngineMemoryError: DescribedError, CustomStringConvertible {
    /// What was asked for, and the host's errno.
    package let bytes: Int
    package let errno: Int32

    package var identifier: String { "EngineMemory" }
    package var category: ErrorCategory { .resourceUnavailable }
    package var message: String { "The host refuses \(bytes) bytes of address space for the processors' decoded code (error \(errno))." }
    package var description: String { message }
    package var recommendedAction: String? { "Raise the host's limit on address space, or give the VM less memory or fewer processors." }
}
