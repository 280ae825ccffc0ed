import CLua

/// The part of the session that is best said in Lua: lists, records, the metamethods of handles, `try`, loading, and the support table
/// that translated programs use. It runs once, before any program, and takes what it needs into locals.
enum Prelude {
    /// Names of the slots that the prelude fills.
    private static let slots: [(String, lv_slot)] = [
        ("list", LV_SLOT_LIST), ("missing", LV_SLOT_MISSING), ("recordmaker", LV_SLOT_RECORD_MAKER), ("support", LV_SLOT_BINDINGS),
        ("scope", LV_SLOT_SCOPE),
    ]

    /// The whole text; its first line defines `operation` and `slot`.
    static var text: String {
        let operations = NativeOperation.names.map { "\($0.0)=\($0.1.rawValue)" }.joined(separator: ",")
        let slots = slots.map { "\($0.0)=\($0.1.rawValue)" }.joined(separator: ",")
        return "local boot, restricted = ...; local operation = {\(operations)}; local slot = {\(slots)}\n" + source
    }

    private static let source = #"""
        local native, register, mask, rawpcall, unwinding = boot.native, boot.register, boot.mask, boot.pcall, boot.unwinding
        local type, select, rawget, rawset, rawequal, tostring, tonumber = type, select, rawget, rawset, rawequal, tostring, tonumber
        local setmetatable, getmetatable, next, ipairs, error = setmetatable, debug.getmetatable, next, ipairs, error
        local lengths, rawlen = boot.lengths, rawlen
        local concat, pack, unpack, lower = table.concat, table.pack, table.unpack, string.lower
        local dump_code = string.dump
        local getupvalue, setupvalue, open, globals = debug.getupvalue, debug.setupvalue, io.open, _G
        local op = {}
        for name, number in next, operation do op[name] = native(number) end
        local raise = op.raise

        -- Values that were written but are nil.
        local Missing = { __name = "missing value", __metatable = false }
        register(slot.missing, Missing)

