"""Broken and odd inputs, each with what must become of it.

A case is a function that returns a Case: files by name, and the rows per table, quarantined records, mistyped values, failed parts and
exit code that follow from them. Where the contract leaves a figure open it is None.
"""

import io
import json
import zipfile
from dataclasses import dataclass, field

from build import NS, SCOPE, T0, VISIT, agent_body, agents, envelope, event, gz, page, pages, part, text, web_body

CASES = {}


@dataclass
class Case:
    files: dict
    #: table -> rows (None: any number); a table not named must be empty
    rows: dict
    quarantined: int = 0
    #: None: any number
    mistyped: int = 0
    unknown_fields: int = 0
    #: parts that must not be archived
    failed: int = 0
    exit: int = 0
    #: (SQL with {table} for a table's scan, expected rows)
    cells: list = field(default_factory=list)
    #: table, column path of the decoded `extra` of its only row with one, expected member
    extra: list = field(default_factory=list)
    #: texts that must be found somewhere in the lake: in a row, in quarantine or in raw
    told: list = field(default_factory=list)


def case(make):
    CASES[make.__name__] = make
    return make


def agent_file(data, number=0):
    return {part("agent", number): data}


def agent_rows(sessions, events):
    return {"agent_sessions": sessions, "agent_activity": events}


def whole_part_fails(data, kind="agent", **over):
    """A part that is not archived, beside a sound one that is."""
    files = {part(kind, 0): data, part("agent", 7): text(agents(1, 2))}
    return Case(files, agent_rows(1, 2), failed=1, exit=3, **over)


def one_event(member, cells=(), extra=(), **over):
    """A sound event beside one with an odd member."""
    data = text(envelope("agent", agent_body(event(1), event(2, **member))))
    return Case(agent_file(data), agent_rows(1, 2), cells=list(cells), extra=list(extra), **over)


# Nulls and emptiness

@case
def null_body_record_and_item():
    data = text(envelope("agent", {"body": None}, None, agent_body(None, event(1)), agent_body(event(2), None)), agents(3))
    return Case(agent_file(data), agent_rows(3, 3))


@case
def null_list():
    body = {"body": {NS + "AgentActivityData": {"header": None, "agentSessionsData": None}}}
    return Case(agent_file(text(envelope("agent", body), agents(3))), agent_rows(2, 1))


@case
def empty_record_collection_of_agents():
    return Case(agent_file(text(envelope("agent"), agents(1))), {**agent_rows(1, 1), "unrecognized": 1})


@case
def empty_record_collection_of_web_session():
    return Case({part("web"): text(envelope("web"))}, {"web_sessions": 1})


@case
def empty_list_with_visit_ids():
    header = {NS + "VisitorHeader": {**VISIT, "visitId": {"string": "lonely-visit"}}}
    body = {"body": {NS + "EngagementData": {"header": header, "engagements": {"array": []}}}}
    return Case({part("engagement"): text(envelope("engagement", body))}, {"unrecognized": 1}, told=["lonely-visit"])


@case
def empty_list_of_a_visit_that_another_row_tells():
    return Case(
        {part("web"): text(envelope("web", pages(1), pages()))}, {"web_sessions": 1, "navigation": 1},
        cells=[("SELECT visit_id, pages, attributes, goals, impressions FROM {web_sessions}", [("visit-1", 1, 0, 0, 0)])],
    )


@case
def missing_meta_data():
    document = agents(1)
    del document["metaData"]
    return Case(
        agent_file(text(document)), agent_rows(1, 1),
        cells=[("SELECT schema_version, record_start_time, CAST(date AS VARCHAR) FROM {agent_sessions}", [(None, None, "2023-11-14")])],
    )


@case
def empty_gzip_member_alone():
    return Case({part("agent") + ".gz": gz(b""), part("agent", 1): text(agents(1))}, agent_rows(1, 1))


@case
def empty_gzip_member_between():
    data = gz(text(agents(1))) + gz(b"") + gz(text(agents(2)))
    return Case({part("agent") + ".gz": data}, agent_rows(2, 2))


