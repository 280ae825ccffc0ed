extension FuzzTarget {
    static let busTargets = [vmbusMessages, rings, busState]
}
