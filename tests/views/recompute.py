"""What the views must show, computed from the input files alone: no lake, no SQL.

    input files -> rows of the tables (tests/oracle) -> rows told last -> numbers of agents and visits

Written from what the views promise (README, comments in the SQL), row by row, to be slow and plain.
"""

import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "oracle"))

from documents import input_files, read
from expect import Expected, expect

DAY = 86_400_000
LOGIN, LOGOUT = 3, 4

#: ids that must be there, further columns of the key
REPLACED = {
    "agent_sessions": (["agent_session_id"], ["record_start_time", "source_body"]),
    "web_sessions": (["visit_id"], ["record_start_time"]),
    "geo": (["visit_id"], []),
    "session_info": (["visit_id"], []),
    "conversations": (["conversation_id"], []),
    "surveys": (["conversation_id", "id"], ["type"]),
}
ATTRIBUTE = ["type", "purchase", "cart_status", "viewed_product", "lead", "service_activity", "visitor_error",
             "marketing_campaign_info", "customer_info", "personal_info"]
REPEATED = {
    "agent_activity": (["agent_session_id", "timestamp"],
                       ["agent_id", "type", "state", "prev_state", "concurrent_eng", "prev_concurrent_eng"]),
    "navigation": (["visit_id", "timestamp"], ["url", "referrer_url"]),
    "engagement_attributes": (["visit_id", "timestamp"], ATTRIBUTE),
    "goals": (["visit_id", "id"], ["timestamp", "campaign_goal_id"]),
    "eligibility": (["visit_id", "timestamp"], ["eligible_campaigns"]),
    "impressions": (["visit_id"], ["timestamp", "engagement_instance_id", "impression_type", "state"]),
}
PARTS = {"messages": "conversations", "transfers": "conversations", "secure_forms": "conversations", "survey_answers": "surveys"}


class Fact:
    """A row of a table, with the account and the row that it came with."""

    def __init__(self, account, row, parent):
        self.account, self.row, self.parent = account, row, parent
        self.file, self.record, self.body, self.item = row.key
        self.day = row.day

    def get(self, column):
        return {"source_body": self.body}.get(column, self.row.columns.get(column))

    def lineage(self):
        return (self.account, self.file, self.record, self.body, self.item)

    def place(self):
        return (self.file, self.record, -1 if self.body is None else self.body, self.item)

    def age(self):
        """Sorts the newest last."""
        end = self.get("record_end_time")
        return (int(self.file.split(".")[2]), -(2**63) if end is None else end, *self.place())

    def own(self, column="timestamp"):
        """The time, unless it is so wild that the row lies under another day."""
        time = self.get(column)
        return time if time is not None and time // DAY == self.day else None

    def field(self, record, name):
        return (self.get(record) or {}).get(name)


def facts_of(inputs):
    """table -> facts, of every account: `inputs` holds a folder per account."""
    facts = defaultdict(list)
    for folder in sorted(p for p in Path(inputs).iterdir() if p.is_dir()):
        expected = Expected()
        for path, name in input_files([folder]):
            expect(name[0], (int(name[2]), int(name[3])), read(path), expected)
        parents = {}
        for row in expected.rows:
            # A parent's rows follow it.
            parent = parents.get(PARTS.get(row.table))
            fact = Fact(folder.name, row, parent)
            if row.table in PARTS.values():
                parents[row.table] = fact
            facts[row.table].append(fact)
    return facts


def frozen(value):
    """A value that can be compared and hashed; a member that is not there is null."""
    if isinstance(value, dict):
        return frozenset((k, frozen(v)) for k, v in value.items() if v is not None)
    return tuple(map(frozen, value)) if isinstance(value, list) else value


def key_of(fact, ids, also):
    found = [fact.get(column) for column in ids]
    if any(value is None or value == "" for value in found):
        return None
    return (fact.account, *(frozen(fact.get(column)) for column in ids + also))


def latest_of(facts):
    """table -> facts without repetitions."""
    latest = {}
    for table, (ids, also) in REPLACED.items():
        newest, alone = {}, []
        for fact in facts[table]:
            key = key_of(fact, ids, also)
            if key is None:
                alone.append(fact)
            elif key not in newest or newest[key].age() < fact.age():
                newest[key] = fact
        latest[table] = alone + list(newest.values())
    for table, (ids, also) in REPEATED.items():
        newest, alone = {}, []
        met = defaultdict(int)
        for fact in sorted(facts[table], key=Fact.place):
            key = key_of(fact, ids, also)
            if key is None:
                alone.append(fact)
                continue
            key = (fact.day, *key)
            met[fact.file, fact.record, key] += 1
            key = (met[fact.file, fact.record, key], *key)
            if key not in newest or newest[key].age() < fact.age():
                newest[key] = fact
        latest[table] = alone + list(newest.values())
    for table, above in PARTS.items():
        shown = set(map(id, latest[above]))
        latest[table] = [fact for fact in facts[table] if id(fact.parent) in shown]
    return latest