@case
def blank_file():
    return Case(agent_file(b"\n \r\n\t\n") | agent_file(text(agents(1)), 1), agent_rows(1, 1))


@case
def zero_byte_file():
    return whole_part_fails(b"")


# Framing

@case
def cut_line_in_the_middle():
    whole = text(agents(2)).replace(b"session-1", b"cut-session")
    cut = whole[: whole.index(b"agentSessionsData") - 1]
    data = text(agents(1)) + cut + b"\n" + text(agents(3), agents(4))
    return Case(agent_file(data), agent_rows(3, 3), quarantined=1, exit=3, told=["cut-session"])


@case
def cut_inside_a_string():
    whole = text(agents(2)).rstrip(b"\n")
    data = text(agents(1)) + whole[: whole.index(b"Agent 2") + 3] + b"\n" + text(agents(3))
    return Case(agent_file(data), agent_rows(2, 2), quarantined=1, exit=3)


@case
def cut_at_the_end():
    whole = text(agents(2))
    return Case(agent_file(text(agents(1)) + whole[: len(whole) - 30]), agent_rows(1, 1), quarantined=1, exit=3)


@case
def garbage_line_between():
    data = text(agents(1)) + b"this is not JSON: garbage-4711\n" + text(agents(2))
    return Case(agent_file(data), agent_rows(2, 2), quarantined=1, exit=3, told=["garbage-4711"])


@case
def other_values_at_the_top():
    data = b'[1, "array-at-top"]\n5\n"string-at-top"\n' + text(agents(1))
    return Case(agent_file(data), agent_rows(1, 1), quarantined=3, exit=3, told=["array-at-top", "string-at-top"])


@case
def no_envelope_shape():
    data = b'{}\n{"error": {"message": "shapeless-object"}}\n' + text(agents(1))
    return Case(agent_file(data), agent_rows(1, 1), quarantined=2, exit=3, told=["shapeless-object"])


@case
def byte_order_mark():
    return Case(agent_file(b"\xef\xbb\xbf" + text(agents(1), agents(2))), agent_rows(2, 2))


@case
def carriage_returns():
    data = text(agents(1), end="\r\n") + text(agents(2), indent=2).replace(b"\n", b"\r\n")
    return Case(agent_file(data), agent_rows(2, 2))


@case
def pretty_and_lines_in_one_file():
    data = text(agents(1), indent=4) + text(agents(2)) + text(agents(3), indent=1, end="") + text(agents(4), end="")
    return Case(agent_file(data), agent_rows(4, 4), cells=[
        ("SELECT source_record, agent_id FROM {agent_activity} ORDER BY 1", [(0, 1), (1, 2), (2, 3), (3, 4)]),
    ])


@case
def several_gzip_members():
    data = b"".join(gz(text(agents(n))) for n in range(5))
    return Case({part("agent") + ".gz": data}, agent_rows(5, 5))


@case
def gzip_member_border_inside_a_record():
    whole = text(agents(1), agents(2))
    return Case({part("agent") + ".gz": gz(whole[:100]) + gz(whole[100:])}, agent_rows(2, 2))


@case
def gzip_without_the_suffix_and_plain_with_it():
    return Case({part("agent"): gz(text(agents(1))), part("agent", 1) + ".gz": text(agents(2))}, agent_rows(2, 2))


@case
def one_object_of_20_mb():
    body = web_body("WebSessionNavigationData", navigationData={"array": [page(n) for n in range(130_000)]})
    return Case({part("web"): text(envelope("web", body))}, {"web_sessions": 1, "navigation": 130_000}, cells=[
        ("SELECT max(source_item), count(DISTINCT url) FROM {navigation}", [(129_999, 130_000)]),
    ])


@case
def one_string_of_20_mb():
    return one_event({"agentNickname": {"string": "x" * 20_000_000}}, cells=[
        ("SELECT length(agent_nickname) FROM {agent_activity} ORDER BY 1", [(7,), (20_000_000,)]),
    ])


# Text

