import Foundation
import TestSupport
import Testing

/// Debian's lua5.4 and our runner agree on ordinary programs.
@Suite(
    "Plain Lua", .serialized, .enabled(if: BuiltShell.executable != nil, "lunavisor is not built"),
    .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/lua5.4"), "lua5.4 is not installed"))
struct PlainLuaTests {
    private static let lua = "/usr/bin/lua5.4"

    private static let programs: [String] = [
        "print(1, 1.0, -0.0, 1e100, 2^53, 10 // 3, -10 % 3, 7 / 2, 0x10, 1 << 62, ~0, 3 | 4)",
        "print(#'abc', 'a' .. 1 .. 2.5, ('x'):rep(3, ','), ('%5.2f|%d|%q'):format(3.14159, 42, 'a\\nb'))",
        "for i = 10, 1, -3 do io.write(i, ' ') end print()",
        "local t = setmetatable({}, {__index = function(_, k) return k * 2 end, __call = function(_, a) return a + 1 end}) print(t[21], t(1))",
        "print(pcall(error, 'x')) print(type(select(2, pcall(error, {1})))) print(select('#', pcall(error)))",
        "print(select(2, pcall(function() local x = nil; return x.y end)))",
        "print(select(2, pcall(function() error('with place') end)))",
        "local co = coroutine.wrap(function(a) local b = coroutine.yield(a + 1) coroutine.yield(b * 2) end) print(co(1), co(10))",
        "print(string.gsub('hello world', '(%w+)', '<%1>')) print(('key = value'):match('^(%w+)%s*=%s*(%w+)$'))",
        "local t = {5, 3, 1, 4} table.sort(t) print(table.concat(t, ',')) print(table.unpack(t, 2, 3)) print(#table.pack(1, nil, 3))",
        "goto skip print('no') ::skip:: print('yes')",
        "do local x <close> = setmetatable({}, {__close = function() print('closed') end}) print('open') end",
        "print(load('return 1 + 1')()) print(load('x = ')) print(type(load(function() return nil end)), select('#', load('')))",
        "print(math.type(1), math.type(1.0), math.tointeger(3.0), math.maxinteger // -1, math.ult(1, -1))",
        "print(utf8.char(228, 8364), utf8.len('äö'), #utf8.charpattern) for p, c in utf8.codes('aé') do io.write(p, ':', c, ' ') end print()",
        "print(os.time{year=2020, month=1, day=1, hour=12}, os.date('!%Y', 0), type(os.clock()))",
        "local a <const>, b = 1, 2 print(a, b, _VERSION, _G._G == _G)",
        "print(string.pack('<i4', 7):byte(1, -1)) print(string.unpack('z', 'ab\\0c'))",
        "print(rawequal('a', 'a'), rawlen{1, 2}, next({}), type(next), tostring(nil))",
        "local s = 0 for k, v in pairs{10, 20, 30} do s = s + k * v end print(s)",
        "print(xpcall(function() error('deep', 0) end, function(m) return m .. '!' end))",
        "print(#arg, arg[0] ~= nil, ...)",
        "print(tostring(1e15), 1e16, 123456789012345678, 0.1, 1/0, -1/0, 100000000000000000000)",
        "local function f(...) return select('#', ...), ... end print((f(1, nil))) print(f(nil, nil))",
        "error('at the top')", "error({code = 2})", "local x = = 1", "os.exit(3)", "os.exit(true)", "print(1) error()",
        "print(debug.traceback('tb', 1):match('^tb\\nstack traceback:') ~= nil)",
        "print(require('string') == string, package.loaded.table == table, type(package.path))",
        "for w in ('one two'):gmatch('%a+') do io.write(w, ';') end print(('x'):byte(), ('%s'):format(true))",
    ]

    @Test("print writes bytes that are no UTF-8 as they are")
    func bytes() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let raw = shell.store.path + ".raw"
        defer { try? FileManager.default.removeItem(atPath: raw) }
        let executable = try #require(BuiltShell.executable)
        let line = "'\(executable)' --store '\(shell.store.path)' -c 'print(\"\\255\\0a\", \"\\xe4\")' > '\(raw)'"
        #expect(try ForeignProgram.run("/bin/sh", ["-c", line], within: 60).status == 0)
        #expect(try Data(contentsOf: URL(fileURLWithPath: raw)) == Data([255, 0, 97, 9, 0xe4, 10]))
    }

    @Test("The same output and exit code", arguments: programs.indices)
    func agrees(_ index: Int) throws {
        let program = Self.programs[index]
        let shell = try #require(BuiltShell.executable)
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("lunavisor-lua-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("p.lua").path
        try program.write(toFile: file, atomically: true, encoding: .utf8)
        let theirs = try ForeignProgram.run(Self.lua, [file], within: 60)
        let ours = try ForeignProgram.run(shell, ["--store", folder.path + "/store", file], within: 60)
        #expect(ours.output == theirs.output, "\(program)")
        #expect(ours.status == theirs.status, "\(program)")
    }
}
