//! Engagement attributes: what a site told about its visitor, of every documented type.

use rand::Rng;

use super::envelope::Visitor;
use super::pen::Pen;
use super::words;

const PRODUCTS: [&str; 4] = ["Boots \"Winter\"", "Café crème", "靴", "T-shirt/L"];

/// One body: rows of `engagement_attributes`.
pub(super) fn write(pen: &mut Pen, visitor: &Visitor, start: i64, length: i64) {
    let attributes = pen.rng.random_range(1..5_usize);
    pen.body("WebSessionEngAttrsData", |pen| {
        pen.visitor_header(visitor);
        pen.array("engagementAttributes", attributes, |pen, i| {
            pen.maybe_null_item();
            let time = start + length * i as i64 / 5;
            pen.row("engagement_attributes", Some(time));
            pen.open();
            pen.long("timestamp", Some(time));
            pen.key("data");
            data(pen);
            pen.maybe_unknown();
            pen.close();
        });
    });
}

fn data(pen: &mut Pen) {
    match pen.rng.random_range(0..10) {
        0 | 1 => members(pen, "CustomerInfo", customer_info),
        2 | 3 => members(pen, "PersonalInfo", personal_info),
        4 => members(pen, "Purchase", |pen| {
            pen.double("total", Some(199.99));
            pen.string("orderId", Some("ORD-2026-é-17"));
            pen.record("cart", "CartStatus", cart);
        }),
        5 => members(pen, "CartStatus", cart),
        6 => members(pen, "ViewedProduct", |pen| {
            pen.array("products", 2, |pen, i| {
                pen.open();
                product(pen, i);
                pen.close();
            });
        }),
        7 => members(pen, "Lead", lead),
        8 => members(pen, "ServiceActivity", service_activity),
        _ => match pen.rng.random_range(0..2) {
            0 => members(pen, "VisitorError", |pen| {
                pen.string("contextId", Some("form-3"));
                pen.text("message", Some("Feld „PLZ“ fehlt\nnochmal"));
                pen.long("code", Some(i64::MIN));
                pen.long("level", Some(2));
                pen.boolean("resolved", Some(false));
            }),
            _ => members(pen, "MarketingCampaignInfo", |pen| {
                pen.int("OriginatingChannel", Some(3));
                pen.string("affiliate", Some("Partner GmbH"));
                pen.string("campaignId", Some("0042"));
            }),
        },
    }
}

fn members(pen: &mut Pen, type_name: &str, fields: impl FnOnce(&mut Pen)) {
    pen.named(type_name, |pen| {
        pen.raw("{");
        fields(pen);
        pen.close();
    });
}

/// Members of a shopping cart.
pub(super) fn cart(pen: &mut Pen) {
    let items = pen.rng.random_range(0..4_usize);
    pen.double("total", Some(items as f64 * 12.25));
    pen.int("numItems", Some(items as i32));
    pen.array("products", items, |pen, i| {
        pen.open();
        pen.int("quantity", Some(i as i32 + 1));
        pen.record("product", "Product", |pen| product(pen, i));
        pen.close();
    });
}

fn product(pen: &mut Pen, i: usize) {
    pen.string("name", PRODUCTS.get(i % PRODUCTS.len()).copied());
    pen.string("category", Some("shoes/été"));
    pen.string("sku", Some("00123"));
    pen.double("price", Some(if i.is_multiple_of(2) { 10.0 } else { 0.1 }));
}

/// Members of a lead.
pub(super) fn lead(pen: &mut Pen) {
    pen.string("topic", Some("Hypothek"));
    pen.string("leadId", Some("L-77"));
    pen.double("value", Some(1e15));
}

/// Members of a service activity.
pub(super) fn service_activity(pen: &mut Pen) {
    pen.string("topic", Some("password reset"));
    pen.int("status", Some(-1));
    pen.string("category", None);
    pen.string("serviceId", Some("S/1"));
}

fn customer_info(pen: &mut Pen) {
    let id = pen.rng.random_range(10_000_000..99_999_999_u32);
    pen.string("customerStatus", Some("agentManager"));
    pen.string("customerType", if id % 2 == 0 { None } else { Some("gold ★") });
    pen.double("balance", if id % 3 == 0 { None } else { Some(-400.5) });
    pen.text("customerId", Some(&format!("Account: {id}")));
    pen.string("socialId", None);
    pen.string("imei", None);
    let name = words::person(&mut pen.rng);
    pen.text("userName", Some(name));
    pen.int("companySize", (id % 5 == 0).then_some(i32::MAX));
    pen.string("accountName", None);
    pen.string("role", None);
    pen.string("storeZipCode", Some("01067"));
    pen.string("storeNumber", None);
    date(pen, "lastPaymentDate", id % 4 == 0);
    date(pen, "registrationDate", id % 2 == 0);
    if id % 6 == 0 {
        pen.boolean("isAuthenticated", None);
        pen.string("authenticatedConversationId", None);
    }
}

fn date(pen: &mut Pen, name: &str, known: bool) {
    if !known {
        return pen.null(name);
    }
    pen.record(name, "YMDDate", |pen| {
        pen.int("year", Some(2016));
        pen.int("month", Some(2));
        pen.int("day", Some(29));
    });
}

fn personal_info(pen: &mut Pen) {
    let name = words::person(&mut pen.rng);
    let known = pen.once_in(2);
    pen.text("name", known.then_some(name));
    pen.text("surname", Some("visitor@example.invalid"));
    pen.string("gender", None);
    pen.string("company", Some("Example ＆ Co"));
    if known {
        pen.record("customerAge", "CustomerAge", |pen| {
            pen.int("customerAgeInYears", Some(44));
            pen.int("customerYearOfBirth", Some(1982));
            pen.int("customerMonthOfBirth", None);
            pen.int("CustomerDateOfBirth", Some(3));
        });
    } else {
        pen.null("customerAge");
    }
    pen.array("contacts", 1, |pen, _| {
        pen.open();
        pen.text("email", known.then_some("jane.doe@example.invalid"));
        pen.text("phone", (!known).then_some("+49 (0)351 000000"));
        pen.close();
    });
    if known {
        pen.boolean("isAuthenticated", Some(true));
        pen.string("authenticatedConversationId", Some("755558514295264942"));
    }
}
