extension FuzzTarget {
    static let machineTargets = [hypercalls, bootFiles, savedMachines, ataChannel, ataStates]
}