        -- Lists ----------------------------------------------------------------------------------------------------------------
        local List, methods = { __name = "list" }, {}
        register(slot.list, List)
        local function list(values) return setmetatable(values, List) end
        local function self_of(value, name)
            if getmetatable(value) == List then return value end
            local kind = type(value)
            if kind == "userdata" then return list{ value } end
            if kind == "table" and (getmetatable(value) or {}).names then return list{ value } end
            raise("MethodWithoutSelf", "The method " .. name .. " was called with a dot.", "Write a colon: x:" .. name .. "(…).")
        end
        local function add(target, value)
            if value == nil then return end
            if getmetatable(value) == List then
                for i = 1, #value do target[#target + 1] = value[i] end
            else
                target[#target + 1] = value
            end
        end
        local cmdlet_function = op.cmdletFunction
        function methods.Where(values, test, ...)
            values = self_of(values, "Where")
            if type(test) ~= "function" then return cmdlet_function("Where-Object")(values, test, ...) end
            local result = {}
            for i = 1, #values do
                local value = values[i]
                if test(value) then result[#result + 1] = value end
            end
            return list(result)
        end
        function methods.ForEach(values, body, ...)
            values = self_of(values, "ForEach")
            if type(body) ~= "function" then return cmdlet_function("ForEach-Object")(values, body, ...) end
            local result = {}
            for i = 1, #values do add(result, (body(values[i], ...))) end
            return list(result)
        end
        local function through(name, cmdlet)
            methods[name] = function(values, ...)
                values = self_of(values, name)
                local given = pack(...)
                local properties, options = {}, nil
                for i = 1, given.n do
                    local value = given[i]
                    if type(value) == "table" and not getmetatable(value) and i == given.n and next(value) ~= nil and #value == 0
                        and not (value.Expression or value.expression or value.E or value.e) then
                        options = value
                    else
                        properties[#properties + 1] = value
                    end
                end
                local call = cmdlet_function(cmdlet)
                if #properties == 0 then
                    if options then return call(values, options) end
                    return call(values)
                end
                if options then return call(values, list(properties), options) end
                return call(values, list(properties))
            end
        end
        through("Select", "Select-Object")
        through("Sort", "Sort-Object")
        through("Group", "Group-Object")
        function methods.First(values, count)
            values = self_of(values, "First")
            if count == nil then return values[1] end
            local result = {}
            for i = 1, math.min(count, #values) do result[i] = values[i] end
            return list(result)
        end
        function methods.Last(values, count)
            values = self_of(values, "Last")
            if count == nil then return values[#values] end
            local result = {}
            for i = math.max(1, #values - count + 1), #values do result[#result + 1] = values[i] end
            return list(result)
        end
        local member = op.listMember
        -- The lists that $Error gave: they can be cleared, with a dot as in PowerShell and with a colon.
        local error_lists, clear_errors = setmetatable({}, { __mode = "k" }), op.clearErrors
        function List.__index(values, key)
            local kind = type(key)
            if kind == "number" then
                if key == 0 then raise("ListIndexZero", "Lists count from 1.", "The first element is [1], the last is [#list].") end
                return nil
            end
            if kind ~= "string" then return nil end
            local method = methods[key]
            if method then return method end
            if error_lists[values] and lower(key) == "clear" then
                return function()
                    clear_errors()
                    for i = #values, 1, -1 do values[i] = nil end
                end
            end
            return member(values, key)
        end
        -- nil within a list, as JSON has it, counts.
        function List.__len(values)
            local length = lengths[values]
            if not length then return rawlen(values) end
            while rawget(values, length + 1) ~= nil do length = length + 1 end
            return length
        end
        -- A setting of one thing in a list is not one of the list.
        function List.__newindex(values, key, value)
            if type(key) == "string" then
                raise("ListAssigned", "The field “" .. key .. "” of a list cannot be assigned.", "Write list[1]." .. key .. " = …, or for each: for x in $list do x." .. key .. " = … end")
            end
            rawset(values, key, value)
        end
        function List.__tostring(values)
            local texts = {}
            for i = 1, #values do texts[i] = tostring(values[i]) end
            return concat(texts, " ")
        end
        local function join(left, right) return tostring(left) .. tostring(right) end
        List.__concat = join
        function List.__call()
            raise("ListCalled", "A list was called as a function or an iterator.", "Write `for v in $vms do` or `for _, v in ipairs(vms) do`.")
        end

        -- Records: what Select-Object makes, and other values with names -----------------------------------------------------------
        local record_missing = op.recordMissing
        local function record_index(fields, key)
            if type(key) ~= "string" then return nil end
            local meta, wanted = getmetatable(fields), lower(key)
            for i = 1, #meta.names do
                local name = meta.names[i]
                if lower(name) == wanted then return rawget(fields, name) end
            end
            if methods[key] then return methods[key] end
            if wanted == "count" or wanted == "length" then return 1 end
            if meta.type then return record_missing(fields, key) end
            return nil
        end
        local function record_assign(fields, key, value)
            if type(key) == "string" then
                local meta, wanted = getmetatable(fields), lower(key)
                for i = 1, #meta.names do
                    if lower(meta.names[i]) == wanted then return rawset(fields, meta.names[i], value) end
                end
                meta.names[#meta.names + 1] = key
            end
            rawset(fields, key, value)
        end
        local function record_pairs(fields)
            local names, place = getmetatable(fields).names, 0
            return function()
                while true do
                    place = place + 1
                    local name = names[place]
                    if name == nil then return nil end
                    local value = rawget(fields, name)
                    if value ~= nil then return name, value end
                end
            end
        end
        local function record_text(fields)
            local texts = {}
            for name, value in record_pairs(fields) do texts[#texts + 1] = name .. "=" .. tostring(value) end
            return "@{" .. concat(texts, "; ") .. "}"
        end
        local record_mark = boot.recordmark
        register(slot.recordmaker, function(type_name, names, fields)
            return setmetatable(fields, {
                __name = type_name or "record", __index = record_index, __newindex = record_assign, __pairs = record_pairs,
                __tostring = record_text, __concat = join, names = names, type = type_name, [record_mark] = true,
            })
        end)

        -- Live objects ---------------------------------------------------------------------------------------------------------------
        local object, failure, duration, time = boot.object, boot.error, boot.TimeSpan, boot.DateTime
        local object_index = op.objectIndex
        function object.__index(value, key)
            if key == 1 then return value end
            if type(key) ~= "string" then
                if key == 0 then raise("ListIndexZero", "Lists count from 1.", "The first element is [1].") end
                return nil
            end
            local method = methods[key]
            if method then return method end
            return object_index(value, key)
        end
        object.__newindex = op.objectAssign
        object.__tostring = op.objectText
        object.__concat = join
        function object.__len() return 1 end
        local object_pairs = op.objectPairs
        function object.__pairs(value) return record_pairs(object_pairs(value)) end
        function object.__lt(left, right) return tostring(left) < tostring(right) end

        failure.__index, failure.__tostring, failure.__concat = op.errorIndex, op.errorText, join
        local error_pairs = op.errorPairs
        function failure.__pairs(value) return record_pairs(error_pairs(value)) end
        function failure.__newindex() raise("PropertyReadOnly", "The fields of an error cannot be assigned.") end

        -- Durations and times ----------------------------------------------------------------------------------------------------------
        local compare = op.compareValues
        local function ordered(meta, index, text, arithmetic)
            meta.__index, meta.__tostring, meta.__concat = index, text, join
            function meta.__lt(left, right) return compare(left, right) < 0 end
            function meta.__le(left, right) return compare(left, right) <= 0 end
            function meta.__eq(left, right) return compare(left, right, true) == 0 end
            function meta.__add(left, right) return arithmetic("+", left, right) end
            function meta.__sub(left, right) return arithmetic("-", left, right) end
            function meta.__mul(left, right) return arithmetic("*", left, right) end
            function meta.__div(left, right) return arithmetic("/", left, right) end
            function meta.__unm(value) return arithmetic("u", value, value) end
            function meta.__newindex() raise("PropertyReadOnly", "The fields of a time cannot be assigned.", "AddDays and kin give a new one.") end
        end
        ordered(duration, op.durationIndex, op.durationText, op.durationArithmetic)
        ordered(time, op.timeIndex, op.timeText, op.timeArithmetic)

        -- Errors -----------------------------------------------------------------------------------------------------------------------
        local make_error = op.makeError
        function try(body, catch, finally)
            if type(body) ~= "function" or catch ~= nil and type(catch) ~= "function" or finally ~= nil and type(finally) ~= "function" then
                raise("TryNeedsFunctions", "`try` takes functions.", "Write try(function() … end, function(e) … end).")
            end
            local result = pack(rawpcall(body))
            if not result[1] and catch and not unwinding() then result = pack(rawpcall(catch, make_error(result[2]))) end
            if finally then
                mask(1)
                local good, problem = rawpcall(finally)
                mask(-1)
                if not good and result[1] then result = { false, problem, n = 2 } end
            end
            if not result[1] then error(result[2], 0) end
            return unpack(result, 2, result.n)
        end

        -- The support table ----------------------------------------------------------------------------------------------------------------
        local support = {}
        local evaluate, display = op.evaluate, op.display
        function support.v(value, name, near)
            if value == nil then return setmetatable({ name = name, near = near }, Missing) end
            return value
        end
        function support.l(...) return list{ ... } end
        function support.w(text)
            if text:find("^%-?%d+%.?%d*$") then return tonumber(text) end
            return text
        end
        local missing_value = op.missingValue
        function support.x(...)
            local texts = { ... }
            for i = 1, #texts do
                if getmetatable(texts[i]) == Missing then missing_value(texts[i]) end
                texts[i] = tostring(texts[i])
            end
            return concat(texts)
        end
        function support.t(value)
            if getmetatable(value) == List and #value == 0 then return false end
            return value
        end
        local function values_of(value)
            if value == nil then return {} end
            if type(value) == "table" then
                local meta = getmetatable(value)
                if meta == nil or meta == List then return value end
            end
            return { value }
        end
        function support.each1(value)
            if type(value) == "function" then return value end
            local values, place = values_of(value), 0
            return function()
                repeat
                    place = place + 1
                    if values[place] ~= nil then return values[place] end
                until place > #values
            end
        end
        function support.each2(value)
            if type(value) == "function" then return value end
            local values, place = values_of(value), 0
            return function()
                place = place + 1
                if values[place] ~= nil or place <= #values then return place, values[place] end
            end
        end
        support.op, support.e, support.d = op.comparison, evaluate, display
        function support.H(head)
            return function(stages)
                stages.head, stages.hasHead, stages[0] = head, true, true
                return evaluate(stages)
            end
        end
        function support.D(head)
            return function(stages)
                stages.head, stages.hasHead, stages[0] = head, true, true
                return display(stages)
            end
        end
        function support.id(value) return value end
        support.job, support.using = op.carriedBlock, {}
        cmdlet, param = op.declareCmdlet, op.bindParameters
        local environment, set_environment = op.environment, op.setEnvironment
        support.env = setmetatable({}, { __index = function(_, name) return environment(name) end,
            __newindex = function(_, name, value) set_environment(name, value) end })
        local preference, set_preference = op.preference, op.setPreference
        support.pref = setmetatable({}, { __index = function(_, name) return preference(name) end,
            __newindex = function(_, name, value) set_preference(name, value) end })
        support.scope = setmetatable({}, { __index = globals, __newindex = globals })
        register(slot.scope, support.scope)
        local errors, script_arguments = op.errors, op.scriptArguments
        setmetatable(support, {
            __index = function(_, name)
                if name == "errors" then
                    local kept = errors()
                    error_lists[kept] = true
                    return kept
                end
                if name == "args" then return script_arguments() end
                if name == "null" then return nil end
                local call = cmdlet_function(name)
                rawset(support, name, call)
                return call
            end,
            -- `$null = …` forgets the value.
            __newindex = function() end,
        })
        register(slot.support, support)

        -- Loading ----------------------------------------------------------------------------------------------------------------------------
        local compile = op.compile
        local function compiled(text, name)
            local good, result = rawpcall(compile, text, name)
            if good then return result end
            if unwinding() then error(result, 0) end
            return nil, tostring(result)
        end
        local function use_environment(loaded, environment)
            local place = 1
            while true do
                local name = getupvalue(loaded, place)
                if name == nil then return end
                if name == "_ENV" then
                    setupvalue(loaded, place, environment)
                    return
                end
                place = place + 1
            end
        end
        local function refuse_binary(text, mode, name)
            if text:sub(1, 1) == "\27" then return "binary chunks are refused (" .. name .. ")" end
            if mode ~= nil and not mode:find("t", 1, true) then return "attempt to load a text chunk (mode is '" .. mode .. "')" end
        end
        function load(chunk, name, mode, ...)
            if type(chunk) == "function" then
                local pieces = {}
                while true do
                    local piece = chunk()
                    if piece == nil or piece == "" then break end
                    if type(piece) ~= "string" then return nil, "reader function must return a string" end
                    pieces[#pieces + 1] = piece
                end
                chunk, name = concat(pieces), name or "=(load)"
            elseif type(chunk) ~= "string" then
                error("bad argument #1 to 'load' (string or function expected, got " .. type(chunk) .. ")", 2)
            end
            local refusal = refuse_binary(chunk, mode, name or "string")
            if refusal then return nil, refusal end
            -- Only a file may begin with a line for the system.
            local result, message = compiled(chunk:byte() == 35 and " " .. chunk or chunk, name or chunk)
            if not result then return nil, message end
            if select("#", ...) > 0 then use_environment(result, (...)) end
            return result
        end
        function loadfile(path, mode, ...)
            local text, name
            if path == nil then
                text, name = io.read("a"), "=stdin"
            else
                local file, message = open(path, "rb")
                if not file then return nil, "cannot open " .. message end
                text, message = file:read("a")
                file:close()
                if not text then return nil, "cannot read " .. path .. ": " .. tostring(message) end
                name = "@" .. path
            end
            local refusal = refuse_binary(text, mode, tostring(path))
            if refusal then return nil, refusal end
            local result, message = compiled(text, name)
            if not result then return nil, message end
            if select("#", ...) > 0 then use_environment(result, (...)) end
            return result
        end
        local loadfile = loadfile
        function dofile(path)
            local chunk, message = loadfile(path)
            if not chunk then error(message, 0) end
            return chunk()
        end
        package.searchers[2] = function(name)
            if type(package.path) ~= "string" then error("'package.path' must be a string", 0) end
            local path, message = package.searchpath(name, package.path)
            if not path then return message end
            local chunk, problem = loadfile(path)
            if not chunk then error("error loading module '" .. name .. "' from file '" .. path .. "':\n\t" .. problem, 0) end
            return chunk, path
        end

        -- Output and leaving -----------------------------------------------------------------------------------------------------------------
        local write = op.print
        function print(...)
            local texts = { ... }
            for i = 1, select("#", ...) do texts[i] = tostring((select(i, ...))) end
            write(concat(texts, "\t") .. "\n")
        end
        local leave = op.exit
        function os.exit(code)
            if code == nil or code == true then code = 0 elseif code == false then code = 1 end
            leave(code)
        end

        if restricted then
            io, package.loadlib, package.cpath = nil, nil, ""
            package.searchers[4], package.searchers[3] = nil, nil
            for _, name in ipairs{ "execute", "remove", "rename", "tmpname", "setlocale" } do os[name] = nil end
            debug = { traceback = debug.traceback, getinfo = debug.getinfo }
            package.loaded.io, package.loaded.debug = nil, debug
            -- A finalizer counts when its name is there as the metatable is set, so this is the one place to look.
            globals.setmetatable = function(value, meta)
                if type(meta) == "table" and rawget(meta, "__gc") ~= nil then
                    raise("FinalizerRefused", "--restricted forbids __gc: a finalizer runs where nothing can stop it.",
                        "Clean up with a variable marked <close> and __close in its metatable.")
                end
                return setmetatable(value, meta)
            end
        end

        -- What the session calls: the functions of the cmdlets, variables by name, texts.
        return {
            define = function(names)
                for i = 1, #names, 2 do rawset(globals, names[i], cmdlet_function(names[i + 1])) end
            end,
            get = function(name) return support.scope[name] end,
            set = function(name, value) support.scope[name] = value end,
            names = function()
                local result = {}
                for name in next, support.scope do result[#result + 1] = name end
                for name in next, globals do if type(name) == "string" then result[#result + 1] = name end end
                return list(result)
            end,
            fields = function(path)
                local value = support.scope[path[1]]
                for i = 2, #path do
                    if type(value) ~= "table" and type(value) ~= "userdata" then return list{} end
                    value = value[path[i]]
                end
                local result = {}
                if type(value) == "table" and getmetatable(value) ~= List then
                    for name in next, value do if type(name) == "string" then result[#result + 1] = name end end
                end
                if type(value) == "userdata" or type(value) == "table" and (getmetatable(value) or {}).names then
                    local good = rawpcall(function() for name in pairs(value) do result[#result + 1] = name end end)
                end
                if getmetatable(value) == List then for name in next, methods do result[#result + 1] = name end end
                if type(value) == "string" then for name in next, string do result[#result + 1] = name end end
                return list(result)
            end,
            list = list,
            -- The values of a job's `$using:` names.
            using = function(values)
                support.using = {}
                for name, value in record_pairs(values) do support.using[name] = value end
            end,
            -- A function as compiled code, and what its upvalues are.
            dump = function(body)
                local names, place = {}, 1
                while true do
                    local name, value = getupvalue(body, place)
                    if name == nil then break end
                    if name == "_ENV" or rawequal(value, globals) then
                        names[place] = "_ENV"
                    elseif rawequal(value, support) then
                        names[place] = "support"
                    else
                        raise("CannotCarry", "The function uses “" .. name .. "”, a local of the script, which is not there in another interpreter.",
                            "Give its value by -ArgumentList, or write a block with $using:" .. name .. ".")
                    end
                    place = place + 1
                end
                local good, code = rawpcall(dump_code, body)
                if not good then return nil, list{} end
                return code, list(names)
            end,
        }
        """#
}
