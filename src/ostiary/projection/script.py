"""What runs inside Redis, each script one atomic step: no reader sees an event without the value it speaks of.

KEYS[1] is the stream, the others are the sessions' keys, except in DECLARE. All stand in one slot (ruling 55).
"""

__all__ = ["DECLARE", "READ", "REMOVE", "WRITE"]

WRITE = """
local done = {0}
for i = 2, #KEYS do
  local record, till = ARGV[2 * i - 2], ARGV[2 * i - 1]
  local held = redis.pcall('GET', KEYS[i])
  local final, right = false, false
  if held == record then
    right = redis.call('PEXPIRETIME', KEYS[i]) == (till == '0' and -1 or tonumber(till))
  else
    local new = cjson.decode(record)
    if type(held) == 'string' and new.status == 'active' then
      local read, old = pcall(cjson.decode, held)
      final = read and type(old) == 'table' and old.status == 'revoked'
    end
    if final then
      done[#done + 1] = i - 1
    else
      local told = {'device_session_id', new.device_session_id, 'user_id', new.user_id,
        'client_public_key', new.client_public_key, 'status', new.status}
      if new.revoked_at_ms then
        told[9], told[10] = 'revoked_at_ms', string.format('%.0f', new.revoked_at_ms)
      end
      redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(told))
    end
  end
  if not final and not right then
    done[1] = done[1] + 1
    if till == '0' then
      redis.call('SET', KEYS[i], record)
    else
      redis.call('SET', KEYS[i], record, 'PXAT', till)
    end
  end
end
return done
"""
"""ARGV: the stream's length, then for each session its value and until when (ms, 0: for ever). Sticky: an active
session that comes after a revoked one changes nothing. What stands there already is told to nobody again; only the
time of its going is set anew. Returns how many stood otherwise, then the places of those that stay revoked."""

REMOVE = """
local gone = 0
for i = 2, #KEYS do
  local held = redis.pcall('GET', KEYS[i])
  gone = gone + redis.call('DEL', KEYS[i])
  local read, old = pcall(cjson.decode, held)
  local active = type(held) == 'string' and read and type(old) == 'table' and old.status == 'active'
  if active and ARGV[i + 1] ~= '' then
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'device_session_id', ARGV[i + 1],
      'user_id', tostring(old.user_id), 'client_public_key', tostring(old.client_public_key),
      'status', 'revoked', 'revoked_at_ms', ARGV[2])
  end
end
return gone
"""
"""ARGV: the stream's length, now (ms), the sessions ('' for one that nobody can know by its name). Who follows
the stream hears that what was active is revoked."""

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

DECLARE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[2], ARGV[2])
redis.call('DEL', KEYS[1])
return 1
"""
"""KEYS: who may rebuild, the run that lacks nothing. ARGV: who asks, and the run. Whoever lost the right to rebuild may
have filled a Redis that was emptied meanwhile."""
