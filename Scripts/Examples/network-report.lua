-- Draws who hangs on which switch, with VLANs and addresses, and warns of adapters that hang on none.
--   lunavisor Scripts/Examples/network-report.lua
local adapters = Get-VM | Get-VMNetworkAdapter | Sort-Object VMName, Name

for switch in Get-VMSwitch | Sort-Object Name do
    print(("%s (%s)"):format(switch.Name, switch.SwitchType))
    for adapter in $adapters | Where-Object SwitchName -eq $switch.Name do
        local vlan = adapter.VlanSetting
        local text = vlan and vlan.OperationMode == "Access" and "VLAN " .. vlan.AccessVlanId or ""
        local addresses = table.concat(adapter.IPAddresses or {}, ", ")
        print(("    %-20s %-16s %-13s %-9s %s"):format(adapter.VMName, adapter.Name, adapter.MacAddress, text, addresses))
    end
end

local loose = $adapters | Where-Object { not $_.SwitchName or $_.SwitchName == "" }
for adapter in $loose do Write-Warning "The adapter “$(adapter.Name)” of $(adapter.VMName) hangs on no switch." end
