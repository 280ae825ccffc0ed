-- Exports all virtual machines into a folder of today's date, and keeps the newest few such folders.
--   lunavisor Scripts/Examples/nightly-export.lua FOLDER [KEEP]
-- For cron or a systemd timer: it prints little, and its exit code is 1 when anything could not be exported.
local folder, keep = arg[1] or "exports", tonumber(arg[2]) or 7
local tonight = Join-Path $folder (Get-Date):ToString("yyyy-MM-dd-HHmmss")
os.execute("mkdir -p '" .. tonight .. "'")

local failed = 0
for vm in Get-VM do
    try(function()
        local took = Measure-Command { Export-VM $vm -Path $tonight }
        print(("%-24s %6.1f s"):format(vm.Name, took.TotalSeconds))
    end, function(problem)
        failed = failed + 1
        Write-Warning "$(vm.Name) is not exported: $(problem.Message)"
    end)
end

-- The date is the name, so the order of names is the order of age. An export that failed takes no old one's place.
local list, nights = io.popen("ls -r '" .. folder .. "'"), {}
for name in list:lines() do
    if name:match("^%d%d%d%d%-%d%d%-%d%d%-%d%d%d%d%d%d$") then nights[#nights + 1] = name end
end
list:close()
for number, name in ipairs(nights) do
    if number > keep and failed == 0 then
        os.execute("rm -rf '" .. Join-Path($folder, name) .. "'")
        print("removed " .. name)
    end
end
os.exit(failed == 0 and 0 or 1)
