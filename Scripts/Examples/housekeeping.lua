-- Finds what nobody looks after: disks in the host's folder that no virtual machine uses, machines that were never started, checkpoints
-- that are older than a month. It changes nothing.
--   lunavisor Scripts/Examples/housekeeping.lua [DAYS]
local days = tonumber(arg[1]) or 30
local host = Get-VMHost

local used = {}
for drive in Get-VM | Get-VMHardDiskDrive do
    -- A differencing disk uses its parents, too.
    local path = drive.Path
    while path and not used[path] do
        used[path] = true
        local disk = Get-VHD $path -ErrorAction SilentlyContinue
        path = disk and disk.ParentPath ~= "" and disk.ParentPath or nil
    end
end

print("Disks that no virtual machine uses:")
local list = io.popen("find '" .. host.VirtualHardDiskPath .. "' -name '*.*vhd*' 2>/dev/null | sort")
for path in list:lines() do
    if not used[path] and Test-VHD $path -ErrorAction SilentlyContinue then
        print(("  %s (%d MB)"):format(path, (Get-VHD $path).FileSize // 1MB))
    end
end
list:close()

print("Virtual machines that were never started:")
for vm in Get-VM do
    if not (Get-VMEvent $vm | Where-Object Message -match "started") then print("  " .. vm.Name) end
end

print("Checkpoints older than " .. days .. " days:")
local limit = (Get-Date).AddDays(-days)
for checkpoint in Get-VM | Get-VMSnapshot do
    if checkpoint.CreationTime < limit then print("  " .. checkpoint.VMName .. ": " .. checkpoint.Name) end
end
