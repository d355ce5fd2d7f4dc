"""What each table must hold, written from the published field tables and the lake's contract, not from the program.

A field is declared by its JSON name and a type; its column follows by the snake_case rule:

    "agentID": LONG  ->  agent_id BIGINT        "userProfileIDs": [LONG]  ->  user_profile_ids BIGINT[]

Types: LONG, INT, DOUBLE, BOOL, TEXT, TIME, JSON, [type] for a list, {name: type} for a record.
"""

import re
from dataclasses import dataclass, field

LONG, INT, DOUBLE, BOOL, TEXT, TIME, JSON = "long", "int", "double", "bool", "text", "time", "json"

ODD_NAMES = {"iPV4": "ipv4", "iPV6": "ipv6"}


def column_of(name):
    """agentID -> agent_id, OriginatingChannel -> originating_channel, search Engine -> search_engine."""
    if name in ODD_NAMES:
        return ODD_NAMES[name]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.replace(" ", "")).lower()


REVISIONED = {"id": LONG, "revision": LONG}
CAMPAIGN = {"id": LONG, "visitorProfiles": [REVISIONED]}
GOAL = {"id": LONG, "type": INT, "indicatorType": INT}
WEB_ENGAGEMENT = {
    "id": LONG, "channel": TEXT, "type": TEXT, "visitorBehaviors": [REVISIONED], "skillId": INT, "skillName": TEXT,
    "surveySkills": [{"id": LONG, "name": TEXT}], "isOffsiteEngagement": BOOL, "availabilityPolicy": TEXT,
    "interactionType": INT, "renderingType": INT,
}
PRODUCT = {"name": TEXT, "category": TEXT, "sku": TEXT, "price": DOUBLE}
CART = {"total": DOUBLE, "numItems": INT, "products": [{"quantity": INT, "product": PRODUCT}]}
DAY = {"year": INT, "month": INT, "day": INT}

ATTRIBUTES = {
    "Purchase": {"total": DOUBLE, "orderId": TEXT, "cart": CART},
    "CartStatus": CART,
    "ViewedProduct": {"products": [PRODUCT]},
    "Lead": {"topic": TEXT, "leadId": TEXT, "value": DOUBLE},
    "ServiceActivity": {"topic": TEXT, "status": INT, "category": TEXT, "serviceId": TEXT},
    "VisitorError": {"contextId": TEXT, "message": TEXT, "code": LONG, "level": LONG, "resolved": BOOL},
    "MarketingCampaignInfo": {"OriginatingChannel": INT, "affiliate": TEXT, "campaignId": TEXT},
    "CustomerInfo": {
        "customerStatus": TEXT, "customerType": TEXT, "balance": DOUBLE, "customerId": TEXT, "socialId": TEXT, "imei": TEXT,
        "userName": TEXT, "companySize": INT, "accountName": TEXT, "role": TEXT, "storeZipCode": TEXT, "storeNumber": TEXT,
        "lastPaymentDate": DAY, "registrationDate": DAY, "isAuthenticated": BOOL, "authenticatedConversationId": TEXT,
    },
    "PersonalInfo": {
        "name": TEXT, "surname": TEXT, "gender": TEXT, "company": TEXT,
        "customerAge": {
            "customerAgeInYears": INT, "customerYearOfBirth": INT, "customerMonthOfBirth": INT, "CustomerDateOfBirth": INT,
        },
        "contacts": [{"email": TEXT, "phone": TEXT}], "isAuthenticated": BOOL, "authenticatedConversationId": TEXT,
    },
}

GOAL_METADATA = {
    "UrlGoalMetadata": {"url": TEXT},
    "PurchaseMetadata": {"total": DOUBLE, "orderId": TEXT, "cartStatus": CART},
    "ReduceAbandonmentGoalMetadata": {"numberOfPages": INT},
    "IncreaseInteractionGoalMetadata": {"engagement": WEB_ENGAGEMENT, "campaign": CAMPAIGN},
    "LeadMetadata": {"topic": TEXT, "leadId": TEXT, "value": DOUBLE},
    "ServiceActivityMetadata": {"topic": TEXT, "status": INT, "category": TEXT, "serviceId": TEXT},
}

GEO = {name: TEXT for name in ("iPV4", "iPV6", "country", "city", "state", "org", "isp", "countryCode")}
SESSION_INFO = {
    "sessionStartTime": TIME, "userAgent": TEXT, "deviceOS": TEXT, "deviceFamily": TEXT, "siteControlGroup": TEXT,
    "searchEngine": TEXT, "searchEngineKey": TEXT,
}


@dataclass
class Table:
    """How the items of one list become the rows of one table."""

    name: str
    fields: dict
    #: JSON name of the field that holds the row's own time; None: record_start_time
    time: str = None
    #: field of the item -> (column of the wrapper's short name, wrappers)
    unions: dict = field(default_factory=dict)
    #: list field of the item -> (table of its elements, count column of this row or None)
    children: dict = field(default_factory=dict)
    #: parent's columns that a row of this table repeats: JSON name in the parent -> column here
    inherited: dict = field(default_factory=dict)
    #: the row's place in its list has a column `seq`
    seq: bool = False
    #: the whole item lies as JSON in this column
    whole: str = None