@case
def lone_surrogate():
    data = text(envelope("agent", agent_body(event(1), event(2, agentNickname={"string": "@@"})))).replace(b"@@", b"A\\ud800B")
    return Case(agent_file(data), agent_rows(1, 2), mistyped=None, extra=[("agent_activity", "agentNickname", "A\\ud800B")], cells=[
        ("SELECT agent_id, agent_nickname FROM {agent_activity} ORDER BY 1", [(1, "Agent 1"), (2, None)]),
    ])


@case
def invalid_utf8_in_a_string():
    data = text(envelope("agent", agent_body(event(1), event(2, agentNickname={"string": "@@"})))).replace(b"@@", b"A\xffB")
    return Case(agent_file(data), agent_rows(1, 2), mistyped=None, extra=[("agent_activity", "agentNickname", "A\\xffB")], cells=[
        ("SELECT agent_id, agent_nickname FROM {agent_activity} ORDER BY 1", [(1, "Agent 1"), (2, None)]),
    ])


@case
def surrogate_pairs_and_control_characters():
    data = text(envelope("agent", agent_body(event(2, agentNickname={"string": "@@"})))).replace(b"@@", b"\\ud83d\\ude00\\u0000\\n\\/\xc3\xa9")
    return Case(agent_file(data), agent_rows(1, 1), cells=[
        ("SELECT hex(agent_nickname) FROM {agent_activity}", [("F09F9880000A2FC3A9",)]),
    ])


# Types

@case
def number_over_64_bits():
    huge = 99999999999999999999999
    return one_event({"agentID": {"long": huge}}, mistyped=1, extra=[("agent_activity", "agentID", huge)], cells=[
        ("SELECT agent_id FROM {agent_activity} ORDER BY source_item", [(1,), (None,)]),
    ])


@case
def borders_of_64_bits():
    return one_event({"agentID": {"long": 2**63 - 1}, "agentGroupID": {"long": -(2**63)}}, cells=[
        ("SELECT agent_id, agent_group_id FROM {agent_activity} WHERE source_item = 1", [(2**63 - 1, -(2**63))]),
    ])


@case
def int_over_32_bits():
    survey = {"id": {"long": 1}, "type": {"int": 2**31}, "viewTime": None, "conversationId": None, "contents": {"array": []}}
    body = {"body": {NS + "SurveyData": {"header": None, "surveys": {"array": [survey]}}}}
    return Case({part("survey"): text(envelope("survey", body))}, {"surveys": 1}, mistyped=1, extra=[("surveys", "type", 2**31)])


@case
def integer_for_double():
    answer = {"question": {"string": "q"}, "answer": {"string": "a"}, "answerSubmitTime": {"long": T0}, "csatThreshold": {"double": -1}}
    survey = {"id": {"long": 1}, "type": {"int": 3}, "conversationId": {"string": "c"}, "contents": {"array": [answer]}}
    body = {"body": {NS + "SurveyData": {"header": None, "surveys": {"array": [survey]}}}}
    return Case({part("survey"): text(envelope("survey", body))}, {"surveys": 1, "survey_answers": 1}, cells=[
        ("SELECT csat_threshold, typeof(csat_threshold), survey_id, survey_type, conversation_id FROM {survey_answers}",
         [(-1.0, "DOUBLE", 1, 3, "c")]),
    ])


@case
def canonical_text_for_long():
    return one_event({"agentID": {"string": "5"}}, cells=[("SELECT agent_id FROM {agent_activity} ORDER BY 1", [(1,), (5,)])])


@case
def other_text_for_long():
    return one_event({"agentID": {"string": "05"}}, mistyped=1, extra=[("agent_activity", "agentID", "05")], cells=[
        ("SELECT agent_id FROM {agent_activity} ORDER BY source_item", [(1,), (None,)]),
    ])


@case
def fraction_for_long():
    return one_event({"agentID": {"double": 1.5}}, mistyped=1, extra=[("agent_activity", "agentID", 1.5)])


