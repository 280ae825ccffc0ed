import CHost

/// The specialised handler of an instruction, or nil: the trampoline.
func hotHandler(_ op: UnsafeMutablePointer<lv_uop>, _ operation: Operation) -> UnsafeRawPointer? { nil }

/// The handler of `previous` fused with the Jcc behind it, or nil.
func fusedHandler(_ previous: UnsafeMutablePointer<lv_uop>, condition: Int) -> UnsafeRawPointer? { nil }