MESSAGES = Table(
    "messages",
    {
        "text": TEXT, "timestamp": TIME, "by": TEXT, "type": TEXT, "controlType": TEXT, "agentId": TEXT, "contentFormat": TEXT,
        "messageId": TEXT, "dialogId": TEXT, "fileData": {"caption": TEXT, "fileType": TEXT},
        "linkData": {"externalFileLink": TEXT, "fileType": TEXT, "caption": TEXT}, "mcs": JSON,
    },
    time="timestamp", inherited={"conversationId": "conversation_id"}, seq=True,
)
TRANSFERS = Table(
    "transfers",
    {
        "timestamp": TIME, "skillId": LONG, "targetSkillId": LONG, "agentId": TEXT, "targetAgentId": TEXT, "reason": LONG,
        "queueStartTime": TIME, "queueEndTime": TIME, "isInteractive": BOOL,
    },
    time="timestamp", inherited={"conversationId": "conversation_id"}, seq=True,
)
SECURE_FORMS = Table("secure_forms", {}, inherited={"conversationId": "conversation_id"}, seq=True, whole="data")
ANSWERS = Table(
    "survey_answers",
    {
        "question": TEXT, "answer": TEXT, "answerSubmitTime": TIME, "surveyName": TEXT, "answerType": INT,
        "csatThreshold": DOUBLE,
    },
    time="answerSubmitTime",
    inherited={"id": "survey_id", "type": "survey_type", "conversationId": "conversation_id"}, seq=True,
)

#: body type -> (list field, table of its items)
BODIES = {
    "AgentActivityData": ("agentSessionsData", Table(
        "agent_activity",
        {
            "agentID": LONG, "type": LONG, "state": LONG, "timestamp": TIME, "prevState": LONG, "agentEmployeeId": TEXT,
            "agentUsername": TEXT, "agentNickname": TEXT, "agentLoginname": TEXT, "prevConcurrentEng": LONG,
            "concurrentEng": LONG, "maxConcurrentEng": LONG, "agentGroupID": LONG, "userProfileIDs": [LONG],
        },
        time="timestamp",
    )),
    "WebSessionNavigationData": ("navigationData", Table(
        "navigation", {"timestamp": TIME, "url": TEXT, "referrerUrl": TEXT, "sections": [TEXT]}, time="timestamp",
    )),
    "WebSessionEngAttrsData": ("engagementAttributes", Table(
        "engagement_attributes", {"timestamp": TIME}, time="timestamp", unions={"data": ("type", ATTRIBUTES)},
    )),
    "WebSessionGoalAchievedData": ("achievedGoals", Table(
        "goals",
        {
            "id": TEXT, "timestamp": TIME, "campaignGoalRevision": LONG, "campaignGoalId": LONG, "campaignGoalType": INT,
        },
        time="timestamp", unions={"goalMetaData": ("goal_meta_data_type", GOAL_METADATA)},
    )),
    "WebSessionEligibilityData": ("eligibilityData", Table(
        "eligibility",
        {
            "timestamp": TIME,
            "eligibleCampaigns": [
                {"campaign": CAMPAIGN, "engagements": [WEB_ENGAGEMENT], "goal": GOAL, "controlGroupType": TEXT}
            ],
        },
        time="timestamp",
    )),
    "WebSessionImpressionData": ("impressions", Table(
        "impressions",
        {
            "timestamp": TIME, "engagementInstanceId": TEXT, "impressionType": TEXT, "state": TEXT,
            "engagement": WEB_ENGAGEMENT, "campaign": CAMPAIGN, "goal": GOAL, "controlGroup": TEXT,
        },
        time="timestamp",
    )),
    "EngagementData": ("engagements", Table(
        "conversations",
        {
            "type": TEXT, "conversationId": TEXT, "conversationStartTime": TIME, "interactionStartTime": TIME,
            "conversationEndTime": TIME, "consumerId": TEXT, "isInteractive": BOOL, "sourceOrigin": TEXT,
            "sourceDevice": TEXT, "endReasonId": INT, "startReasonId": INT,
            "campaignData": {"campaignId": LONG, "campaignEngagementId": LONG}, "skills": [INT], "skillID": LONG,
            "agentId": TEXT, "startPage": TEXT, "startUrl": TEXT, "mcs": JSON, "queueStartTime": TIME, "queueEndTime": TIME,
        },
        time="conversationStartTime",
        children={
            "transcripts": (MESSAGES, "messages"), "transfers": (TRANSFERS, "transfers"), "secureForms": (SECURE_FORMS, None),
        },
    )),
    "SurveyData": ("surveys", Table(
        "surveys", {"id": LONG, "type": INT, "viewTime": TIME, "conversationId": TEXT},
        children={"contents": (ANSWERS, "answers")},
    )),
}

#: bodies whose names are unpublished: known by their fields
NAMELESS = {
    "geo": Table("geo", GEO),
    "session_info": Table("session_info", SESSION_INFO, time="sessionStartTime"),
}

#: header field -> column
VISITOR_IDS = {"visitId": "visit_id", "visitorId": "visitor_id", "contextId": "context_id"}
AGENT_IDS = {"agentSessionId": "agent_session_id"}

#: file prefix -> data type
STREAMS = {"Agent": "agentActivity", "WebSession": "webSession", "Engagement": "engagement", "Survey": "survey"}

#: counts that a web_sessions row holds: column -> table counted
WEB_COUNTS = {
    "pages": "navigation", "attributes": "engagement_attributes", "goals": "goals", "impressions": "impressions",
}

TABLES = [
    "agent_sessions", "agent_activity", "web_sessions", "geo", "session_info", "navigation", "engagement_attributes", "goals",
    "eligibility", "impressions", "conversations", "messages", "transfers", "secure_forms", "surveys", "survey_answers",
    "unrecognized",
]

LINEAGE = ["source_file", "source_record", "source_body", "source_item"]
