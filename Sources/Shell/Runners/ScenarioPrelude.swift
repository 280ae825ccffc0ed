/// The vocabulary of scenarios in Lua, after the manner of `busted`: a file declares a tree, `run` walks it.
enum ScenarioPrelude {
    /// A chunk that takes (report, unguarded pcall, mask, unwinding) and returns the function that runs the cases. Ctrl-C ends the case
    /// that runs, lets its `finally`, `after_each` and the teardowns run, and begins no other.
    static let text = #"""
        local report, guarded_call, mask, unwinding = ...
        local assert_library_good, assert_library = pcall(require, "luassert")
        if not assert_library_good then
            error("scenarios need Debian's package lua-luassert (sudo apt-get install lua-luassert)", 0)
        end
        assert = assert_library

        local function group(name, parent)
            return { name = name, parent = parent, entries = {}, before = {}, after = {}, setup = {}, teardown = {} }
        end
        local root = group(nil, nil)
        local current, finalizers, running = root, nil, false

        local function needs_text(word, name)
            if type(name) ~= "string" or name == "" then error(word .. " needs a name", 3) end
        end
        local function needs_body(word, body)
            if type(body) ~= "function" then error(word .. " needs a function", 3) end
        end
        local function outside(word) if running then error(word .. " cannot stand inside a case", 3) end end

        function describe(name, body)
            outside("describe"); needs_text("describe", name); needs_body("describe", body)
            local inner = group(name, current)
            current.entries[#current.entries + 1] = inner
            local outer = current
            current = inner
            local good, problem = pcall(body)
            current = outer
            if not good then error(problem, 0) end
        end
        context = describe
        function it(name, body)
            outside("it"); needs_text("it", name); needs_body("it", body)
            current.entries[#current.entries + 1] = { name = name, body = body, case = true }
        end
        spec, test = it, it
        function pending(reason, why)
            if running then
                if type(reason) ~= "string" or reason == "" then error("pending needs a reason", 2) end
                error({ pending = reason }, 0)
            end
            needs_text("pending", reason)
            local text = type(why) == "string" and why or nil
            if not text and type(why) ~= "function" and why ~= nil then error("pending takes a name and a reason", 2) end
            current.entries[#current.entries + 1] = { name = reason, case = true, pending = text or reason }
        end
        local function hook(word, list)
            _G[word] = function(body)
                outside(word); needs_body(word, body)
                current[list][#current[list] + 1] = body
            end
        end
        hook("setup", "setup"); hook("teardown", "teardown"); hook("before_each", "before"); hook("after_each", "after")
        function finally(body)
            needs_body("finally", body)
            if not finalizers then error("finally stands inside a case", 2) end
            finalizers[#finalizers + 1] = body
        end

        local function path_of(entry, parent)
            local names = { entry.name }
            while parent and parent.name do
                table.insert(names, 1, parent.name)
                parent = parent.parent
            end
            return table.concat(names, " ")
        end
        local function each_outward(from, list, call)
            if from.parent then each_outward(from.parent, list, call) end
            for _, body in ipairs(from[list]) do call(body) end
        end
        local function each_inward(from, list, call)
            for place = #from[list], 1, -1 do call(from[list][place]) end
            if from.parent then each_inward(from.parent, list, call) end
        end
        local stopped = false
        local function run_case(entry, parent)
            local name = path_of(entry, parent)
            if entry.pending then return report("pending", name, entry.pending) end
            report("start", name)
            finalizers = {}
            running = true
            local good, problem = guarded_call(function()
                each_outward(parent, "before", function(body) body() end)
                entry.body()
            end)
            local function clean(body)
                local fine, trouble = guarded_call(body)
                if not fine and good then good, problem = false, trouble end
            end
            mask(1)
            for place = #finalizers, 1, -1 do clean(finalizers[place]) end
            each_inward(parent, "after", clean)
            mask(-1)
            running, finalizers = false, nil
            if unwinding() then return end
            if good then
                report("pass", name)
            elseif type(problem) == "table" and problem.pending then
                report("pending", name, problem.pending)
            else
                report("fail", name, problem)
            end
        end
        local function run_group(node)
            local good, problem = guarded_call(function() for _, body in ipairs(node.setup) do body() end end)
            if good then
                for _, entry in ipairs(node.entries) do
                    if unwinding() or report("stopped") then break end
                    if entry.case then run_case(entry, node) else run_group(entry) end
                end
            elseif not unwinding() then
                report("fail", (node.name and path_of(node, node.parent) or "file") .. ": setup", problem)
            end
            mask(1)
            for place = #node.teardown, 1, -1 do
                local fine, trouble = guarded_call(node.teardown[place])
                if not fine then report("fail", (node.name and path_of(node, node.parent) or "file") .. ": teardown", trouble) end
            end
            mask(-1)
        end
        return function()
            run_group(root)
            if unwinding() then error("interrupted", 0) end
        end
        """#
}
