-- Builds a lab of N servers that see each other and nobody else: one private switch, one disk each.
--   lunavisor Scripts/Examples/lab.lua build [N] [NAME]
--   lunavisor Scripts/Examples/lab.lua remove [NAME]
local action, count, lab = arg[1] or "build", tonumber(arg[2]) or 3, arg[3] or "lab"
if action == "remove" then lab = arg[2] or "lab" end

local function build()
    if not (Get-VMSwitch $lab -ErrorAction SilentlyContinue) then New-VMSwitch $lab -SwitchType Private | Out-Null end
    for number = 1, count do
        local name = ("%s-%02d"):format(lab, number)
        -- Run again, it makes what is missing and leaves the rest.
        if not (Get-VM $name -ErrorAction SilentlyContinue) then
            local vm = New-VM -Name $name -MemoryStartupBytes 512MB -NewVHDPath "$name.vhdx" -NewVHDSizeBytes 8GB -SwitchName $lab
            Set-VMProcessor $vm -Count 2
            Set-VM $vm -Notes "Server $number of the lab $lab"
        end
    end
    Get-VM "$lab-*" | Format-Table Name, State, ProcessorCount, Notes
end

local function remove()
    local vms = Get-VM "$lab-*"
    $vms | Where-Object State -ne Off | Stop-VM -TurnOff -Force
    $vms | Remove-VM -DeleteDisks -Force
    if Get-VMSwitch $lab -ErrorAction SilentlyContinue then Remove-VMSwitch $lab -Force end
    print("removed " .. #vms .. " servers")
end

if action == "build" then build() elseif action == "remove" then remove() else
    io.stderr:write("The action is build or remove, not " .. action .. ".\n")
    os.exit(2)
end
