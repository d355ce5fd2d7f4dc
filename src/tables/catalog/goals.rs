//! Metadata of achieved goals. Source: data-access-api fact sheet, 8.2; wrapper names are spelled in
//! two ways on the pages and therefore compared without regard to case.

use super::super::declare::{Branch, Record, Union, double, int32, record, text};
use super::attributes::CART_STATUS;
use super::web::{CAMPAIGN, ENGAGEMENT};

pub static GOAL_META_DATA: Union = Union {
    tag: "goal_meta_data_type",
    tag_doc: "kind of goal: which of the structs is set",
    wrappers: &[
        "UrlGoalMetadata",
        "PurchaseMetadata",
        "ReduceAbandonmentGoalMetadata",
        "IncreaseInteractionGoalMetadata",
        "LeadMetadata",
        "ServiceActivityMetadata",
    ],
    branches: &[
        Branch { name: "url_goal_metadata", doc: "a page was reached", record: &URL },
        Branch { name: "purchase_metadata", doc: "something was bought", record: &PURCHASE },
        Branch {
            name: "reduce_abandonment_goal_metadata",
            doc: "the visitor stayed",
            record: &REDUCE_ABANDONMENT,
        },
        Branch {
            name: "increase_interaction_goal_metadata",
            doc: "the visitor interacted",
            record: &INCREASE_INTERACTION,
        },
        Branch { name: "lead_metadata", doc: "a lead was made", record: &LEAD },
        Branch { name: "service_activity_metadata", doc: "a service was used", record: &SERVICE_ACTIVITY },
    ],
};

static URL: Record =
    Record { wrappers: &["UrlGoalMetadata"], fields: &[text("url", "url", "page that was reached")] };

static PURCHASE: Record = Record {
    wrappers: &["PurchaseMetadata"],
    fields: &[
        double("total", "total", "total"),
        text("orderId", "order_id", "order"),
        record("cartStatus", "cart_status", &CART_STATUS, "the cart"),
    ],
};

static REDUCE_ABANDONMENT: Record = Record {
    wrappers: &["ReduceAbandonmentGoalMetadata"],
    fields: &[int32("numberOfPages", "number_of_pages", "pages visited")],
};

static INCREASE_INTERACTION: Record = Record {
    wrappers: &["IncreaseInteractionGoalMetadata"],
    fields: &[
        record("engagement", "engagement", &ENGAGEMENT, "the engagement"),
        record("campaign", "campaign", &CAMPAIGN, "its campaign"),
    ],
};

static LEAD: Record = Record {
    wrappers: &["LeadMetadata"],
    fields: &[
        text("topic", "topic", "topic"),
        text("leadId", "lead_id", "lead"),
        double("value", "value", "value"),
    ],
};

static SERVICE_ACTIVITY: Record = Record {
    wrappers: &["ServiceActivityMetadata"],
    fields: &[
        text("topic", "topic", "topic"),
        int32("status", "status", "status"),
        text("category", "category", "category"),
        text("serviceId", "service_id", "service"),
    ],
};
