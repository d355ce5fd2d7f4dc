-- visitor_journey_events: everything that is told of a visit, in order of time, what has no time comes last.
-- event: visit, page, attribute, eligible (a campaign), engagement shown, engagement accepted, engagement
-- closed, engagement timed out, engagement (another kind of impression), chat, goal.
-- detail: of a page its referrer, of an attribute its kind, of an engagement its instance, of a chat its
-- type, of a goal its kind. A chat belongs to the visit that its ids name, as LivePerson may leave these ids
-- empty, also to the visit whose attributes name it as the conversation in which the visitor signed in.
VIEW visitor_journey_events AS
WITH named AS (
  SELECT account_id, visit_id, max(visitor_id) AS visitor_id, conversation_id, min(named_at) AS named_at
  FROM (
    SELECT account_id, visit_id, visitor_id, OWN_TIME(timestamp) AS named_at,
      coalesce(nullif(customer_info.authenticated_conversation_id, ''),
        nullif(personal_info.authenticated_conversation_id, '')) AS conversation_id
    FROM engagement_attributes_latest
  ) AS attributes
  WHERE conversation_id IS NOT NULL
  GROUP BY account_id, visit_id, conversation_id
),
told AS (
  SELECT account_id, visit_id, max(visitor_id) AS visitor_id, min(told_at) AS happened_at, 0 AS kind,
    'visit' AS event, CAST(NULL AS STRING) AS url, CAST(NULL AS BIGINT) AS campaign_id,
    CAST(NULL AS BIGINT) AS engagement_id, CAST(NULL AS BIGINT) AS goal_id, CAST(NULL AS STRING) AS conversation_id,
    CAST(NULL AS STRING) AS detail, '' AS source_file, CAST(0 AS BIGINT) AS source_record,
    CAST(0 AS BIGINT) AS source_body, CAST(0 AS BIGINT) AS source_item
  FROM (
    SELECT account_id, visit_id, visitor_id, OWN_TIME(record_start_time) AS told_at FROM web_sessions_latest
    UNION ALL
    SELECT account_id, visit_id, visitor_id, OWN_TIME(session_start_time) FROM session_info_latest
  ) AS starts
  GROUP BY account_id, visit_id
  UNION ALL
  SELECT account_id, visit_id, visitor_id, OWN_TIME(timestamp), 1, 'page', url, NULL, NULL, NULL, NULL, referrer_url,
    source_file, source_record, source_body, source_item
  FROM navigation_latest
  UNION ALL
  SELECT account_id, visit_id, visitor_id, OWN_TIME(timestamp), 2, 'attribute', NULL, NULL, NULL, NULL, NULL, type,
    source_file, source_record, source_body, source_item
  FROM engagement_attributes_latest
  UNION ALL
  SELECT account_id, visit_id, visitor_id, OWN_TIME(timestamp), 3, 'eligible', NULL, eligible.campaign.id, NULL, eligible.goal.id,
    NULL, NULL, source_file, source_record, source_body, source_item
  FROM (SELECT *, EACH(eligible_campaigns) AS eligible FROM eligibility_latest) AS campaigns
  UNION ALL
  SELECT account_id, visit_id, visitor_id, OWN_TIME(timestamp), 4,
    CASE lower(impression_type) WHEN 'show' THEN 'engagement shown' WHEN 'accept' THEN 'engagement accepted'
      WHEN 'close' THEN 'engagement closed' WHEN 'timeout' THEN 'engagement timed out' ELSE 'engagement' END,
    NULL, campaign.id, engagement.id, goal.id, NULL, engagement_instance_id,
    source_file, source_record, source_body, source_item
  FROM impressions_latest
  UNION ALL
  SELECT account_id, visit_id, visitor_id, OWN_TIME(conversation_start_time), 5, 'chat', start_url, campaign_data.campaign_id,
    campaign_data.campaign_engagement_id, NULL, conversation_id, type,
    source_file, source_record, source_body, source_item
  FROM conversations_latest
  UNION ALL
  SELECT named.account_id, named.visit_id, named.visitor_id, coalesce(chats.started_at, named.named_at), 5, 'chat',
    chats.start_url, chats.campaign_id, chats.engagement_id, NULL, named.conversation_id, chats.type, '', 0, 0, 0
  FROM named LEFT JOIN (
    SELECT account_id, visit_id, conversation_id, OWN_TIME(conversation_start_time) AS started_at, start_url, type,
      campaign_data.campaign_id AS campaign_id, campaign_data.campaign_engagement_id AS engagement_id
    FROM conversations_latest WHERE conversation_id <> ''
  ) AS chats ON named.account_id = chats.account_id AND named.conversation_id = chats.conversation_id
  WHERE coalesce(chats.visit_id, '') <> named.visit_id
  UNION ALL
  SELECT account_id, visit_id, visitor_id, OWN_TIME(timestamp), 6, 'goal', NULL, NULL, NULL, campaign_goal_id, NULL,
    goal_meta_data_type, source_file, source_record, source_body, source_item
  FROM goals_latest
)
SELECT account_id, visit_id, visitor_id,
  row_number() OVER (PARTITION BY account_id, visit_id
    ORDER BY happened_at NULLS LAST, kind, source_file, source_record, source_body, source_item, campaign_id NULLS LAST,
      goal_id NULLS LAST, conversation_id NULLS LAST) AS step,
  happened_at, event, url, campaign_id, engagement_id, goal_id, conversation_id, detail
