-- Restarts the virtual machines that match a pattern one after the other, and goes on only when the one before answers again.
--   lunavisor Scripts/Examples/rolling-restart.lua "web*" [PATTERN-ON-THE-CONSOLE]
-- The health check here is a text on the console; an address (-For IPAddress) or a heartbeat (-For Heartbeat) serves as well.
local names = arg[1] or "*"
local healthy = arg[2] or "login:"

local vms = Get-VM $names | Where-Object State -eq Running | Sort-Object Name
for number, vm in ipairs(vms) do
    print(("%d of %d: %s"):format(number, #vms, vm.Name))
    try(function()
        -- From now on: what an earlier start printed does not count.
        local before = Get-Date
        Restart-VM $vm -Force
        Wait-VM $vm -For Console -Pattern $healthy -Since $before -Timeout 300
    end, function(problem)
        -- The others stay as they are: better one machine down than all of them.
        error(vm.Name .. " did not come back: " .. problem.Message, 0)
    end)
end
print(#vms .. " virtual machines were restarted")
