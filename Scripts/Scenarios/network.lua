-- Network: guests on a private switch reach each other and nobody else; VLANs keep them apart; a cable can be pulled while they run.
local architecture = require "support.architecture"
local guest = require "support.guest"

architecture.describe("a network card", "two guests on a private switch #network", function()
    local ask = guest.ask
    local one, two

    local function reaches(from, address) return select(2, ask(from, "ping -c 2 -W 3 " .. address)) == 0 end
    local function misses(from, address) return select(2, ask(from, "ping -c 2 -W 1 " .. address)) ~= 0 end

    setup(function()
        New-VMSwitch{ Name = "between", SwitchType = "Private" }
        one, two = guest.new{ Name = "one", SwitchName = "between" }, guest.new{ Name = "two", SwitchName = "between" }
        Start-VM{ one, two }
        for number, vm in ipairs{ one, two } do
            guest.start(vm)
            ask(vm, "ip link set eth0 up; ip addr add 10.9.0." .. number .. "/24 dev eth0")
        end
    end)

    it("reach each other", function()
        assert.is_true(reaches(one, "10.9.0.2"))
        assert.is_true(reaches(two, "10.9.0.1"))
    end)

    it("send data that arrives as it was", function()
        -- The end of nc's input would end the connection.
        ask(two, "(sleep 30 | nc -l -p 5000 >/tmp/got) >/dev/null 2>&1 & true")
        local sent = ask(one, "head -c 1000000 /dev/urandom >/tmp/sent; sleep 1; nc -w 3 10.9.0.2 5000 </tmp/sent; md5sum </tmp/sent"):match("%x%x%x%x%x%x%x%x+")
        assert.is_not_nil(sent)
        local got = ask(two, "sleep 1; md5sum </tmp/got"):match("%x%x%x%x%x%x%x%x+")
        assert.are.equal(sent, got)
    end)

    it("are kept apart by VLANs", function()
        Set-VMNetworkAdapterVlan{ VMName = "one", Access = true, VlanId = 5 }
        assert.is_true(misses(one, "10.9.0.2"))
        Set-VMNetworkAdapterVlan{ VMName = "two", Access = true, VlanId = 5 }
        assert.is_true(reaches(one, "10.9.0.2"))
        for _, name in ipairs{ "one", "two" } do Set-VMNetworkAdapterVlan{ VMName = name, Untagged = true } end
        assert.is_true(reaches(one, "10.9.0.2"))
    end)

    it("lose each other when a cable is pulled, and find each other again", function()
        Disconnect-VMNetworkAdapter{ VMName = "two" }
        assert.is_true(misses(one, "10.9.0.2"))
        Connect-VMNetworkAdapter{ VMName = "two", SwitchName = "between" }
        local found
        for _ = 1, 10 do
            found = reaches(one, "10.9.0.2")
            if found then break end
        end
        assert.is_true(found)
    end)
end)
