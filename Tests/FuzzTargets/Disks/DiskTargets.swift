extension FuzzTarget {
    static let diskTargets = [vhdx, vhdxStructures, vhd, partitionTables, nbd]
}
