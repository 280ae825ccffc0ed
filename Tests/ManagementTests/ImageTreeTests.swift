import Basics
import Persistence
import Testing

/// The plan that keeps a tree of images small, against a model in which an image is what it holds.
@Suite struct ImageTreeTests {
    private struct Random: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 33
        }
    }

    /// Files by path: the blocks that each holds itself.
    private struct Files {
        var content: [String: [Int: Int]] = ["/d/disk.vhdx": [:]]
        var parents: [String: String] = [:]

        func read(_ path: String) -> [Int: Int] {
            var result = content[path] ?? [:]
            if let parent = parents[path] { result.merge(read(parent)) { own, _ in own } }
            return result
        }

        mutating func carryOut(_ step: ImageTree.Step) {
            switch step {
            case .remove(let image): (content[image.path], parents[image.path]) = (nil, nil)
            case .merge(let child, let parent, let grandchildren):
                #expect(parents.values.filter { $0 == parent }.count == 1, "\(parent) has other children")
                let upper = content[child.path] ?? [:]
                content[parent]?.merge(upper) { $1 }
                for grandchild in grandchildren { parents[grandchild] = parent }
            }
        }
    }

    private func machine() -> VirtualMachineConfiguration {
        var configuration = VirtualMachineConfiguration(id: GUID(), name: "m", creationTime: 0)
        var controller = VirtualMachineConfiguration.SCSIController(id: GUID())
        controller.drives = [.init(kind: .hardDisk, location: 0, path: "/d/disk.vhdx", format: "VHDX")]
        configuration.controllers = [controller]
        return configuration
    }

    @Test("whatever is made, applied and removed, every checkpoint and the present keep what they hold", arguments: 1...20)
    func model(seed: Int) throws {
        var random = Random(state: UInt64(seed))
        var (configuration, files) = (machine(), Files())
        var expected: [GUID?: [Int: Int]] = [nil: [:]]
        func path(_ configuration: VirtualMachineConfiguration) -> String { configuration.drives[0].drive.path ?? "" }
        for value in 0..<300 {
            let present = path(configuration)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4:
                let block = Int.random(in: 0..<20, using: &random)
                files.content[present]?[block] = value
                expected[nil]?[block] = value
            case 4..<6:
                let id = GUID()
                let forks = try configuration.forks(of: configuration, id: id)
                let kept = configuration.withoutPast
                configuration.announce(forks)
                configuration.follow(forks)
                configuration.add(
                    .init(
                        id: id, name: "c", parentId: configuration.past?.current, creationTime: 0, kind: .standard, configuration: kept))
                for fork in forks { (files.content[fork.image.path], files.parents[fork.image.path]) = ([:], fork.image.parent) }
                expected[id] = expected[nil]
            case 6..<8:
                guard let chosen = configuration.checkpoints.randomElement(using: &random) else { continue }
                let forks = try configuration.forks(of: chosen.configuration, id: GUID())
                configuration.announce(forks)
                let past = configuration.past
                configuration = chosen.configuration
                configuration.past = past
                configuration.follow(forks)
                configuration.past?.current = chosen.id
                for fork in forks { (files.content[fork.image.path], files.parents[fork.image.path]) = ([:], fork.image.parent) }
                expected[nil] = expected[chosen.id]
            default:
                guard let chosen = configuration.checkpoints.randomElement(using: &random) else { continue }
                let gone = Bool.random(using: &random) ? configuration.subtree(of: chosen.id).map(\.id) : [chosen.id]
                configuration.removeCheckpoints(Set(gone))
                for id in gone { expected[id] = nil }
            }
            while let step = ImageTree(configuration).nextStep {
                files.carryOut(step)
                configuration.complete(step)
            }
            #expect(files.read(path(configuration)) == expected[nil])
            for checkpoint in configuration.checkpoints {
                #expect(files.read(path(checkpoint.configuration)) == expected[checkpoint.id], "\(checkpoint.id)")
            }
            // Nothing is left that nobody refers to, and nothing is referred to that is gone.
            let images = Set(configuration.past?.images.map(\.path) ?? [])
            #expect(images == Set(files.content.keys).subtracting(["/d/disk.vhdx"]))
            for image in configuration.past?.images ?? [] { #expect(files.parents[image.path] == image.parent) }
        }
        configuration.removeCheckpoints(Set(configuration.checkpoints.map(\.id)))
        while let step = ImageTree(configuration).nextStep {
            files.carryOut(step)
            configuration.complete(step)
        }
        // Without checkpoints the disk is the user's own image again.
        #expect(configuration.past == nil && path(configuration) == "/d/disk.vhdx" && files.read("/d/disk.vhdx") == expected[nil])
    }

    @Test("images that others stand on are neither written nor deleted nor moved")
    func shared() throws {
        var configuration = machine()
        for name in ["a", "b"] {
            let forks = try configuration.forks(of: configuration, id: GUID())
            let kept = configuration.withoutPast
            configuration.announce(forks)
            configuration.follow(forks)
            configuration.add(
                .init(
                    id: GUID(), name: name, parentId: configuration.past?.current, creationTime: 0, kind: .standard, configuration: kept))
        }
        let second = try #require(configuration.checkpoints[1].configuration.drives[0].drive.path)
        configuration.past?.shared = [second]
        configuration.removeCheckpoints([configuration.checkpoints[0].id])
        #expect(ImageTree.plan(for: configuration).isEmpty)
        configuration.past?.shared = nil
        // Merged, then removed.
        #expect(ImageTree.plan(for: configuration).count == 2)
    }

    @Test("a merge that has begun is ended before any other, also when more checkpoints are gone meanwhile")
    func begunMerge() throws {
        var configuration = machine()
        for name in ["a", "b", "c"] {
            let forks = try configuration.forks(of: configuration, id: GUID())
            let kept = configuration.withoutPast
            configuration.announce(forks)
            configuration.follow(forks)
            configuration.add(
                .init(
                    id: GUID(), name: name, parentId: configuration.past?.current, creationTime: 0, kind: .standard, configuration: kept))
        }
        let ids = configuration.checkpoints.map(\.id)
        configuration.removeCheckpoints([ids[1]])
        guard case .merge(let child, _, let grandchildren) = try #require(ImageTree(configuration).nextStep) else { return }
        // Images on the child may name its parent already when the merge is cut off.
        configuration.past?.merging = child.path
        configuration.removeCheckpoints(Set(ids))
        guard case .merge(let next, _, let above) = try #require(ImageTree(configuration).nextStep) else {
            Issue.record("the merge that has begun is not the next step")
            return
        }
        #expect(next == child && above == grandchildren)
        while let step = ImageTree(configuration).nextStep { configuration.complete(step) }
        #expect(configuration.past == nil && configuration.drives[0].drive.path == "/d/disk.vhdx")
    }

    @Test("a document whose checkpoints or images go in circles plans nothing and ends")
    func circles() {
        var configuration = machine()
        var past = VirtualMachineConfiguration.Past()
        let (a, b) = (GUID(), GUID())
        for (id, parent) in [(a, b), (b, a)] {
            past.checkpoints.append(
                .init(id: id, name: "x", parentId: parent, creationTime: 0, kind: .standard, configuration: configuration.withoutPast))
        }
        past.images = [
            .init(path: "/d/1.avhdx", format: "VHDX", parent: "/d/2.avhdx"),
            .init(path: "/d/2.avhdx", format: "VHDX", parent: "/d/1.avhdx"),
        ]
        configuration.past = past
        #expect(ImageTree.plan(for: configuration).isEmpty)
        #expect(configuration.subtree(of: a).count == 2)
        configuration.removeCheckpoints([a, b])
        #expect(configuration.checkpoints.isEmpty)
    }
}
