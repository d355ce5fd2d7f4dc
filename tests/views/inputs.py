"""Files in which the service tells things twice, changes them, or leaves out what it usually tells.

    python tests/views/inputs.py FOLDER GENERATED

Writes FOLDER/75555851/… and FOLDER/0042/…; the generated files go to the first account, each twice: as it is, and told again
in a file of twelve hours later.
"""

import gzip
import json
import sys
from pathlib import Path

HOUR = 3_600_000
DAY = 24 * HOUR
#: 2026-02-10T00:00:00Z
TEN = 1_770_681_600_000
LIVEPERSON = "com.liveperson.dataaccess."


def avro(value):
    """As in a union: every value under the name of its type."""
    if isinstance(value, bool):
        return {"boolean": value}
    if isinstance(value, int):
        return {"long": value}
    if isinstance(value, str):
        return {"string": value}
    if isinstance(value, list):
        return {"array": value}
    return value


def record(**fields):
    return {name: avro(value) for name, value in fields.items()}


def named(name, value):
    return {LIVEPERSON + name: value}


def envelope(kind, account, start, bodies, end=None):
    return {
        "dataType": named("DataTypeEnum", kind),
        "metaData": {"accountId": avro(account), "schemaVersion": "1.0.0.35", "startTime": avro(start), "endTime": avro(end)},
        "recordCollection": [{"body": body} for body in bodies],
    }


# Agents


def event(agent, at, kind, state, before, chats=0, chats_before=0, most=4, **more):
    return record(agentID=agent, type=kind, state=state, timestamp=at, prevState=before, agentUsername=f"agent {agent}",
                  concurrentEng=chats, prevConcurrentEng=chats_before, maxConcurrentEng=most if kind == 1 else -9, **more)


def agent_session(account, session, events, start=None):
    header = named("AgentHeader", record(agentSessionId=session))
    body = named("AgentActivityData", {"header": header, "agentSessionsData": avro(events)})
    return envelope("AgentActivity", account, start or TEN + 22 * HOUR, [body])


LOGIN, LOGOUT, CHAT = 3, 4, 1