# Agents

UTILISATION_STATES = {1: "offline", 2: "online", 3: "back_soon", 4: "away"}
STATES = {-1: "unknown", 1: "offline", 2: "online", 3: "back soon", 4: "away"}


def intervals(latest):
    """(account, day, agent, name, session, state, state in words, chats, limit, from, to)"""
    sessions = defaultdict(list)
    for fact in latest["agent_activity"]:
        if fact.own() is not None:
            sessions[fact.account, fact.get("agent_session_id"), fact.get("agent_id")].append(fact)
    for (account, session, agent), events in sessions.items():
        events.sort(key=lambda fact: (fact.get("timestamp"), *fact.place()))
        last_state = None
        for event, after in zip(events, [*events[1:], None]):
            kind, state, before = event.get("type"), event.get("state") or 0, event.get("prev_state") or 0
            if kind == LOGIN:
                last_state = None
            told = state if state > 0 else before if kind != LOGIN and before > 0 else None
            last_state = told or last_state
            if kind == LOGOUT or after is None or after.get("type") == LOGIN:
                continue
            next_before = after.get("prev_state") or 0
            held = state if state > 0 else next_before if next_before > 0 else last_state or -1
            start, end = event.get("timestamp"), after.get("timestamp")
            while start < end:
                cut = min(end, (start // DAY + 1) * DAY)
                yield (account, start // DAY, agent, event.get("agent_username"), session, held, STATES.get(held),
                       event.get("concurrent_eng"), event.get("max_concurrent_eng"), start, cut)
                start = cut


def most(values):
    return max((value for value in values if value is not None), default=None)


def state_daily(pieces):
    groups = defaultdict(list)
    for account, day, agent, name, _, state, text, _, _, start, end in pieces:
        groups[account, day, agent, state, text].append((name, end - start))
    for (account, day, agent, state, text), told in groups.items():
        yield account, day, agent, most(n for n, _ in told), state, text, sum(t for _, t in told)


def utilisation_daily(pieces):
    groups = defaultdict(list)
    for piece in pieces:
        groups[piece[:3]].append(piece[3:])
    for (account, day, agent), told in groups.items():
        spent = dict.fromkeys([*UTILISATION_STATES.values(), "unknown", "in", "busy", "chat", "capacity", "limited"], 0)
        for _, _, state, _, chats, limit, start, end in told:
            time = end - start
            spent[UTILISATION_STATES.get(state, "unknown")] += time
            if state == 1:
                continue
            chats, limit = max(chats or 0, 0), max(limit or 0, 0)
            spent["in"] += time
            spent["busy"] += time if chats else 0
            spent["chat"] += time * chats
            spent["capacity"] += time * limit
            spent["limited"] += time * chats if limit else 0
        share = lambda part, whole: spent[part] / spent[whole] if spent[whole] else None
        sessions = {session for _, session, *_ in told if session is not None}
        yield (account, day, agent, most(name for name, *_ in told), len(sessions), min(t[6] for t in told), max(t[7] for t in told),
               spent["in"], spent["online"], spent["back_soon"], spent["away"], spent["offline"], spent["unknown"], spent["busy"],
               spent["chat"], spent["capacity"], share("online", "in"), share("busy", "in"), share("limited", "capacity"))


# Visits

KINDS = {"show": "engagement shown", "accept": "engagement accepted", "close": "engagement closed", "timeout": "engagement timed out"}


def journey_events(latest):
    """(account, visit, visitor, step, time, event, url, campaign, engagement, goal, conversation, detail)"""
    told = defaultdict(list)

    def tell(account, visit, visitor, rank, time, event, place, url=None, campaign=None, engagement=None, goal=None,
             conversation=None, detail=None):
        if visit:
            order = (time is None, time or 0, rank, place, campaign is None, campaign or 0, goal is None, goal or 0,
                     conversation is None, conversation or "")
            told[account, visit].append((order, (visitor, time, event, url, campaign, engagement, goal, conversation, detail)))

    starts, chats, named = defaultdict(list), {}, defaultdict(list)
    for table, column in [("web_sessions", "record_start_time"), ("session_info", "session_start_time")]:
        for fact in latest[table]:
            starts[fact.account, fact.get("visit_id")].append((fact.get("visitor_id"), fact.own(column)))
    for (account, visit), rows in starts.items():
        first = min((time for _, time in rows if time is not None), default=None)
        tell(account, visit, most(v for v, _ in rows), 0, first, "visit", ("", 0, 0, 0))

    def own(fact, rank, event, **more):
        tell(fact.account, fact.get("visit_id"), fact.get("visitor_id"), rank, fact.own(), event, fact.place(), **more)

    for fact in latest["navigation"]:
        own(fact, 1, "page", url=fact.get("url"), detail=fact.get("referrer_url"))
    for fact in latest["engagement_attributes"]:
        own(fact, 2, "attribute", detail=fact.get("type"))
        for record in ("customer_info", "personal_info"):
            if conversation := fact.field(record, "authenticated_conversation_id"):
                named[fact.account, fact.get("visit_id"), conversation].append((fact.get("visitor_id"), fact.own()))
    for fact in latest["eligibility"]:
        for campaign in fact.get("eligible_campaigns") or []:
            if campaign is None:
                continue
            own(fact, 3, "eligible", campaign=(campaign.get("campaign") or {}).get("id"), goal=(campaign.get("goal") or {}).get("id"))
    for fact in latest["impressions"]:
        event = KINDS.get((fact.get("impression_type") or "").lower(), "engagement")
        own(fact, 4, event, campaign=fact.field("campaign", "id"), engagement=fact.field("engagement", "id"),
            goal=fact.field("goal", "id"), detail=fact.get("engagement_instance_id"))

    def chat(fact):
        return {"url": fact.get("start_url"), "campaign": fact.field("campaign_data", "campaign_id"),
                "engagement": fact.field("campaign_data", "campaign_engagement_id"), "detail": fact.get("type")}

    for fact in latest["conversations"]:
        conversation = fact.get("conversation_id")
        if conversation:
            chats[fact.account, conversation] = fact
        tell(fact.account, fact.get("visit_id"), fact.get("visitor_id"), 5, fact.own("conversation_start_time"), "chat",
             fact.place(), conversation=conversation, **chat(fact))
    for (account, visit, conversation), rows in named.items():
        fact = chats.get((account, conversation))
        if fact and fact.get("visit_id") == visit:
            continue
        time = fact and fact.own("conversation_start_time")
        time = min((t for _, t in rows if t is not None), default=None) if time is None else time
        tell(account, visit, most(v for v, _ in rows), 5, time, "chat", ("", 0, 0, 0), conversation=conversation,
             **(chat(fact) if fact else {}))
    for fact in latest["goals"]:
        own(fact, 6, "goal", goal=fact.get("campaign_goal_id"), detail=fact.get("goal_meta_data_type"))
    for (account, visit), events in told.items():
        events.sort(key=lambda event: event[0])
        for step, (_, (visitor, *rest)) in enumerate(events, 1):
            yield (account, visit, visitor, step, *rest)


def journeys(latest, events):
    visits = defaultdict(list)
    for event in sorted(events, key=lambda event: event[3]):
        visits[event[:2]].append(event[2:])
    last = {table: {(f.account, f.get("visit_id")): f for f in latest[table]} for table in ("geo", "session_info")}
    for visit, told in visits.items():
        of = lambda event: [t for t in told if t[3] == event]
        ids = lambda column, rows: tuple(sorted({row[column] for row in rows if row[column] is not None}))
        times = [t[2] for t in told if t[2] is not None]
        start, end = min(times, default=None), max(times, default=None)
        pages = of("page")
        urls = [t[4] for t in pages if t[4] is not None]
        referrers = [t[9] for t in pages if t[9] is not None]
        place, device = last["geo"].get(visit), last["session_info"].get(visit)
        yield (*visit, most(t[0] or None for t in told), start, end, None if start is None else end - start, len(pages),
               urls[0] if urls else None, urls[-1] if urls else None, referrers[0] if referrers else None,
               ids(5, of("eligible")), ids(5, of("engagement shown")), len(of("engagement shown")), len(of("engagement accepted")),
               len(of("engagement closed")), len(of("engagement timed out")), len(of("chat")), ids(8, of("chat")), len(of("goal")),
               ids(7, of("goal")), *(place and place.get(c) for c in ("country", "city")),
               *(device and device.get(c) for c in ("device_family", "device_os", "search_engine")))
