extension FuzzTarget {
    static let controlTargets = [controlFrames, controlRequests, configurations, storedFiles]
}
