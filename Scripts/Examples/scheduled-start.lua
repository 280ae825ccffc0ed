-- Starts virtual machines in the order of their dependencies: each as soon as those that it needs have printed that they are ready.
--   lunavisor Scripts/Examples/scheduled-start.lua [READY-PATTERN]
-- What a machine needs stands in its notes: Set-VM web01 -Notes "needs: db01, cache01"
local ready = arg[1] or "login:"

local needs, vms = {}, {}
for vm in Get-VM do
    local list = {}
    for name in (vm.Notes:match("needs:%s*([^\n]*)") or ""):gmatch("[^%s,]+") do list[#list + 1] = name end
    vms[vm.Name], needs[vm.Name] = vm, list
end

local done, begun = {}, {}
local function start(name, path)
    if done[name] then return end
    local vm = vms[name]
    if not vm then error(("%s needs %s, which is not there"):format(path[#path] or "something", name), 0) end
    if begun[name] then error("they need each other: " .. table.concat(path, " → ") .. " → " .. name, 0) end
    begun[name] = true
    path[#path + 1] = name
    for _, other in ipairs(needs[name]) do start(other, path) end
    path[#path] = nil
    if vm.State ~= "Running" then
        Start-VM $vm
        Wait-VM $vm -For Console -Pattern $ready -Timeout 300
        print(name .. " is ready")
    end
    done[name] = true
end

for vm in Get-VM | Sort-Object Name do
    -- Only those that need something, and what they need.
    if #needs[vm.Name] > 0 then start(vm.Name, {}) end
end
