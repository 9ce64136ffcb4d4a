-- How the load generator asks: at a steady pace, and every fourth request on a
-- connection of its own.

local count = 0

function delay()
	return 40 -- milliseconds between two requests of one connection
end

function request()
	count = count + 1
	if count % 4 == 0 then
		return wrk.format("GET", "/buy", { ["Host"] = "edge.shop", ["Connection"] = "close" })
	end
	return wrk.format("GET", "/buy", { ["Host"] = "edge.shop" })
end
