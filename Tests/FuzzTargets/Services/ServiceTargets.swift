extension FuzzTarget {
    static let serviceTargets = [dynamicMemory, keyboard, sockets, storage, serviceStates]
}
