//! Web sessions: one envelope per visit, with a body for each kind of data about it.

use rand::Rng;
use rand::seq::SliceRandom;

use crate::model::Stream;

use super::envelope::Visitor;
use super::pen::Pen;
use super::{web_attributes, web_campaigns, web_goals, words};

const COUNTRIES: [[&str; 4]; 4] = [
    ["Germany", "DE", "Bayern", "München"],
    ["Japan", "JP", "東京都", "港区"],
    ["United States", "US", "New York", "New York"],
    ["Côte d'Ivoire", "CI", "Abidjan", "Abidjan"],
];
const SYSTEMS: [&str; 6] = ["NA", "WINDOWS", "MAC_OS", "LINUX", "IOS", "ANDROID"];
const FAMILIES: [&str; 4] = ["NA", "DESKTOP", "TABLET", "MOBILE"];

#[derive(Clone, Copy)]
enum Kind {
    Attributes,
    Navigation,
    Goals,
    Eligibility,
    Impressions,
    Geo,
    SessionInfo,
}

/// One envelope: a row of `web_sessions`, and rows of the tables of its bodies.
pub(super) fn write(pen: &mut Pen, account: &str) {
    let length = pen.rng.random_range(10_000..2_400_000_i64);
    // A visit belongs to the hour in which it was closed; some began the day before.
    let shift = match pen.rng.random_range(0..50) {
        0 | 1 => 24 * 3_600_000,
        2..8 => 3 * 3_600_000,
        _ => length,
    };
    let start = pen.scope.start_ms + pen.rng.random_range(0..3_600_000) - shift;
    let visitor = Visitor {
        visit_id: Some(words::visit_id(&mut pen.rng)),
        visitor_id: Some(words::id22(&mut pen.rng)),
        context_id: pen.once_in(5).then(|| "ctx-\u{e9}".to_owned()),
    };
    let mut kinds = Vec::with_capacity(7);
    for (kind, percent) in [
        (Kind::Attributes, 60),
        (Kind::Navigation, 97),
        (Kind::Goals, 30),
        (Kind::Eligibility, 70),
        (Kind::Impressions, 50),
        (Kind::Geo, 80),
        (Kind::SessionInfo, 80),
    ] {
        if pen.rng.random_range(0..100) < percent {
            kinds.push(kind);
        }
    }
    kinds.shuffle(&mut pen.rng);
    let end = pen.style.wrapped_envelope.then_some(start + length);
    pen.envelope(Stream::WebSession, account, Some(start), end, |pen| {
        pen.row("web_sessions", None);
        for kind in kinds {
            match kind {
                Kind::Attributes => web_attributes::write(pen, &visitor, start, length),
                Kind::Navigation => navigation(pen, &visitor, start, length),
                Kind::Goals => web_goals::write(pen, &visitor, start, length),
                Kind::Eligibility => web_campaigns::eligibility(pen, &visitor, start, length),
                Kind::Impressions => web_campaigns::impressions(pen, &visitor, start, length),
                Kind::Geo => geo(pen, &visitor),
                Kind::SessionInfo => session_info(pen, &visitor, start),
            }
            if pen.odd_once_in(200) {
                pen.null_body();
            }
        }
        if pen.odd_once_in(60) {
            pen.unknown_body(&visitor);
        }
    });
}

