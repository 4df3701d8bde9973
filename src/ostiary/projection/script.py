"""What runs inside Redis, each script one atomic step: no reader sees an event without the value it speaks of.

KEYS[1] is the stream, the others are the sessions' keys. All stand in one slot (ruling 55).
"""

__all__ = ["READ", "REMOVE", "WIDTH", "WRITE"]

WIDTH = 7
"""How many arguments WRITE takes for each session: value, until (ms, 0: never), and the five fields of an event."""

WRITE = """
local changed = 0
for i = 2, #KEYS do
  local at = (i - 2) * 7 + 1
  local record, till, status, revoked = ARGV[at + 1], ARGV[at + 2], ARGV[at + 6], ARGV[at + 7]
  local held = redis.pcall('GET', KEYS[i])
  local final = false
  if type(held) ~= 'string' then
    held = nil
  elseif status == 'active' and held ~= record then
    local read, old = pcall(cjson.decode, held)
    final = read and type(old) == 'table' and old.status == 'revoked'
  end
  if not final then
    if till == '0' then
      redis.call('SET', KEYS[i], record)
    else
      redis.call('SET', KEYS[i], record, 'PXAT', till)
    end
    if held ~= record then
      local told = {'device_session_id', ARGV[at + 3], 'user_id', ARGV[at + 4], 'client_public_key', ARGV[at + 5],
        'status', status}
      if revoked ~= '' then
        told[9], told[10] = 'revoked_at_ms', revoked
      end
      redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(told))
      changed = changed + 1
    end
  end
end
return changed
"""
"""ARGV[1] is the stream's length. Sticky: an active session that comes after a revoked one changes nothing. What
stands there already is told to nobody again; only the time of its going is set anew."""

REMOVE = """
local gone = 0
for i = 2, #KEYS do
  local held = redis.pcall('GET', KEYS[i])
  gone = gone + redis.call('DEL', KEYS[i])
  local read, old = pcall(cjson.decode, held)
  if type(held) == 'string' and read and type(old) == 'table' and old.status == 'active' then
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'device_session_id', ARGV[i + 1],
      'user_id', tostring(old.user_id), 'client_public_key', tostring(old.client_public_key),
      'status', 'revoked', 'revoked_at_ms', ARGV[2])
  end
end
return gone
"""
"""ARGV: the stream's length, now (ms), the sessions. Who follows the stream hears that what was active is revoked."""

READ = """
local found = {}
for i = 2, #KEYS do
  local held = redis.pcall('GET', KEYS[i])
  found[#found + 1] = type(held) == 'table' and '' or held
  found[#found + 1] = redis.call('PEXPIRETIME', KEYS[i])
end
return found
"""
"""Returns value and time of going for each; a value of another type reads as an empty one."""