@case
def number_for_text():
    return one_event({"agentNickname": 7, "agentUsername": {"long": 12345678901234567890}}, cells=[
        ("SELECT agent_nickname, agent_username FROM {agent_activity} WHERE source_item = 1", [("7", "12345678901234567890")]),
    ])


@case
def boolean_for_text():
    return one_event({"agentNickname": {"boolean": True}}, mistyped=1, extra=[("agent_activity", "agentNickname", True)], cells=[
        ("SELECT agent_nickname FROM {agent_activity} WHERE source_item = 1", [(None,)]),
    ])


@case
def object_for_text_and_list_for_long():
    member = {"agentNickname": {"first": "odd-first"}, "agentID": [4711]}
    return one_event(member, mistyped=2, told=["odd-first", "4711"])


@case
def text_in_a_list_of_longs():
    return one_event({"userProfileIDs": {"array": [1, "odd-profile", 3]}}, mistyped=1, told=["odd-profile"])


# Fields and wrappers

@case
def repeated_key():
    data = text(envelope("agent", agent_body(event(2, agentNickname={"string": "first"}, ZZ={"string": "second"}))))
    return Case(agent_file(data.replace(b'"ZZ"', b'"agentNickname"')), agent_rows(1, 1), mistyped=None, unknown_fields=None, cells=[
        ("SELECT agent_nickname FROM {agent_activity}", [("first",)]),
    ], told=["second"])


@case
def unknown_fields_at_each_level():
    element = pages(1)
    body = element["body"][NS + "WebSessionNavigationData"]
    body["navigationData"]["array"][0]["newField"] = {"string": "in-item"}
    body["newField"] = {"deep": ["in-body"]}
    body["header"][NS + "VisitorHeader"]["x"] = "in-header"
    element["newField"] = "in-element"
    document = envelope("web", element, newField="in-envelope")
    document["metaData"]["newField"] = 4711
    above = {
        "$.newField": "in-envelope", "$.metaData.newField": 4711, "$.recordCollection[0].newField": "in-element",
        "$.recordCollection[0].body.newField": "in-body", "$.recordCollection[0].body.header.x": "in-header",
    }
    return Case(
        {part("web"): text(document)}, {"web_sessions": 1, "navigation": 1}, unknown_fields=6,
        extra=[("web_sessions", key, value) for key, value in above.items()] + [("navigation", "newField", "in-item")],
    )


@case
def unknown_fields_in_nested_records():
    engagement = {"channel": {"string": "1"}, "newField": {"string": "in-engagement"}}
    goal = {"id": {"long": 1}, "x": "in-goal"}
    impression = {"timestamp": {"long": T0}, "engagement": {NS + "Engagement": engagement}, "goal": {NS + "Goal": goal}}
    eligible = {"timestamp": {"long": T0}, "eligibleCampaigns": {"array": [{"goal": {NS + "Goal": goal}}]}}
    document = envelope(
        "web", web_body("WebSessionImpressionData", impressions={"array": [impression]}),
        web_body("WebSessionEligibilityData", eligibilityData={"array": [eligible]}),
    )
    return Case(
        {part("web"): text(document)}, {"web_sessions": 1, "impressions": 1, "eligibility": 1}, unknown_fields=3,
        extra=[("impressions", "engagement.newField", "in-engagement"), ("impressions", "goal.x", "in-goal"),
               ("eligibility", "eligibleCampaigns[0].goal.x", "in-goal")],
    )


@case
def unknown_body():
    future = web_body("WebSessionFutureData", futureData={"array": [{"what": {"string": "from-the-future"}}]})
    return Case({part("web"): text(envelope("web", pages(1), future))},
                {"web_sessions": 1, "navigation": 1, "unrecognized": 1}, told=["from-the-future"])


@case
def wrapped_envelope():
    document = agents(1, 2)
    document["metaData"] = {NS + "MetaData": document["metaData"]}
    document["recordCollection"] = {"array": document["recordCollection"]}
    return Case(agent_file(text(document)), agent_rows(1, 2), cells=[
        ("SELECT schema_version, epoch_ms(record_start_time) FROM {agent_sessions}", [("1.0.0.35", T0)]),
    ])