FROM told
WHERE visit_id <> '';

-- visitor_journey: one row per account and visit. goals counts achievements, goal_ids tells which goals,
-- campaigns_… tell the ids of campaigns. Place and device are what was told last of the visit.
VIEW visitor_journey AS
WITH visits AS (
  SELECT account_id, visit_id, max(nullif(visitor_id, '')) AS visitor_id,
    min(happened_at) AS started_at, max(happened_at) AS ended_at,
    count(*) FILTER (WHERE event = 'page') AS pages,
    min_by(url, step) FILTER (WHERE event = 'page' AND url IS NOT NULL) AS first_url,
    max_by(url, step) FILTER (WHERE event = 'page' AND url IS NOT NULL) AS last_url,
    min_by(detail, step) FILTER (WHERE event = 'page' AND detail IS NOT NULL) AS first_referrer,
    LIST_OF(campaign_id, event = 'eligible') AS campaigns_eligible,
    LIST_OF(campaign_id, event = 'engagement shown') AS campaigns_shown,
    count(*) FILTER (WHERE event = 'engagement shown') AS engagements_shown,
    count(*) FILTER (WHERE event = 'engagement accepted') AS engagements_accepted,
    count(*) FILTER (WHERE event = 'engagement closed') AS engagements_closed,
    count(*) FILTER (WHERE event = 'engagement timed out') AS engagements_timed_out,
    count(*) FILTER (WHERE event = 'chat') AS chats,
    LIST_OF(conversation_id, event = 'chat') AS conversation_ids,
    count(*) FILTER (WHERE event = 'goal') AS goals,
    LIST_OF(goal_id, event = 'goal') AS goal_ids
  FROM visitor_journey_events
  GROUP BY account_id, visit_id
)
SELECT visits.account_id, visits.visit_id, visits.visitor_id, started_at, ended_at,
  MS(ended_at) - MS(started_at) AS duration_ms, pages, first_url, last_url, first_referrer,
  campaigns_eligible, campaigns_shown, engagements_shown, engagements_accepted, engagements_closed,
  engagements_timed_out, chats, conversation_ids, goals, goal_ids,
  place.country, place.city, device.device_family, device.device_os, device.search_engine
FROM visits
LEFT JOIN geo_latest AS place ON visits.account_id = place.account_id AND visits.visit_id = place.visit_id
LEFT JOIN session_info_latest AS device ON visits.account_id = device.account_id AND visits.visit_id = device.visit_id;