fn navigation(pen: &mut Pen, visitor: &Visitor, start: i64, length: i64) {
    let pages = if pen.once_in(60) { 0 } else { pen.rng.random_range(1..13_usize) };
    let mut referrer = String::new();
    let mut time = start;
    pen.body("WebSessionNavigationData", |pen| {
        pen.visitor_header(visitor);
        pen.array("navigationData", pages, |pen, i| {
            pen.maybe_null_item();
            let url = words::url(&mut pen.rng);
            let own = match pen.rng.random_range(0..1_000) {
                0 => None,
                1 if !pen.style.strict => Some(0),
                _ => Some(time),
            };
            pen.row("navigation", own);
            pen.counts.sum("navigation.timestamp", own.unwrap_or_default());
            pen.counts.sum("navigation.url", url.len() as i64);
            pen.open();
            pen.long("timestamp", own);
            pen.string("url", Some(&url));
            pen.string("referrerUrl", Some(&referrer));
            pen.array("sections", i % 3, |pen, k| {
                pen.quoted(if k == 0 { "loginPages" } else { "été/夏" })
            });
            pen.maybe_unknown();
            pen.close();
            referrer = url;
            time += pen.rng.random_range(0..length.max(2) / 6);
        });
    });
}

/// A body whose name and list field are not published. Its fields lie in the body itself (always so in a
/// strict file) or one member deeper, as a record, a wrapped record or an array of one.
fn unpublished(
    pen: &mut Pen,
    name: &str,
    inner: (&str, &str),
    visitor: &Visitor,
    fields: impl FnOnce(&mut Pen),
) {
    let form = if pen.style.strict { 0 } else { pen.rng.random_range(0..4) };
    let (member, record) = inner;
    pen.body(name, |pen| {
        pen.visitor_header(visitor);
        if form == 0 {
            return fields(pen);
        }
        pen.key(member);
        pen.raw(match form {
            1 => "{",
            2 => "{\"com.liveperson.dataaccess.",
            _ => "{\"array\":[{",
        });
        if form == 2 {
            pen.raw(record);
            pen.raw("\":{");
        }
        fields(pen);
        pen.raw(match form {
            1 => "}",
            2 => "}}",
            _ => "}]}",
        });
    });
}

fn geo(pen: &mut Pen, visitor: &Visitor) {
    pen.row("geo", None);
    let address: u32 = pen.rng.random();
    let [a, b, c, d] = address.to_be_bytes();
    let place = COUNTRIES.get((address % 4) as usize).copied().unwrap_or_default();
    unpublished(pen, "WebSessionGeoData", ("geo", "GeoData"), visitor, |pen| {
        let [country, code, state, city] = place;
        pen.string("iPV4", Some(&format!("{a}.{b}.{c}.{d}")));
        pen.string("iPV6", if a % 2 == 0 { None } else { Some("2001:db8::7") });
        pen.string("country", Some(country));
        pen.string("city", Some(city));
        pen.string("state", Some(state));
        pen.string("org", Some("Example & Söhne"));
        pen.string("isp", None);
        pen.string("countryCode", Some(code));
    });
}

fn session_info(pen: &mut Pen, visitor: &Visitor, start: i64) {
    pen.row("session_info", Some(start));
    let agent = words::user_agent(&mut pen.rng);
    let system = words::pick(&mut pen.rng, &SYSTEMS);
    let family = words::pick(&mut pen.rng, &FAMILIES);
    let enums = pen.odd_once_in(3);
    let blanks = pen.odd_once_in(10);
    let inner = ("sessionInfo", "SessionInfo");
    unpublished(pen, "WebSessionSessionInfoData", inner, visitor, |pen| {
        pen.long("sessionStartTime", Some(start));
        pen.string("userAgent", Some(&agent));
        if enums {
            pen.symbol("deviceOS", "DeviceOS", Some(system));
            pen.symbol("deviceFamily", "DeviceFamily", Some(family));
            pen.symbol("siteControlGroup", "ControlGroupEnum", Some("TEST"));
        } else {
            pen.string("deviceOS", Some(system));
            pen.string("deviceFamily", Some(family));
            pen.string("siteControlGroup", Some("NA"));
        }
        // The page prints both names with a blank.
        let (engine, words) =
            if blanks { ("search Engine", "search EngineKey") } else { ("searchEngine", "searchEngineKey") };
        pen.string(engine, Some("Google"));
        pen.string(words, Some("winter boots + été"));
    });
}
