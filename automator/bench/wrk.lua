-- Makes the calls of a load for wrk. wrk runs it in one thread, so all connections share its state.
-- Arguments: the kind of load, the prefix of the remote ids, the numbers of the first and the last
-- group, the quantity, a prefix for global ids, the API key, and the seed of the random numbers.

local kind, remote, first, last, quantity, prefix
local headers = {
    ["Content-Type"] = "application/json",
    ["X-Forwarded-Proto"] = "https",
    ["X-Forwarded-For"] = "127.0.0.1",
}
local turn, sent, settled = 0, 0, 0

-- A queue: `first` is the index of its oldest entry.
local function queue() return {first = 1, last = 0} end
local function length(q) return q.last - q.first + 1 end
local function push(q, value)
    q.last = q.last + 1
    q[q.last] = value
end
local function pop(q)
    local value = q[q.first]
    q[q.first] = nil
    q.first = q.first + 1
    return value
end

local held, again = queue(), queue()
statuses = {}

function setup(thread) the_thread = thread end

function init(args)
    kind, remote, first, last = args[1], args[2], tonumber(args[3]), tonumber(args[4])
    quantity, prefix, headers["X-API-Key"] = args[5], args[6], args[7]
    math.randomseed(tonumber(args[8]))
end

local function hold(remote_id, amount)
    sent = sent + 1
    return wrk.format("POST", "/api/v1/holds", headers, string.format(
        '{"remote_id": "%s", "quantity": %s, "global_id": "%s-%d"}',
        remote_id, amount, prefix, sent))
end

local function any() return remote .. math.random(first, last) end

local function settle()
    local id = pop(held)
    settled = settled + 1
    -- One call in twenty is an invoice, except where a run would sell out the group.
    if kind ~= "reserve" and settled % 10 == 0 then
        return wrk.format("POST", "/api/v1/invoices", headers, string.format(
            '{"order_id": "o-%s", "global_id": "%s"}', id, id))
    end
    return wrk.format("POST", "/api/v1/holds/" .. id .. "/release", headers)
end

-- Half of the calls are holds, the others settle what was held.
local function usual()
    if turn % 2 == 0 and length(held) > 0 then return settle() end
    return hold(any(), quantity)
end

-- Each call is made twice. The second one comes some 60 calls later, and before the hold is settled.
local function twice()
    if turn % 2 == 0 and length(again) > 32 then return pop(again) end
    local call
    if turn % 4 == 3 and length(held) > 64 then
        call = settle()
    else
        call = hold(any(), quantity)
    end
    push(again, call)
    return call
end

local function refused()
    if turn % 2 == 0 then return hold("unknown-" .. math.random(first, last), quantity) end
    return hold(any(), 999)
end

function request()
    turn = turn + 1
    if kind == "twice" then return twice() end
    if kind == "refused" then return refused() end
    return usual()
end

function response(status, headers, body)
    statuses[status] = (statuses[status] or 0) + 1
    if status == 201 and body:find('"status" ?: ?"held"') then
        push(held, body:match('"global_id" ?: ?"([^"]+)"'))
    end
end

function done(summary, latency)
    local parts = {}
    for status, number in pairs(the_thread:get("statuses")) do
        parts[#parts + 1] = string.format('"%d": %d', status, number)
    end
    local errors = summary.errors
    io.write(string.format('RESULT {"calls": %d, "seconds": %f, "statuses": {%s}, "lost": %d}\n',
        summary.requests, summary.duration / 1e6, table.concat(parts, ", "),
        errors.connect + errors.read + errors.write + errors.timeout))
end
