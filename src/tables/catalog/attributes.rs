//! Engagement attributes: what a site reports about its visitor. Source: data-access-api fact sheet,
//! 8.2, where only CustomerInfo and PersonalInfo are shown wrapped; the other wrapper names are the
//! titles of their sections.

use super::super::declare::{Branch, Kind, Record, Union, boolean, double, int32, int64, list, record, text};

pub static ATTRIBUTES: Union = Union {
    tag: "type",
    tag_doc: "kind of attribute: which of the structs is set",
    wrappers: &[
        "Purchase",
        "Transaction",
        "CartStatus",
        "Cart",
        "ViewedProduct",
        "Lead",
        "ServiceActivity",
        "VisitorError",
        "MarketingCampaignInfo",
        "CustomerInfo",
        "PersonalInfo",
    ],
    branches: &[
        Branch { name: "purchase", doc: "a purchase", record: &PURCHASE },
        Branch { name: "cart_status", doc: "the shopping cart", record: &CART_STATUS },
        Branch { name: "viewed_product", doc: "products looked at", record: &VIEWED_PRODUCT },
        Branch { name: "lead", doc: "a lead", record: &LEAD },
        Branch { name: "service_activity", doc: "a service activity", record: &SERVICE_ACTIVITY },
        Branch { name: "visitor_error", doc: "an error that the visitor met", record: &VISITOR_ERROR },
        Branch {
            name: "marketing_campaign_info",
            doc: "the campaign that led here",
            record: &MARKETING_CAMPAIGN_INFO,
        },
        Branch { name: "customer_info", doc: "the customer", record: &CUSTOMER_INFO },
        Branch { name: "personal_info", doc: "the person", record: &PERSONAL_INFO },
    ],
};

static PURCHASE: Record = Record {
    wrappers: &["Purchase", "Transaction"],
    fields: &[
        double("total", "total", "total"),
        text("orderId", "order_id", "order"),
        record("cart", "cart", &CART_STATUS, "the cart that was bought"),
    ],
};

pub(super) static CART_STATUS: Record = Record {
    wrappers: &["CartStatus", "Cart"],
    fields: &[
        double("total", "total", "total"),
        int32("numItems", "num_items", "number of items"),
        list("products", "products", &Kind::Struct(&CART_PRODUCT), "products with their quantity"),
    ],
};

static CART_PRODUCT: Record = Record {
    wrappers: &["CartProduct", "ProductInCart"],
    fields: &[
        int32("quantity", "quantity", "quantity"),
        record("product", "product", &PRODUCT, "the product"),
    ],
};

static PRODUCT: Record = Record {
    wrappers: &["Product"],
    fields: &[
        text("name", "name", "name"),
        text("category", "category", "category"),
        text("sku", "sku", "stock keeping unit"),
        double("price", "price", "price"),
    ],
};

static VIEWED_PRODUCT: Record = Record {
    wrappers: &["ViewedProduct"],
    fields: &[list("products", "products", &Kind::Struct(&PRODUCT), "the products")],
};

static LEAD: Record = Record {
    wrappers: &["Lead"],
    fields: &[
        text("topic", "topic", "topic"),
        text("leadId", "lead_id", "lead"),
        double("value", "value", "value"),
    ],
};

static SERVICE_ACTIVITY: Record = Record {
    wrappers: &["ServiceActivity"],
    fields: &[
        text("topic", "topic", "topic"),
        int32("status", "status", "status"),
        text("category", "category", "category"),
        text("serviceId", "service_id", "service"),
    ],
};

static VISITOR_ERROR: Record = Record {
    wrappers: &["VisitorError"],
    fields: &[
        text("contextId", "context_id", "context"),
        text("message", "message", "message"),
        int64("code", "code", "code"),
        int64("level", "level", "level"),
        boolean("resolved", "resolved", "resolved"),
    ],
};

static MARKETING_CAMPAIGN_INFO: Record = Record {
    wrappers: &["MarketingCampaignInfo"],
    fields: &[
        int32("OriginatingChannel", "originating_channel", "channel"),
        text("affiliate", "affiliate", "affiliate"),
        text("campaignId", "campaign_id", "campaign"),
    ],
};

static CUSTOMER_INFO: Record = Record {
    wrappers: &["CustomerInfo"],
    fields: &[
        text("customerStatus", "customer_status", "status"),
        text("customerType", "customer_type", "type"),
        double("balance", "balance", "balance"),
        text("customerId", "customer_id", "customer"),
        text("socialId", "social_id", "social id"),
        text("imei", "imei", "IMEI of the device"),
        text("userName", "user_name", "user name"),
        int32("companySize", "company_size", "size of the company"),
        text("accountName", "account_name", "name of the account"),
        text("role", "role", "role"),
        text("storeZipCode", "store_zip_code", "zip code of the store"),
        text("storeNumber", "store_number", "number of the store"),
        record("lastPaymentDate", "last_payment_date", &YMD_DATE, "last payment"),
        record("registrationDate", "registration_date", &YMD_DATE, "registration"),
        boolean("isAuthenticated", "is_authenticated", "signed in at the site"),
        text(
            "authenticatedConversationId",
            "authenticated_conversation_id",
            "conversation in which the visitor signed in",
        ),
    ],
};

static PERSONAL_INFO: Record = Record {
    wrappers: &["PersonalInfo"],
    fields: &[
        text("name", "name", "first name"),
        text("surname", "surname", "surname"),
        text("gender", "gender", "gender"),
        text("company", "company", "company"),
        record("customerAge", "customer_age", &CUSTOMER_AGE, "age"),
        list("contacts", "contacts", &Kind::Struct(&CONTACT), "e-mail addresses and phone numbers"),
        boolean("isAuthenticated", "is_authenticated", "signed in at the site"),
        text(
            "authenticatedConversationId",
            "authenticated_conversation_id",
            "conversation in which the visitor signed in",
        ),
    ],
};

static YMD_DATE: Record = Record {
    wrappers: &["YMDDate"],
    fields: &[int32("year", "year", "year"), int32("month", "month", "month"), int32("day", "day", "day")],
};

static CUSTOMER_AGE: Record = Record {
    wrappers: &["CustomerAge"],
    fields: &[
        int32("customerAgeInYears", "customer_age_in_years", "age in years"),
        int32("customerYearOfBirth", "customer_year_of_birth", "year of birth"),
        int32("customerMonthOfBirth", "customer_month_of_birth", "month of birth"),
        int32("CustomerDateOfBirth", "customer_date_of_birth", "day of birth"),
    ],
};

static CONTACT: Record = Record {
    wrappers: &["Contact", "Contacts"],
    fields: &[text("email", "email", "e-mail address"), text("phone", "phone", "phone number")],
};
