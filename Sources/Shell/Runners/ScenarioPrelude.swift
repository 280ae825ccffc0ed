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
        local getinfo, randomseed = debug.getinfo, math.randomseed
        local file, first_seed, is_list = report("file"), report("seed"), report("listing")

        local function group(name, parent)
            return { name = name, parent = parent, entries = {}, before = {}, after = {}, setup = {}, teardown = {} }
        end
        local root = group(nil, nil)
        local current, finalizers, running, preparing = root, nil, false, false

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
            if running or preparing then
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

        -- Calls body; of a failure also the line of this file that was running.
        local function call_body(body)
            local line
            local function note(problem)
                for level = 2, 80 do
                    local place = getinfo(level, "Sl")
                    if not place then break end
                    if place.source == file and place.currentline > 0 then
                        line = place.currentline
                        break
                    end
                end
                return problem
            end
            local good, problem = guarded_call(function()
                local fine, trouble = xpcall(body, note)
                if not fine then error(trouble, 0) end
            end)
            return good, problem, line
        end

        -- Fixtures: a machine that is made ready once, and of which each case gets a clone.
        local releases = {}
        local function prepare(name, body)
            local vm = body()
            if type(vm) ~= "userdata" then error("the function of the fixture “" .. name .. "” must return a virtual machine", 0) end
            local is_running = vm.State == "Running"
            Set_VM{ VM = vm, CheckpointType = "Standard" }
            local checkpoint = Checkpoint_VM{ VM = vm, SnapshotName = name, Passthru = true }
            if is_running then Stop_VM{ VM = vm, TurnOff = true, Force = true } end
            return { checkpoint = checkpoint, is_running = is_running }
        end
        function fixture(name, body)
            outside("fixture"); needs_text("fixture", name); needs_body("fixture", body)
            local ready, problem
            local count = 0
            return function()
                if not running then error("the machine of a fixture is taken inside a case", 2) end
                if problem ~= nil then error(problem, 0) end
                if not ready then
                    local good, result = pcall(prepare, name, body)
                    if not good then
                        problem = result
                        error(result, 0)
                    end
                    ready = result
                end
                count = count + 1
                local clone = New_VM{ Name = name .. "-" .. count, FromCheckpoint = ready.checkpoint }
                releases[#releases + 1] = function()
                    if clone.State ~= "Off" then Stop_VM{ VM = clone, TurnOff = true, Force = true } end
                    -- What the case attached is the case's; nothing is to be said of it.
                    for _, drive in ipairs(Get_VMHardDiskDrive(clone)) do pcall(Remove_VMHardDiskDrive, drive) end
                    Remove_VM{ VM = clone, Force = true }
                end
                if ready.is_running then Start_VM(clone) end
                return clone
            end
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
        -- What `pending` was told, where that is what ended a body.
        local function pending_reason(problem) return type(problem) == "table" and rawget(problem, "pending") or nil end
        local function run_case(entry, parent)
            local name = path_of(entry, parent)
            if not report("wanted", name) then return end
            if is_list then return report("list", name) end
            if entry.pending then return report("pending", name, entry.pending) end
            report("start", name)
            finalizers, releases = {}, {}
            running = true
            -- A case draws the same numbers whether it runs alone or with others.
            local mix = 0
            for place = 1, #name do mix = (mix * 31 + name:byte(place)) & 0x7fffffff end
            randomseed(first_seed, mix)
            local good, problem, line = call_body(function()
                each_outward(parent, "before", function(body) body() end)
                entry.body()
            end)
            local function is_pending() return not good and pending_reason(problem) ~= nil end
            if not good and not is_pending() then report("failing", name) end
            local function clean(body)
                local fine, trouble, place = call_body(body)
                if not fine and good then good, problem, line = false, trouble, place end
            end
            mask(1)
            for place = #finalizers, 1, -1 do clean(finalizers[place]) end
            each_inward(parent, "after", clean)
            for place = #releases, 1, -1 do clean(releases[place]) end
            mask(-1)
            running, finalizers = false, nil
            if unwinding() then return end
            if good then
                report("pass", name)
            elseif is_pending() then
                report("pending", name, pending_reason(problem))
            else
                report("fail", name, problem, line)
            end
        end
        local function has_wanted(node)
            for _, entry in ipairs(node.entries) do
                if entry.case then
                    if report("wanted", path_of(entry, node)) then return true end
                elseif has_wanted(entry) then
                    return true
                end
            end
            return false
        end
        -- A setup found that no case of its group can run.
        local function leave_out(node, reason)
            for _, entry in ipairs(node.entries) do
                if not entry.case then
                    leave_out(entry, reason)
                else
                    local name = path_of(entry, node)
                    if report("wanted", name) then report("pending", name, entry.pending or reason) end
                end
            end
        end
        local function run_group(node)
            if not has_wanted(node) then return end
            local setup, teardown = node.setup, node.teardown
            if is_list then setup, teardown = {}, {} end
            preparing = true
            local good, problem, line = call_body(function() for _, body in ipairs(setup) do body() end end)
            preparing = false
            local reason = not good and pending_reason(problem)
            if reason then
                -- It made nothing that would have to go.
                if not unwinding() then return leave_out(node, reason) end
            elseif good then
                for _, entry in ipairs(node.entries) do
                    if unwinding() or report("stopped") then break end
                    if entry.case then run_case(entry, node) else run_group(entry) end
                end
            elseif not unwinding() then
                report("fail", (node.name and path_of(node, node.parent) or "file") .. ": setup", problem, line)
            end
            mask(1)
            for place = #teardown, 1, -1 do
                local fine, trouble, at = call_body(teardown[place])
                if not fine then report("fail", (node.name and path_of(node, node.parent) or "file") .. ": teardown", trouble, at) end
            end
            mask(-1)
        end
        return function()
            run_group(root)
            if unwinding() then error("interrupted", 0) end
        end
        """#
}
