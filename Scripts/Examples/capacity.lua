-- Says what the host has given away and what it has left: memory and processors, promised and in use, and the largest guests.
--   lunavisor Scripts/Examples/capacity.lua
local host = Get-VMHost
local vms = Get-VM
local function gib(bytes) return ("%.1f GiB"):format(bytes / 1GB) end

local promised, used, processors = 0, 0, 0
for vm in $vms do
    promised = promised + vm.MemoryStartup
    used = used + vm.MemoryAssigned
    processors = processors + vm.ProcessorCount
end

local running = $vms | Where-Object State -eq Running
print(("%d virtual machines, %d running"):format(#vms, #running))
print(("memory      host %s, promised %s, in use %s"):format(gib(host.MemoryCapacity), gib(promised), gib(used)))
print(("processors  host %d, promised %d"):format(host.LogicalProcessorCount, processors))
if promised > host.MemoryCapacity then
    Write-Warning "More memory is promised than the host has: they cannot all run at once."
end

if #vms > 0 then
    print("\nThe largest:")
    $vms | Sort-Object MemoryStartup -Descending | Select-Object -First 5 |
        Format-Table Name, State, ProcessorCount, @{ n = "Memory"; e = { gib($_.MemoryStartup) } }
end
