"""Small sound documents, to be broken by the cases."""

import gzip
import json

T0 = 1_700_000_000_000
SCOPE = (1_699_999_200_000, 1_700_002_800_000)
DAY = "2023-11-14"
NS = "com.liveperson.dataaccess."
VISIT = {"visitId": {"string": "visit-1"}, "visitorId": {"string": "visitor-1"}, "contextId": None}
PREFIX = {"agent": "Agent", "web": "WebSession", "engagement": "Engagement", "survey": "Survey"}
DATA_TYPE = {"agent": "AgentActivity", "web": "WebSession", "engagement": "Engagement", "survey": "Survey"}


def part(kind, number=0):
    return f"{PREFIX[kind]}.{SCOPE[0]}.{SCOPE[1]}.part-{number:05}-0"


def envelope(kind, *elements, **over):
    return {
        "dataType": {NS + "DataTypeEnum": DATA_TYPE[kind]},
        "metaData": {
            "accountId": {"string": "75555851"}, "schemaVersion": "1.0.0.35", "startTime": {"long": T0},
            "endTime": {"long": T0 + 60_000},
        },
        "recordCollection": list(elements),
        **over,
    }


def event(agent=9, at=T0, **over):
    return {
        "agentID": {"long": agent}, "type": {"long": 3}, "state": {"long": 2}, "timestamp": {"long": at},
        "prevState": {"long": 1}, "agentEmployeeId": {"string": ""}, "agentNickname": {"string": f"Agent {agent}"}, **over,
    }


def agent_body(*events, session="session-1", **over):
    header = {NS + "AgentHeader": {"agentSessionId": {"string": session}}}
    return {"body": {NS + "AgentActivityData": {"header": header, "agentSessionsData": {"array": list(events)}, **over}}}


def agents(*numbers):
    """One envelope with one event for each agent number."""
    return envelope("agent", agent_body(*(event(n) for n in numbers)))


def web_body(kind, visit=VISIT, **fields):
    header = None if visit is None else {NS + "VisitorHeader": dict(visit)}
    return {"body": {NS + kind: {"header": header, **fields}}}


def page(n, **over):
    return {
        "timestamp": {"long": T0 + n}, "url": {"string": f"https://shop.example/{n}"}, "referrerUrl": {"string": ""},
        "sections": {"array": ["a"]}, **over,
    }


def pages(*numbers, **over):
    return web_body("WebSessionNavigationData", navigationData={"array": [page(n) for n in numbers]}, **over)


def text(*documents, indent=None, end="\n"):
    return "".join(json.dumps(d, indent=indent, ensure_ascii=False) + end for d in documents).encode()


def gz(data):
    return gzip.compress(data, mtime=0)
