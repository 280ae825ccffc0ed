import Basics

/// The images under a VM's disks as a tree, and what is to be done so that only those are left that a checkpoint or the present needs.
///
/// An image that nothing needs goes when no image stands on it; when exactly one does, that one's content is written into it and takes its
/// place. With two or more it stays until there are fewer. What is to be done follows from the document alone, so work that was cut off is
/// found again.
public struct ImageTree: Sendable {
    public enum Step: Equatable, Sendable {
        /// Nothing stands on the image and nobody needs it.
        case remove(VirtualMachineConfiguration.Image)
        /// `child` is written into the image at `parent`; the images at `grandchildren` stand on `parent` afterwards. Then nobody needs
        /// `child`, and the next step removes it.
        case merge(child: VirtualMachineConfiguration.Image, parent: String, grandchildren: [String])
    }

    private let images: [VirtualMachineConfiguration.Image]
    /// By their parents' paths; and all by their own.
    private let children: [String: [VirtualMachineConfiguration.Image]]
    private let byPath: [String: VirtualMachineConfiguration.Image]
    private let needed: Set<String>
    private let shared: Set<String>
    /// The image whose merge has begun.
    private let merging: String?

    public init(_ configuration: VirtualMachineConfiguration) {
        images = configuration.past?.images ?? []
        children = Dictionary(grouping: images) { $0.parent }
        byPath = Dictionary(images.map { ($0.path, $0) }) { first, _ in first }
        shared = Set((configuration.past?.shared ?? []) + (configuration.past?.detached ?? []))
        merging = configuration.past?.merging
        let drives = configuration.drives + configuration.checkpoints.flatMap(\.configuration.drives)
        needed = shared.union(configuration.past?.borrowed ?? []).union(drives.compactMap(\.drive.path))
    }

    /// The next thing to do; nil: the tree is as it should be. Images that can go come first, then a merge that was cut off, then others,
    /// those nearest the root first, because then nothing is copied twice.
    public var nextStep: Step? {
        for image in images where !needed.contains(image.path) && children(of: image.path).isEmpty { return .remove(image) }
        if let merging, let image = byPath[merging] {
            return shared.contains(merging) ? nil : merge(of: image)
        }
        let merges = images.compactMap { image -> (depth: Int, step: Step)? in
            guard !needed.contains(image.parent), !shared.contains(image.path), children(of: image.parent).count == 1,
                let depth = depth(of: image)
            else { return nil }
            return (depth, merge(of: image))
        }
        return merges.min { $0.depth < $1.depth }?.step
    }

    /// All steps from here on.
    public static func plan(for configuration: VirtualMachineConfiguration) -> [Step] {
        var (steps, configuration) = ([Step](), configuration)
        while let step = ImageTree(configuration).nextStep {
            steps.append(step)
            configuration.complete(step)
        }
        return steps
    }

    private func merge(of image: VirtualMachineConfiguration.Image) -> Step {
        .merge(child: image, parent: image.parent, grandchildren: children(of: image.path).map(\.path))
    }

    private func children(of path: String) -> [VirtualMachineConfiguration.Image] { children[path] ?? [] }

    /// Images between `image` and the user's own; nil: they stand on each other in a circle.
    private func depth(of image: VirtualMachineConfiguration.Image) -> Int? {
        var (path, depth) = (image.parent, 0)
        while let next = byPath[path] {
            (path, depth) = (next.parent, depth + 1)
            guard depth <= images.count else { return nil }
        }
        return depth
    }
}

extension VirtualMachineConfiguration {
    /// What the document says once a step is done. A merge is written down before its child's file goes, a removal behind it, so that no file
    /// is left that no document names.
    public mutating func complete(_ step: ImageTree.Step) {
        guard var past else { return }
        switch step {
        case .remove(let image):
            past.images.removeAll { $0.path == image.path }
            if past.merging == image.path { past.merging = nil }
        case .merge(let child, let parent, _):
            if past.merging == child.path { past.merging = nil }
            for index in past.images.indices where past.images[index].parent == child.path { past.images[index].parent = parent }
            for index in past.checkpoints.indices { past.checkpoints[index].configuration.redirectDrives(from: child.path, to: parent) }
            redirectDrives(from: child.path, to: parent)
        }
        self.past = past.isEmpty ? nil : past
    }

    /// Lets drives that have the image at `old` have the one at `new`.
    public mutating func redirectDrives(from old: String, to new: String) {
        var controllers = controllers
        var isChanged = false
        for number in controllers.indices {
            for index in controllers[number].drives.indices where controllers[number].drives[index].path == old {
                controllers[number].drives[index].path = new
                isChanged = true
            }
        }
        if isChanged { self.controllers = controllers }
    }
}

extension VirtualMachineConfiguration {
    /// Parents outside their images' folders that the user named for any of the drives, now or at a checkpoint.
    package var allowedParents: [String] {
        Array(Set((drives + checkpoints.flatMap(\.configuration.drives)).flatMap { $0.drive.allowedParents ?? [] })).sorted()
    }
}
