import Basics
import CHost
import Glibc
import Storage
import Testing

/// Work on chains of images that no machine has open.
@Suite struct DiskChainOperationsTests {
    let fixture: LiveFixture
    var folder: DiskFolder { fixture.folder }
    var work: DiskOperations { fixture.work }
    init() throws { fixture = try LiveFixture() }

    private func child(_ name: String, on parent: String) throws {
        var specification = DiskSpecification(path: folder(name), kind: .differencing)
        specification.parentPath = folder(parent)
        try work.create(specification)
    }

    @discardableResult private func fill(_ name: String, _ seed: UInt64) throws -> [UInt8] {
        let disk = try DiskChain.resolve(path: folder(name), format: try #require(DiskFormat.of(fileName: name))).disk()
        let guest = GuestLoad(disk, model: try disk.read(at: 0, count: Int(disk.size)), seed: seed)
        guest.run(40)
        try disk.close()
        return guest.model
    }

    @Test func theStructuresOfADiskWithoutParentAreReadOnceMoreForItsChain() throws {
        try fixture.create("base.vhdx")
        func calls(_ look: () throws -> Void) throws -> UInt64 {
            _ = lv_disk_take_calls()
            try look()
            return lv_disk_take_calls()
        }
        let once = try calls { _ = try work.information(folder("base.vhdx")) }
        #expect(try calls { _ = try work.chain(of: folder("base.vhdx")) } <= 2 * once)
    }

    @Test(arguments: ["vhdx", "vhd"]) func aMiddleImageGoesIntoItsParent(format: String) throws {
        let (base, k, left, right) = ("base.\(format)", "k.a\(format)", "left.a\(format)", "right.a\(format)")
        try fixture.create(base)
        try fill(base, 1)
        try child(k, on: base)
        let atK = try fill(k, 2)
        try child(left, on: k)
        try child(right, on: k)
        let (atLeft, atRight) = (try fill(left, 3), try fill(right, 4))
        // A stranger among the children is refused before anything happens.
        try fixture.create("stranger.\(format)")
        try child("other.a\(format)", on: "stranger.\(format)")
        let failure = #expect(throws: DiskOpenError.self) {
            try work.mergeStep(folder(k), children: [folder(left), folder("other.a\(format)")])
        }
        #expect(failure?.code == .parentMismatch)
        #expect(failure?.message.contains("other.a\(format)") == true && failure?.message.contains("k.a\(format)") == true)
        // Stopped in the middle, then after everything, then done again.
        #expect(throws: DiskOperationError.self) {
            try DiskOperations(progress: { $0 < 0.4 }).mergeStep(folder(k), children: [folder(left), folder(right)])
        }
        struct Refusal: Error {}
        #expect(throws: Refusal.self) { try work.mergeStep(folder(k), children: [folder(left), folder(right)]) { _ in throw Refusal() } }
        for (name, content) in [(k, atK), (left, atLeft), (right, atRight)] { #expect(try fixture.content(name) == content, "\(name)") }
        let parent = try work.mergeStep(folder(k), children: [folder(left), folder(right)]) { #expect($0 == folder(base)) }
        #expect(parent == folder(base))
        unlink(folder(k))
        for (name, content) in [(base, atK), (left, atLeft), (right, atRight)] {
            #expect(try fixture.content(name) == content, "\(name)")
            #expect(try work.problems(folder(name)) == [])
        }
        #expect(throws: DiskOperationError.self) { try work.mergeStep(folder(base)) }
    }

    @Test(arguments: ["vhdx", "vhd"]) func aChainIsDescribed(format: String) throws {
        let names = ["c.a\(format)", "b.a\(format)", "a.\(format)"]
        try fixture.create(names[2])
        try child(names[1], on: names[2])
        try child(names[0], on: names[1])
        let found = try work.chain(of: folder(names[0]))
        #expect(found.map(\.path) == names.map { folder($0) })
        #expect(found.map(\.kind) == [.differencing, .differencing, .dynamic])
        #expect(found.map(\.parentPath) == [folder(names[1]), folder(names[2]), nil])
        // A machine that runs on it, and one that is merging into it, hide nothing.
        let disk = try fixture.open(names[0])
        #expect(try work.chain(of: folder(names[0])).map(\.isAttached) == [true, false, false])
        let guest = GuestLoad(disk, model: [UInt8](repeating: 0, count: Int(LiveFixture.size)), seed: 5)
        guest.run(30)
        try disk.merge(folder(names[1])) {
            let meanwhile = try work.chain(of: folder(names[0]))
            #expect(meanwhile.map(\.path) == [folder(names[0]), folder(names[2])])
        }
        try disk.close()
    }

    @Test(arguments: ["vhdx", "vhd"]) func everyImageIsLookedAtAndNamed(format: String) throws {
        let (a, b, c) = ("a.\(format)", "b.a\(format)", "c.a\(format)")
        try fixture.create(a)
        try child(b, on: a)
        try child(c, on: b)
        #expect(try work.problems(folder(c)) == [])
        // Lost.
        rename(folder(a), folder("gone"))
        var problems = try work.problems(folder(c))
        #expect(problems.count == 1 && problems[0].contains(folder(b)) && problems[0].contains(a), "\(problems)")
        let failure = #expect(throws: DiskOpenError.self) { try work.chain(of: folder(c)) }
        #expect(failure?.code == .parentMissing && failure?.message.contains(folder(b)) == true)
        rename(folder("gone"), folder(a))
        // Changed behind the child's back: a VHDX notices by a write, a VHD by another identity.
        if format == "vhdx" { try fill(a, 1) } else { try work.resetIdentifier(folder(a)) }
        problems = try work.problems(folder(c))
        #expect(problems.count == 1 && problems[0].contains(folder(b)) && problems[0].contains(folder(a)), "\(problems)")
        // A loop.
        try work.setParent(folder(b), to: folder(a), ignoringIdentifier: true)
        #expect(try work.problems(folder(c)) == [])
        unlink(folder(a))
        rename(folder(c), folder(a))
        problems = try work.problems(folder(a))
        #expect(problems.count == 1 && problems[0].contains(folder(a)), "\(problems)")
    }

    @Test(arguments: ["vhdx", "vhd"]) func aParentCanBeCompacted(format: String) throws {
        let (a, b, c) = ("a.\(format)", "b.a\(format)", "c.a\(format)")
        try fixture.create(a)
        try fill(a, 1)
        try child(b, on: a)
        try fill(b, 2)
        try child(c, on: b)
        let content = try fill(c, 3)
        for name in [a, b, c] {
            try work.compact(folder(name))
            #expect(try fixture.content(c) == content)
            #expect(try work.problems(folder(c)) == [])
        }
        let disk = try fixture.open(c)
        for name in [a, b, c] {
            let failure = #expect(throws: DiskOpenError.self) { try work.compact(folder(name)) }
            #expect(failure?.code == .inUse)
        }
        try disk.close()
    }
}
