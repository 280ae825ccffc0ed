-- Takes a checkpoint of each virtual machine and removes its oldest ones beyond a number.
--   lunavisor Scripts/Examples/snapshot-rotation.lua [PATTERN] [KEEP]
-- Only checkpoints that this program made are removed: those whose names begin with its mark.
local pattern, keep = arg[1] or "*", tonumber(arg[2]) or 3
local mark = "rotation "

for vm in Get-VM $pattern do
    local name = mark .. (Get-Date):ToString("yyyy-MM-dd HH:mm:ss")
    Checkpoint-VM $vm -SnapshotName $name
    local own = Get-VMSnapshot $vm | Where-Object Name -like "$mark*" | Sort-Object CreationTime -Descending
    for number, checkpoint in ipairs(own) do
        if number > keep then
            print(vm.Name .. ": removing “" .. checkpoint.Name .. "”")
            Remove-VMSnapshot $checkpoint
        end
    end
end
Get-VM $pattern | Get-VMSnapshot | Format-Table VMName, Name, CreationTime