def agents(account, shift=0):
    """Files of agents: (scope's start, part, documents)."""
    at = TEN + shift
    night = [
        event(9, at + 22 * HOUR, LOGIN, 0, 1),
        event(9, at + 22 * HOUR + 60_000, CHAT, 2, 1),
        # Two events within one millisecond: the later in the file holds.
        event(9, at + 23 * HOUR, CHAT, 3, 2, 1),
        event(9, at + 23 * HOUR, CHAT, 2, 3, 2, 1),
        # Without a state of its own: the next event tells what it was.
        event(9, at + 23 * HOUR + 600_000, CHAT, 0, 2, 3, 2),
        event(9, at + 23 * HOUR + 50 * 60_000, CHAT, 4, 2, 3, 3),
        event(9, at + 24 * HOUR + 20 * 60_000, CHAT, 3, 4, 0, 3),
        event(9, at + 24 * HOUR + 40 * 60_000, LOGOUT, 0, 3),
    ]
    whole = agent_session(account, "s-night", night)
    early = [
        event(10, at + 8 * HOUR, LOGIN, 0, 1),
        event(10, at + 8 * HOUR + 1_000, CHAT, 2, 1),
        event(10, at + 9 * HOUR, CHAT, 4, 2),
    ]
    late = [
        event(10, at + 9 * HOUR, CHAT, 4, 2),
        event(10, at + 9 * HOUR + 900_000, CHAT, 2, 4, 2),
        event(10, at + 10 * HOUR, LOGOUT, 1, 2),
    ]
    crashed = [
        event(11, at + 1 * HOUR, LOGIN, 0, 1),
        event(11, at + 2 * HOUR, CHAT, 2, 1, 1),
        # No logout: what follows the last event is unknown.
        event(11, at + 3 * HOUR, CHAT, 4, 2, 0, 1),
        event(11, at + 7 * HOUR, LOGIN, 0, 1),
        event(11, at + 7 * HOUR + 5_000, CHAT, 7, 0, 1),
        event(11, at + 7 * HOUR + 9_000, CHAT, -1, 7, 1, 1),
        event(11, at + 7 * HOUR + 19_000, LOGOUT, 0, 0),
        event(11, at + 8 * HOUR, LOGIN, 0, 1),
        event(11, at + 8 * HOUR + 7_000, CHAT, 1, 0),
        event(11, at + 8 * HOUR + 9_000, LOGOUT, 1, 1),
        # After a logout nothing counts until the agent is seen again.
        event(11, at + 8 * HOUR + 20_000, CHAT, 4, 1),
        event(11, at + 8 * HOUR + 21_000, CHAT, 2, 4),
    ]
    days = [
        event(12, at - 3 * DAY + 5, LOGIN, 2, 1),
        event(12, at, LOGOUT, 1, 2),
    ]
    odd = [
        event(13, at + 5 * HOUR, LOGIN, 2, 1),
        # 1970, 1799 and 9998: times of which nothing may follow.
        event(13, 12_345, CHAT, 3, 2),
        event(13, -5_364_662_400_000, CHAT, 3, 2),
        event(13, 253_300_000_000_000, CHAT, 3, 2),
        record(agentID=13, state=4, timestamp=at + 5 * HOUR + 30_000),
        record(type=CHAT, state=2, timestamp=at + 5 * HOUR + 31_000),
        event(13, at + 5 * HOUR + 90_000, LOGOUT, 0, 4),
    ]
    nameless = [event(14, at + HOUR, LOGIN, 2, 1), event(14, at + HOUR + 400, LOGOUT, 1, 2)]
    return [
        (TEN + 25 * HOUR, 0, [whole, agent_session(account, "s-early", early), agent_session(account, "s-crash", crashed)]),
        # The published example has one record twice in one file.
        (TEN + 25 * HOUR, 1, [agent_session(account, "s-days", days), agent_session(account, "s-days", days)]),
        (TEN + 26 * HOUR, 0, [agent_session(account, "s-odd", odd), agent_session(account, "", nameless),
                              agent_session(account, None, nameless)]),
        (TEN + 31 * HOUR, 0, [whole, agent_session(account, "s-early", late, start=at + 9 * HOUR)]),
    ]


# Visits


def web(account, visit, bodies, start, visitor="visitor-1"):
    header = named("VisitorHeader", record(visitId=visit, visitorId=visitor, contextId=None))
    return envelope("WebSession", account, start, [named(name, {"header": header, **fields}) for name, fields in bodies])


def page(at, url, referrer=""):
    return record(timestamp=at, url=url, referrerUrl=referrer, sections=["a", "b"])


def pages(*items):
    return "WebSessionNavigationData", {"navigationData": avro(list(items))}


def campaign(number):
    return named("Campaign", {"id": avro(number), "visitorProfiles": avro([record(id=1, revision=2)])})


def impression(kind, instance, number, at=None):
    fields = record(engagementInstanceId=instance, impressionType=kind, state="1")
    if at:
        fields["timestamp"] = avro(at)
    fields["engagement"] = named("Engagement", {"id": avro(900 + number), "type": avro("5")})
    return {**fields, "campaign": campaign(number), "goal": named("Goal", {"id": avro(70), "type": {"int": 4}})}


def impressions(*items):
    return "WebSessionImpressionData", {"impressions": avro(list(items))}


def eligible(at, *numbers):
    campaigns = [{"campaign": campaign(n), "engagements": avro([]), "goal": named("Goal", record(id=n + 5))} for n in numbers]
    return "WebSessionEligibilityData", {"eligibilityData": avro([{"eligibleCampaigns": avro(campaigns), "timestamp": avro(at)}])}


def goal(uuid, at, number):
    metadata = named("LeadMetadata", record(topic="t", leadId="l"))
    return {**record(id=uuid, timestamp=at, campaignGoalId=number, campaignGoalRevision=1), "goalMetaData": metadata}


def goals(*items):
    return "WebSessionGoalAchievedData", {"achievedGoals": avro(list(items))}


