-- agent_state_intervals: time of an agent in one state with one load of chats, cut at midnight UTC.
-- A state lasts from the event that tells it to the next event of the same login of the same agent session.
-- After a logout, and after the last event of a login that has no logout, nothing is counted.
-- An event without a state of its own (0 irrelevant, -1 unknown) keeps the state that the next event calls
-- the previous one, else the last one told since the login, else -1.
-- Events whose time is not of the day they are filed under (see `date`) are left out.
VIEW agent_state_intervals AS
WITH told AS (
  SELECT *, MS(timestamp) AS at_ms,
    sum(CASE WHEN type = 3 THEN 1 ELSE 0 END) OVER (
      PARTITION BY account_id, agent_session_id, agent_id
      ORDER BY timestamp, source_file, source_record, source_body, source_item) AS login
  FROM agent_activity_latest
  WHERE OWN_TIME(timestamp) IS NOT NULL
),
followed AS (
  SELECT *,
    lead(at_ms) OVER spell AS next_ms,
    lead(prev_state) OVER spell AS next_prev_state,
    LAST_TOLD(CASE WHEN state > 0 THEN state WHEN coalesce(type, -1) <> 3 AND prev_state > 0 THEN prev_state END) OVER spell AS last_state
  FROM told
  WINDOW spell AS (
    PARTITION BY account_id, agent_session_id, agent_id, login
    ORDER BY timestamp, source_file, source_record, source_body, source_item)
),
lasting AS (
  SELECT account_id, agent_id, agent_username, agent_session_id,
    coalesce(CASE WHEN state > 0 THEN state END, CASE WHEN next_prev_state > 0 THEN next_prev_state END, last_state, -1) AS state,
    concurrent_eng, max_concurrent_eng, at_ms, next_ms
  FROM followed
  WHERE next_ms > at_ms AND coalesce(type, -1) <> 4
),
by_day AS (
  SELECT *, EACH_OF(DAY_OF(at_ms), DAY_OF(next_ms - 1)) AS day
  FROM lasting
),
cut AS (
  SELECT *, greatest(at_ms, day * 86400000) AS from_ms, least(next_ms, (day + 1) * 86400000) AS to_ms
  FROM by_day
)
SELECT account_id, DATE_OF(day) AS date, agent_id, agent_username, agent_session_id,
  state, STATE_TEXT() AS state_text, concurrent_eng, max_concurrent_eng,
  TIME_OF(from_ms) AS started_at, TIME_OF(to_ms) AS ended_at, to_ms - from_ms AS time_ms
FROM cut;

-- agent_state_daily: time per account, day (UTC), agent and state. Sessions of an agent that overlap add up.
VIEW agent_state_daily AS
SELECT account_id, date, agent_id, max(agent_username) AS agent_username, state, state_text,
  CAST(sum(time_ms) AS BIGINT) AS time_ms
FROM agent_state_intervals
GROUP BY account_id, date, agent_id, state, state_text;

-- agent_utilisation_daily: one row per account, day (UTC) and agent.
-- logged_in_ms: all states but offline, busy_ms: logged in with at least one chat, chat_ms: time of all chats
-- together, capacity_ms: logged in, times the limit of chats, where a limit is told.
-- online_share: online of logged in, busy_share: busy of logged in, load_share: chats of capacity.
VIEW agent_utilisation_daily AS
WITH sums AS (
  SELECT account_id, date, agent_id, max(agent_username) AS agent_username,
    count(DISTINCT agent_session_id) AS sessions,
    min(started_at) AS first_at, max(ended_at) AS last_at,
    SUM_MS(state <> 1, time_ms) AS logged_in_ms,
    SUM_MS(state = 2, time_ms) AS online_ms,
    SUM_MS(state = 3, time_ms) AS back_soon_ms,
    SUM_MS(state = 4, time_ms) AS away_ms,
    SUM_MS(state = 1, time_ms) AS offline_ms,
    SUM_MS(state NOT IN (1, 2, 3, 4), time_ms) AS unknown_ms,
    SUM_MS(state <> 1 AND concurrent_eng > 0, time_ms) AS busy_ms,
    SUM_MS(state <> 1 AND concurrent_eng > 0, time_ms * concurrent_eng) AS chat_ms,
    SUM_MS(state <> 1 AND max_concurrent_eng > 0, time_ms * max_concurrent_eng) AS capacity_ms,
    SUM_MS(state <> 1 AND max_concurrent_eng > 0 AND concurrent_eng > 0, time_ms * concurrent_eng) AS limited_chat_ms
  FROM agent_state_intervals
  GROUP BY account_id, date, agent_id
)
SELECT account_id, date, agent_id, agent_username, sessions, first_at, last_at,
  logged_in_ms, online_ms, back_soon_ms, away_ms, offline_ms, unknown_ms, busy_ms, chat_ms, capacity_ms,
  online_ms / nullif(logged_in_ms, 0) AS online_share,
  busy_ms / nullif(logged_in_ms, 0) AS busy_share,
  limited_chat_ms / nullif(capacity_ms, 0) AS load_share
FROM sums;