@case
def everything_unwrapped():
    document = {
        "dataType": "AgentActivity",
        "metaData": {"accountId": "75555851", "schemaVersion": "1.0.0.4", "startTime": T0, "endTime": None},
        "recordCollection": [{"body": {
            "header": {"agentSessionId": "session-1"},
            "agentSessionsData": [{"agentID": 9, "timestamp": T0, "agentNickname": "N", "userProfileIDs": [1, 2]}],
        }}],
    }
    return Case(agent_file(text(document)), agent_rows(1, 1), cells=[
        ("SELECT agent_session_id, agent_id, epoch_ms(timestamp), agent_nickname, user_profile_ids FROM {agent_activity}",
         [("session-1", 9, T0, "N", [1, 2])]),
    ])


@case
def wrappers_in_other_case():
    attribute = {"timestamp": {"LONG": T0}, "data": {"com.LivePerson.dataaccess.personalinfo": {"name": {"String": "Robin Example"}}}}
    goal = {"id": {"string": "g"}, "timestamp": {"long": T0}, "goalMetaData": {NS + "LeadMetaData": {"topic": {"string": "t"}}}}
    document = envelope(
        "web", web_body("websessionengattrsdata", engagementAttributes={"Array": [attribute]}),
        web_body("WebSessionGoalAchievedData", achievedGoals={"array": [goal]}),
    )
    return Case({part("web"): text(document)}, {"web_sessions": 1, "engagement_attributes": 1, "goals": 1}, cells=[
        ("SELECT personal_info.name, epoch_ms(timestamp) FROM {engagement_attributes}", [("Robin Example", T0)]),
        ("SELECT lead_metadata.topic FROM {goals}", [("t",)]),
    ])


@case
def foreign_account():
    document = agents(1)
    document["metaData"]["accountId"] = {"string": "99999999"}
    return Case(agent_file(text(document)), agent_rows(1, 1), unknown_fields=None, told=["99999999"])


# Geo and session info, whose names are unpublished

GEO = {"iPV4": {"string": "192.0.2.1"}, "country": {"string": "Norway"}, "city": {"string": "Oslo"}, "countryCode": {"string": "NO"},
       "iPV6": None, "state": None, "org": None, "isp": None}
INFO = {"sessionStartTime": {"long": T0}, "userAgent": {"string": "Browser/1"}, "deviceOS": {NS + "DeviceOS": "LINUX"},
        "deviceFamily": {"string": "DESKTOP"}, "siteControlGroup": {"string": "NA"}, "searchEngine": None, "searchEngineKey": None}
GEO_CELL = ("SELECT ipv4, country, city, country_code, visit_id FROM {geo}", [("192.0.2.1", "Norway", "Oslo", "NO", "visit-1")])
INFO_CELL = (
    "SELECT epoch_ms(session_start_time), user_agent, device_os, device_family, site_control_group, visit_id FROM {session_info}",
    [(T0, "Browser/1", "LINUX", "DESKTOP", "NA", "visit-1")],
)


def geo_case(geo, info):
    document = envelope("web", web_body("WebSessionGeoSomething", **geo), web_body("WebSessionInfoSomething", **info))
    return Case({part("web"): text(document)}, {"web_sessions": 1, "geo": 1, "session_info": 1}, cells=[GEO_CELL, INFO_CELL])


@case
def geo_and_info_in_the_body():
    return geo_case(GEO, INFO)


@case
def geo_and_info_one_member_deeper():
    return geo_case({"geoData": GEO}, {"sessionInfo": {NS + "SessionInfo": INFO}})


@case
def geo_and_info_in_a_list():
    return geo_case({"geoData": {"array": [GEO]}}, {"sessionInfo": [INFO]})


@case
def geo_in_mixed_case():
    geo = {"IPv4": GEO["iPV4"], "Country": GEO["country"], "CITY": GEO["city"], "countrycode": GEO["countryCode"]}
    return geo_case(geo, INFO)


# Members of another shape than published: nothing is lost, the record's other rows are exact