def signed_in(at, conversation, kind="CustomerInfo"):
    data = named(kind, record(authenticatedConversationId=conversation))
    return {"timestamp": avro(at), "data": data}


def attributes(*items):
    return "WebSessionEngAttrsData", {"engagementAttributes": avro(list(items))}


def geo(country, city):
    return "WebSessionGeoData", record(country=country, city=city, iPV4="192.0.2.1")


def device(at, family):
    return "WebSessionSessionInfoData", record(sessionStartTime=at, deviceFamily=family, deviceOS="LINUX", searchEngine="Google")


def visits(account, shift=0):
    at = TEN + shift
    twice = impression("Show", "1", 1, at + 4_000)
    first = [
        pages(page(at + 1_000, "https://a/1", "https://search/"), page(at + 2_000, "https://a/2"), page(at + 2_000, "https://a/2")),
        eligible(at + 3_000, 1, 2, 1),
        impressions(twice, twice, impression("Accept", "1", 1, at + 5_000), impression("Show", "2", 2), impression("Show", "2", 2)),
        goals(goal("g-1", at + 6_000, 50), goal("g-2", at + 6_000, 50)),
        attributes(signed_in(at + 7_000, "c-empty"), signed_in(at + 7_000, "c-visit", "PersonalInfo"),
                   signed_in(at + 8_000, "c-nowhere"), signed_in(at + 8_500, "")),
        geo("Germany", "Köln"),
        device(at + 900, "DESKTOP"),
    ]
    # The same visit again, grown by a page and an impression, its place told otherwise.
    again = [first[0], pages(page(at + 9_000, "https://a/3", "https://a/2")), first[1],
             impressions(twice, impression("Close", "1", 1, at + 9_500), impression("Timeout", "2", 2, at + 9_500),
                         impression("Blink", "2", 2, at + 9_600)), first[3], geo("Japan", "東京")]
    wild = [pages(page(at + 29 * HOUR, None, None), page(99, "https://w/1970"), page(None, "https://w/none"), page(at + 30 * HOUR, "https://w/ok"),
                  page(253_300_000_000_000, "https://w/9998"), page(-5_364_662_400_000, "https://w/1799"))]
    rest = web(account, "v-1", [pages(page(at + 3 * HOUR, "https://a/late"))], at + 3 * HOUR)
    return [
        (TEN + 25 * HOUR, 0, [web(account, "v-1", first, at), web(account, "v-wild", wild, at + 29 * HOUR, "visitor-2")]),
        (TEN + 27 * HOUR, 0, [web(account, "v-1", again, at), web(account, "", first, at), web(account, None, again, at)]),
        (TEN + 27 * HOUR, 1, [rest, rest, web(account, "v-place", [geo("France", "Lyon")], at, None)]),
    ]


# Conversations and surveys


def message(text, at):
    return record(text=text, timestamp=at, by="info", type="2", messageId=text)


def conversation(number, start, lines, visit="", moved=0, forms=0, **more):
    fields = record(conversationId=number, conversationStartTime=start, startUrl="https://c/", **more)
    fields["type"] = named("ConversationType", "LIVE_CHAT")
    fields["campaignData"] = named("CampaignData", record(campaignId=1, campaignEngagementId=901))
    fields["transcripts"] = avro([message(f"{number} {visit} {i} of {lines}", start and start + i) for i in range(lines)])
    fields["transfers"] = avro([record(timestamp=start, skillId=i) for i in range(moved)])
    fields["secureForms"] = avro([record(form=i) for i in range(forms)])
    return named("Conversation", fields)


def chats_of(account, start, conversations, visit="", end=None):
    header = named("VisitorHeader", record(visitId=visit, visitorId="", contextId=""))
    return envelope("Engagement", account, start, [named("EngagementData", {"header": header, "engagements": avro(conversations)})], end)


