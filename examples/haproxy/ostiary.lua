-- Asks Ostiary's check for HAProxy (2.5 and later: core.httpclient) and hands its six headers on.
local CHECK = "http://127.0.0.1:8081/check/app"
local TOLD = { "ostiary-session", "ostiary-caller", "ostiary-epoch", "ostiary-expires", "ostiary-scopes", "ostiary-disclosed" }
local PATIENCE_MS = 1000

local function joined(headers, name, between)
  if not headers[name] then return nil end
  local found = {}
  for _, value in pairs(headers[name]) do found[#found + 1] = value end
  return table.concat(found, between)
end

-- The application gets its own cookies, never one of Ostiary's.
local function own(cookies)
  local kept = {}
  for pair in cookies:gmatch("[^;]+") do
    if not pair:match("^%s*__Host%-ostiary_") then kept[#kept + 1] = pair:match("^%s*(.-)%s*$") end
  end
  return table.concat(kept, "; ")
end

local function ended(txn, status, headers)
  local reply = txn:reply()
  reply:set_status(status)
  for name, value in pairs(headers) do reply:add_header(name, value) end
  txn:done(reply)
end

core.register_action("ostiary", { "http-req" }, function(txn)
  local headers = txn.http:req_get_headers()
  local asked = { ["x-forwarded-for"] = { txn.f:src() } }
  local cookies = joined(headers, "cookie", "; ")
  if cookies then asked["cookie"] = { cookies } end
  for from, to in pairs({ ["host"] = "x-forwarded-host", ["user-agent"] = "user-agent", ["caller-disclose"] = "caller-disclose" }) do
    local value = joined(headers, from, ",")
    if value then asked[to] = { value } end
  end
  -- Whatever a client has forged goes, the spelling with underscores too.
  for name, _ in pairs(headers) do
    if name:gsub("_", "-"):sub(1, 8) == "ostiary-" then txn.http:req_del_header(name) end
  end
  local ok, answer = pcall(function() return core.httpclient():get({ url = CHECK, headers = asked, timeout = PATIENCE_MS }) end)
  local status = ok and answer and answer.status or 0
  if status == 401 then return ended(txn, 303, { location = "/.ostiary/sign-in?to=" .. txn.f:pathq() }) end
  if status == 403 then return ended(txn, 403, {}) end
  if status ~= 200 then return ended(txn, 503, { ["retry-after"] = "1" }) end
  for _, name in ipairs(TOLD) do txn.http:req_set_header(name, answer.headers[name] and answer.headers[name][0] or "-") end
  if cookies then
    local left = own(cookies)
    if left == "" then txn.http:req_del_header("cookie") else txn.http:req_set_header("cookie", left) end
  end
end, 0)