def web(*bodies, **over):
    return {part("web"): text(envelope("web", *bodies, **over))}


@case
def unknown_branch_of_a_union():
    attribute = {"timestamp": {"long": T0}, "data": {NS + "FutureInfo": {"odd": {"string": "future-branch"}}}}
    body = web_body("WebSessionEngAttrsData", engagementAttributes={"array": [attribute]})
    return Case(web(body), {"web_sessions": 1, "engagement_attributes": 1}, mistyped=None, unknown_fields=None, told=["future-branch"])


@case
def union_of_a_scalar():
    attribute = {"timestamp": {"long": T0}, "data": {"string": "scalar-branch"}}
    body = web_body("WebSessionEngAttrsData", engagementAttributes={"array": [attribute]})
    return Case(web(body), {"web_sessions": 1, "engagement_attributes": 1}, mistyped=None, unknown_fields=None, told=["scalar-branch"])


@case
def union_without_its_wrapper():
    attribute = {"timestamp": {"long": T0}, "data": {"surname": "bare-surname", "gender": "bare-gender"}}
    body = web_body("WebSessionEngAttrsData", engagementAttributes={"array": [attribute]})
    return Case(web(body), {"web_sessions": 1, "engagement_attributes": 1}, mistyped=None, unknown_fields=None,
                told=["bare-surname", "bare-gender"])


@case
def scalars_in_the_place_of_items():
    body = web_body("WebSessionNavigationData", navigationData={"array": [page(1), "scalar-item", 4711, page(2)]})
    return Case(web(body), {"web_sessions": 1, "navigation": None}, mistyped=None, unknown_fields=None,
                told=["scalar-item", "4711", "https://shop.example/2"])


@case
def scalar_in_the_place_of_a_list():
    body = web_body("WebSessionNavigationData", navigationData="scalar-list")
    return Case(web(pages(1), body), {"web_sessions": 1, "navigation": 1, "unrecognized": None}, mistyped=None,
                unknown_fields=None, told=["scalar-list"])


@case
def scalar_in_the_place_of_a_header():
    body = pages(1)
    body["body"][NS + "WebSessionNavigationData"]["header"] = "scalar-header"
    return Case(web(body), {"web_sessions": 1, "navigation": 1}, mistyped=None, unknown_fields=None, told=["scalar-header"])


@case
def scalars_in_the_place_of_elements_and_bodies():
    return Case(web(pages(1), "scalar-element", {"body": "scalar-body"}, {"body": [1, "list-body"]}, {"other": "no-body"}),
                {"web_sessions": 1, "navigation": 1, "unrecognized": None}, mistyped=None, unknown_fields=None,
                told=["scalar-element", "scalar-body", "list-body", "no-body"])


@case
def scalar_in_the_place_of_a_transcript():
    conversation = {"conversationId": {"string": "c-1"}, "conversationStartTime": {"long": T0}, "transcripts": "scalar-transcript",
                    "transfers": {"array": [{"timestamp": {"string": "2016-07-25T17:54:41"}}]}}
    body = {"body": {NS + "EngagementData": {"header": {NS + "VisitorHeader": dict(VISIT)},
                                             "engagements": {"array": [{NS + "Conversation": conversation}]}}}}
    return Case({part("engagement"): text(envelope("engagement", body))}, {"conversations": 1, "transfers": 1}, mistyped=None,
                unknown_fields=None, told=["scalar-transcript", "2016-07-25T17:54:41"])


@case
def ids_of_other_types():
    visit = {"visitId": {"long": 4711}, "visitorId": {"boolean": True}, "contextId": {"array": ["listed-context"]}}
    return Case(web(pages(1, visit=visit)), {"web_sessions": 1, "navigation": 1}, mistyped=None, unknown_fields=None,
                told=["4711", "listed-context"])


@case
def meta_data_of_other_types():
    document = envelope("web", pages(1))
    document["metaData"] = {"accountId": 75555851, "schemaVersion": 7, "startTime": "odd-start", "endTime": {"string": str(T0)}}
    return Case({part("web"): text(document)}, {"web_sessions": 1, "navigation": 1}, mistyped=None, unknown_fields=None,
                told=["odd-start"], cells=[("SELECT schema_version, epoch_ms(record_end_time) FROM {web_sessions}", [("7", T0)])])


