//! Made-up words, names, pages and ids.

use std::fmt::Write;

use rand::Rng;
use rand::rngs::StdRng;

const PHRASES: [&str; 20] = [
    "Hello, how can I help you today?",
    "My order has not arrived yet 😟",
    "Könnten Sie mir bitte die Bestellnummer nennen?",
    "Un café s'il vous plaît, c'est très pressé",
    "ご注文ありがとうございます。",
    "您的包裹正在运送中",
    "He said \"tomorrow\", then \\nothing\\ happened",
    "first line\nsecond line\r\nthird\tcolumn",
    "Сколько стоит доставка?",
    "مرحبا، أحتاج إلى مساعدة",
    "👩‍👩‍👧‍👦 family plan 👍🏽",
    "<b>bold</b> &amp; <a href='https://shop.example.com/?a=1&b=2'>link</a>",
    "ok",
    "",
    "Price is 12,50 € or £10.99; {\"json\": [1, 2]} inside",
    "null",
    "12345678901234567890",
    "thanks \u{200B}zero width\u{FEFF} and \u{1} control",
    "I would like to change the delivery address of my order, please.",
    "Is this still in stock in size 42?",
];

const NAMES: [&str; 12] = [
    "Anna Müller",
    "José García",
    "李雷",
    "O'Neil \"Red\"",
    "Zoë 🌷",
    "Иван",
    "John Smith",
    "Siobhán",
    "Nguyễn Văn A",
    "visitor",
    "Ærø Ångström",
    "X",
];

const AGENTS: [&str; 8] = ["CRAgent", "lena.w", "tom-k", "Ming", "agent_05", "Zo\u{eb}", "Q'uinn", "bot 1"];

const PATHS: [&str; 10] = [
    "",
    "cart",
    "checkout/step-2",
    "p/winter-boots",
    "p/%E3%83%86%E3%82%B9%E3%83%88",
    "search",
    "help/returns",
    "a/89995382/#wa!webagent",
    "login.html",
    "fr/page-d'accueil",
];

const USER_AGENTS: [&str; 5] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.{v} Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 16_{v} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (X11; Linux x86_64; rv:{v}.0) Gecko/20100101 Firefox/{v}.0",
    "Mozilla/5.0 (Linux; Android 13; SM-T{v}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/116.0 Safari/537.36",
];

const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub(super) fn pick<'t>(rng: &mut StdRng, list: &[&'t str]) -> &'t str {
    list.get(rng.random_range(0..list.len().max(1))).copied().unwrap_or_default()
}

/// One to three phrases, most with a number so that texts differ.
pub(super) fn phrase(rng: &mut StdRng) -> String {
    let mut text = pick(rng, &PHRASES).to_owned();
    for _ in 0..rng.random_range(0..3) {
        let _ = write!(text, " {} #{}", pick(rng, &PHRASES), rng.random_range(0..1_000_000));
    }
    text
}

pub(super) fn person(rng: &mut StdRng) -> &'static str {
    pick(rng, &NAMES)
}

/// Nickname of an agent, the same for the same id.
pub(super) fn agent_name(agent: i64) -> &'static str {
    AGENTS.get(usize::try_from(agent).unwrap_or_default() % AGENTS.len()).copied().unwrap_or_default()
}

/// A page of a shop with a query string that hardly ever repeats.
pub(super) fn url(rng: &mut StdRng) -> String {
    let mut url = format!("https://www.shop-{}.example.com/{}", rng.random_range(1..4), pick(rng, &PATHS));
    if rng.random_range(0..10) < 8 {
        let _ = write!(
            url,
            "?sid={:016x}&utm_campaign=autumn%20{}&q={}&mail=jane%40example.invalid",
            rng.random::<u64>(),
            rng.random_range(0..50),
            rng.random_range(0..100_000)
        );
    }
    url
}

pub(super) fn user_agent(rng: &mut StdRng) -> String {
    let version = rng.random_range(100..130).to_string();
    pick(rng, &USER_AGENTS).replace("{v}", &version)
}

/// 22 characters of URL-safe base64, the form of visitor ids and message ids.
pub(super) fn id22(rng: &mut StdRng) -> String {
    let mut bits: u128 = rng.random();
    let mut id = String::with_capacity(22);
    for _ in 0..22 {
        id.push(char::from(URL_SAFE.get((bits & 63) as usize).copied().unwrap_or(b'A')));
        bits >>= 6;
    }
    id
}

/// `<22 chars>.<40 hex>`, the form of visit ids.
pub(super) fn visit_id(rng: &mut StdRng) -> String {
    let mut id = id22(rng);
    let _ = write!(id, ".{:032x}{:08x}", rng.random::<u128>(), rng.random::<u32>());
    id
}

pub(super) fn uuid(rng: &mut StdRng) -> String {
    let bits: u128 = rng.random();
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        bits as u32,
        (bits >> 32) as u16,
        (bits >> 48) as u16 & 0xfff,
        (bits >> 64) as u16 & 0xfff,
        (bits >> 80) as u64 & 0xffff_ffff_ffff
    )
}
