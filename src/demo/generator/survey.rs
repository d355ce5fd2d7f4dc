//! Surveys with their answers, some submitted twice.

use rand::Rng;

use crate::model::Stream;

use super::engagement::conversation_id;
use super::envelope::Visitor;
use super::pen::Pen;
use super::words;

const QUESTIONS: [(&str, &str); 5] = [
    ("Chat Result", "No Real Chat ('Ghost Chat')"),
    ("Salesforce Survey Submitted", "Yes"),
    ("Wie zufrieden waren Sie?", "sehr 😀"),
    ("お名前", "李雷"),
    ("How likely are you to recommend us?", "9"),
];

/// One envelope: rows of `surveys` and `survey_answers`, or of `unrecognized` when it holds no survey.
pub(super) fn write(pen: &mut Pen, account: &str) {
    let start = pen.scope.start_ms + pen.rng.random_range(0..3_600_000);
    let empty = pen.once_in(150);
    let surveys = if empty { 0 } else { pen.rng.random_range(1..3_usize) };
    if empty {
        pen.row_after_start("unrecognized", start);
    }
    pen.envelope(Stream::Survey, account, Some(start), Some(start + 7), |pen| {
        pen.body("SurveyData", |pen| {
            pen.visitor_header(&Visitor::empty());
            pen.array("surveys", surveys, |pen, _| {
                pen.maybe_null_item();
                pen.item(|pen| survey(pen, account, start));
            });
        });
    });
}

impl Pen<'_> {
    /// Counts a row that is dated by an envelope not yet begun.
    fn row_after_start(&mut self, table: &'static str, start: i64) {
        self.counts.row(table, None, Some(start), self.scope);
    }
}

fn survey(pen: &mut Pen, account: &str, start: i64) {
    let id = pen.rng.random_range(270_000..280_000_i64);
    let part = pen.rng.random_range(0..2);
    let index = 2 * pen.rng.random_range(0..8);
    let conversation = conversation_id(account, pen.scope.start_ms, part, index);
    pen.row("surveys", None);
    pen.counts.sum("surveys.id", id);
    pen.long("id", Some(id));
    pen.int("type", Some((id % 4) as i32 + 1));
    pen.long("viewTime", if id % 3 == 0 { None } else { Some(start - 5_000) });
    pen.string("conversationId", Some(&conversation));
    let questions = pen.rng.random_range(0..5_usize);
    let rounds = if pen.once_in(5) { 2 } else { 1 };
    pen.array("contents", questions * rounds, |pen, i| {
        let time = start + 7 * (i / questions.max(1)) as i64;
        answer(pen, i % questions.max(1), Some(time).filter(|t| t % 97 != 0));
    });
    pen.maybe_unknown();
}

fn answer(pen: &mut Pen, question: usize, time: Option<i64>) {
    let (question, usual) = QUESTIONS.get(question).copied().unwrap_or_default();
    let free = words::phrase(&mut pen.rng);
    let answer = if pen.once_in(3) { free.as_str() } else { usual };
    pen.row("survey_answers", time);
    pen.counts.sum("survey_answers.answer", answer.len() as i64);
    pen.open();
    pen.string("question", Some(question));
    pen.text("answer", Some(answer));
    pen.long("answerSubmitTime", time);
    pen.string("surveyName", Some("SalesNew"));
    pen.int("answerType", Some(if usual == "Yes" { 2 } else { 4 }));
    pen.double("csatThreshold", Some(if question.len() % 2 == 0 { -1.0 } else { 7.5 }));
    pen.close();
}
