-- Watches virtual machines and starts again what died: not what was stopped by somebody, but what lost its worker or crashed.
--   lunavisor Scripts/Examples/watch.lua [PATTERN] [SECONDS]
-- Without SECONDS it watches until Ctrl-C. A machine that dies three times within ten minutes is left alone.
local pattern, seconds = arg[1] or "*", tonumber(arg[2])
local finish = seconds and os.time() + seconds
local watched, restarts = {}, {}

local function mayRestart(name)
    local recent = {}
    for _, time in ipairs(restarts[name] or {}) do
        if os.time() - time < 600 then recent[#recent + 1] = time end
    end
    recent[#recent + 1] = os.time()
    restarts[name] = recent
    return #recent <= 3
end

while not finish or os.time() < finish do
    for vm in Get-VM $pattern do
        local name, state = vm.Name, vm.State
        if state == "Running" then
            watched[name] = true
        elseif watched[name] and state == "Off" then
            -- Somebody's Stop-VM leaves no critical event as its last word.
            local last = Get-VMEvent $vm | Select-Object -Last 1
            watched[name] = nil
            if last and last.Level == "Critical" then
                print((Get-Date):ToString("HH:mm:ss") .. " " .. name .. " died: " .. last.Message)
                if mayRestart(name) then
                    Start-VM $vm
                    print("         " .. name .. " is started again")
                else
                    Write-Warning "$name died too often and is left alone."
                end
            end
        end
    end
    Start-Sleep -Milliseconds 500
end
