extension FuzzTarget {
    static let networkTargets = [networkAdapter, frames, portRing, portChannel]
}