def chats(account, shift=0):
    at = TEN + shift
    first = chats_of(account, at, [conversation("c-empty", at + 2_500, 3, moved=2, forms=2), conversation("c-twice", at, 4, forms=1)])
    shrunk = chats_of(account, at, [conversation("c-empty", at + 2_500, 2, forms=1)])
    body_twice = chats_of(account, at, [conversation("c-body", at, 5, moved=1, forms=2), conversation("c-other", at, 2),
                                        conversation("c-body", at, 3, moved=2, forms=2), conversation(None, at, 2, forms=1),
                                        conversation(None, at, 2), conversation("", None, 1, moved=1)])
    long, short = [chats_of(account, at, [conversation("c-end", at, n)], end=at + 100 * n) for n in (3, 2)]
    # The later file counts, whatever its record says of its end.
    before = chats_of(account, at, [conversation("c-scope", at, 4)], end=at + HOUR)
    after = chats_of(account, at, [conversation("c-scope", at, 1)], end=at + 1)
    of_visit = chats_of(account, at, [conversation("c-visit", at + 2_700, 1), conversation("c-untimed", None, 1)], visit="v-1")
    alone = chats_of(account, at, [conversation("c-alone", at + 77, 1)], visit="v-chat-only")
    # Told again with another start, and so under another date.
    moved = chats_of(account, at + 9, [conversation("c-twice", at + DAY, 1)])
    return [
        (TEN + 25 * HOUR, 0, [first, of_visit, alone, before]),
        (TEN + 25 * HOUR, 1, [long]),
        (TEN + 25 * HOUR, 2, [short]),
        (TEN + 28 * HOUR, 0, [shrunk, body_twice, of_visit, moved, after]),
    ]


def survey(number, kind, conversation_id, answers, at):
    fields = {"id": avro(number), "type": kind and {"int": kind}, "viewTime": avro(at), "conversationId": avro(conversation_id)}
    contents = [record(question=f"q{i}", answer=f"{number} {conversation_id} {answers}", answerSubmitTime=at + i) for i in range(answers)]
    return {**fields, "contents": avro(contents)}


def surveys(account, shift=0):
    at = TEN + shift
    told = lambda *items, start=at, end=None: envelope("Survey", account, start, [named("SurveyData", {
        "header": named("VisitorHeader", record(visitId="", visitorId="", contextId="")), "surveys": avro(list(items))})], end)
    return [
        (TEN + 25 * HOUR, 0, [told(survey(1, 3, "c-empty", 4, at), survey(1, 3, "c-other", 1, at), survey(2, None, "c-empty", 2, at)),
                              told(survey(3, 1, None, 2, at)), told(survey(3, 1, None, 2, at)), told(survey(3, 4, "", 1, at))]),
        (TEN + 29 * HOUR, 0, [told(survey(1, 3, "c-empty", 2, at), survey(2, None, "c-empty", 3, at), survey(2, 2, "c-empty", 1, at)),
                              told(survey(None, 2, "c-empty", 1, at)),
                              told(survey(5, 2, "c-body", 3, at), survey(5, 2, "c-body", 1, at), survey(6, 2, "c-body", 0, at))]),
    ]


def told_twice(generated, folder):
    for path in sorted(Path(generated).iterdir()):
        prefix, start, end, rest = path.name.split(".", 3)
        for later in (0, 12 * HOUR):
            (folder / f"{prefix}.{int(start) + later}.{int(end) + later}.{rest}").write_bytes(path.read_bytes())


def main():
    streams = {"Agent": agents, "WebSession": visits, "Engagement": chats, "Survey": surveys}
    for account, shift in [("75555851", 0), ("0042", 7 * HOUR)]:
        folder = Path(sys.argv[1]) / account
        folder.mkdir(parents=True)
        for prefix, make in streams.items():
            for start, part, documents in make(account, shift):
                name = f"{prefix}.{start}.{start + HOUR}.part-{part:05}-0.gz"
                text = "\n".join(json.dumps(document, ensure_ascii=False) for document in documents)
                (folder / name).write_bytes(gzip.compress(text.encode()))
    told_twice(sys.argv[2], Path(sys.argv[1]) / "75555851")


if __name__ == "__main__":
    main()