@case
def null_meta_data_and_null_collection():
    return Case({part("web"): text(envelope("web", metaData=None), envelope("web", recordCollection=None))}, {"web_sessions": 2},
                )


@case
def escaped_and_strange_keys():
    odd = {"agentI@@": {"long": 5}, 'a "quoted".dotted[0]': "odd-key-1", "": "odd-key-2", "\u00fc\u6f22": "odd-key-3"}
    data = text(envelope("agent", agent_body({"timestamp": {"long": T0}, **odd}))).replace(b"agentI@@", b"agentI\\u0044")
    return Case(agent_file(data), agent_rows(1, 1), unknown_fields=3, told=["odd-key-1", "odd-key-2", "odd-key-3"],
                cells=[("SELECT agent_id FROM {agent_activity}", [(5,)])])


@case
def members_twice():
    data = text(envelope("web", pages(1), ZZ=[pages(2)])).replace(b'"ZZ"', b'"recordCollection"')
    return Case({part("web"): data}, {"web_sessions": 1, "navigation": None}, mistyped=None, unknown_fields=None,
                told=["https://shop.example/1", "https://shop.example/2"])


@case
def nulls_between_primitives():
    return one_event({"userProfileIDs": {"array": [1, None, 3]}}, cells=[
        ("SELECT user_profile_ids FROM {agent_activity} WHERE source_item = 1", [([1, None, 3],)]),
    ])


@case
def geo_beside_other_members():
    body = web_body("WebSessionGeoSomething", geoData=GEO, more={"deep": "beside-geo"})
    return Case(web(body), {"web_sessions": 1, "geo": 1}, mistyped=None, unknown_fields=None, cells=[GEO_CELL], told=["beside-geo"])


# Dates

@case
def wild_time():
    data = text(envelope("agent", agent_body(event(1), event(2, at=T0 + 10 * 365 * 86_400_000), event(3, at=T0 - 86_400_000))))
    return Case(agent_file(data), agent_rows(1, 3), cells=[
        ("SELECT agent_id, CAST(date AS VARCHAR) FROM {agent_activity} ORDER BY 1",
         [(1, "2023-11-14"), (2, "2023-11-14"), (3, "2023-11-13")]),
        ("SELECT epoch_ms(timestamp) FROM {agent_activity} WHERE agent_id = 2", [(T0 + 10 * 365 * 86_400_000,)]),
    ])


# What is no Data Access file at all

@case
def wrong_data_type_inside():
    return whole_part_fails(text(envelope("web", pages(1))))


@case
def zip_archive():
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("Agent.json", text(agents(1)))
    return whole_part_fails(held.getvalue())


@case
def avro_container():
    return whole_part_fails(b"Obj\x01\x04\x14avro.codec\x08null\x16avro.schema\x08\"int\"\x00" + bytes(16))


@case
def html_page():
    return whole_part_fails(b"<!DOCTYPE html>\n<html><body>Sign in</body></html>\n")


@case
def html_page_in_gzip():
    return whole_part_fails(gz(b"<html><body>Sign in</body></html>\n"))


@case
def truncated_gzip():
    data = gz(text(*(agents(n) for n in range(50))))
    return whole_part_fails(data[: len(data) - 12])


@case
def trailing_garbage_after_gzip():
    return whole_part_fails(gz(text(agents(1))) + b"trailing garbage")


@case
def wrong_gzip_checksum():
    data = bytearray(gz(text(agents(1))))
    data[-8] ^= 0xFF
    return whole_part_fails(bytes(data))


@case
def deeper_than_the_cap():
    data = text(agents(1)).replace(b'"Agent 1"', b"[" * 500 + b"]" * 500)
    return whole_part_fails(data)


def made():
    return {name: make() for name, make in CASES.items()}


if __name__ == "__main__":
    print(json.dumps(sorted(CASES)), SCOPE)
