//! Items of a list: each makes a row, and its children rows of other tables.

use super::super::builder::{LeadValue, TableBuilder};
use super::super::columns::Column;
use super::super::declare::{Lead, Table};
use super::super::members::{Place, close, enters, known_fields, passes};
use super::super::values::{self, has_field, unknown_member};
use super::{Reader, is};
use crate::records::{Content, Doc, Entered, Step, SyntaxError};

impl Reader {
    pub(super) fn items(
        &mut self,
        doc: &mut Doc<'_>,
        key: &'static str,
        table: &'static str,
    ) -> Result<(), SyntaxError> {
        self.notes.path.push(Step::Key(key));
        self.item_list(doc, table)?;
        self.notes.path.pop();
        Ok(())
    }

    pub(super) fn item_list(&mut self, doc: &mut Doc<'_>, table: &'static str) -> Result<(), SyntaxError> {
        let Some(index) = self.position(table) else { return doc.cursor.skip_value().map(|_| ()) };
        let mut beside = Vec::new();
        let entered = doc.array(
            &mut |doc, _| {
                let (mut first, mut seq) = (true, 0);
                while doc.cursor.next_item(&mut first)? {
                    self.notes.path.push(Step::Index(seq));
                    self.one_item(doc, index, seq)?;
                    self.notes.path.pop();
                    seq += 1;
                }
                Ok(())
            },
            &mut |key, raw| beside.push((key.to_owned(), raw.to_vec())),
        )?;
        values::after(entered, beside, &mut self.notes);
        Ok::<(), SyntaxError>(())
    }

    /// One item of a list; null makes no row, what is no record is kept above.
    pub(super) fn one_item(
        &mut self,
        doc: &mut Doc<'_>,
        index: usize,
        seq: usize,
    ) -> Result<(), SyntaxError> {
        let Some(TableBuilder { table, item, wrapper, .. }) = self.tables.get(index) else { return Ok(()) };
        if table.whole {
            return self.whole_item(doc, index, seq);
        }
        // Many writers put a blank behind the comma between items.
        doc.cursor.skip_space();
        let start = doc.cursor.at();
        if enters(doc, item) {
            return self.item(doc, index, seq);
        }
        if passes(doc, wrapper) {
            self.item(doc, index, seq)?;
            let closing = self.tables.get(index).map(|builder| &builder.wrapper.closing);
            return close(doc, closing, &mut self.notes);
        }
        let table = *table;
        let mut beside = Vec::new();
        let entered = doc.record(
            table.record.wrappers,
            &|key| {
                has_field(&table.record, key) || table.children.iter().any(|(name, _)| name.as_bytes() == key)
            },
            &mut |doc, _| self.item(doc, index, seq),
            &mut |key, raw| beside.push((key.to_owned(), raw.to_vec())),
        )?;
        if let Some(builder) = self.tables.get_mut(index)
            && entered == Entered::Read
        {
            builder.wrapper.learn(doc, start, start, false, Content::Record);
        }
        values::after(entered, beside, &mut self.notes);
        Ok::<(), SyntaxError>(())
    }

    fn whole_item(&mut self, doc: &mut Doc<'_>, index: usize, seq: usize) -> Result<(), SyntaxError> {
        let Some(json) = values::json_value(doc)? else { return Ok(()) };
        self.note_first_row(index);
        if let Some(builder) = self.tables.get_mut(index) {
            let rows = builder.rows() + 1;
            if let Some(Column::Json(texts)) = builder.item.children.first_mut() {
                texts.fill(rows, Some(&json));
            }
            builder.fill_lead(Lead::Seq, rows, LeadValue::Integer(Some(seq as i64)));
            builder.item.end_row();
            self.made.0.add(index);
        }
        Ok(())
    }

    fn item(&mut self, doc: &mut Doc<'_>, index: usize, seq: usize) -> Result<(), SyntaxError> {
        self.note_first_row(index);
        let Some(table) = self.tables.get(index).map(|builder| builder.table) else { return Ok(()) };
        let parent_item = self.notes.item.replace(self.notes.path.depth());
        let parent_row = std::mem::take(&mut self.notes.row);
        let marks: Vec<usize> = if table.children.is_empty() {
            Vec::new()
        } else {
            self.tables.iter().map(TableBuilder::rows).collect()
        };
        let mut met = [false; 8];
        let Some(mut place) = self.tables.get(index).map(|builder| Place::start_of(&builder.item)) else {
            return Ok(());
        };
        while let Some(builder) = self.tables.get_mut(index) {
            let Some(key) = known_fields(doc, &mut builder.item, &mut place, &mut self.notes)? else { break };
            let child = table.children.iter().zip(&mut met).find(|((name, _), _)| is(key, name));
            match child {
                Some(((name, child), met)) if !*met => {
                    *met = true;
                    self.items(doc, name, child)?;
                }
                _ => unknown_member(doc, key, &mut self.notes)?,
            }
        }
        if let Some(builder) = self.tables.get_mut(index) {
            let rows = builder.rows() + 1;
            builder.fill_lead(Lead::Seq, rows, LeadValue::Integer(Some(seq as i64)));
        }
        if !table.children.is_empty() {
            self.lead_children(index, table);
            self.count_children(index, &marks);
        }
        self.end_item(index);
        self.notes.item = parent_item;
        self.notes.row = parent_row;
        Ok(())
    }

    /// Rows of child tables get the ids of their parent, whose row is about to be closed.
    fn lead_children(&mut self, index: usize, table: &'static Table) {
        let Some(builder) = self.tables.get(index) else { return };
        let row = builder.rows();
        let column = |name: &str| {
            let field = table.record.fields.iter().position(|field| field.name == name)?;
            builder.item.children.get(field)
        };
        let text = |name: &str| match column(name) {
            Some(Column::Text(texts)) => texts.get(row).map(str::to_owned),
            _ => None,
        };
        let integer = |name: &str| match column(name) {
            Some(Column::Int64(values)) => values.get(row),
            Some(Column::Int32(values)) => values.get(row).map(i64::from),
            _ => None,
        };
        let conversation = text("conversation_id");
        let (survey, survey_type) = (integer("id"), integer("type"));
        for (_, child) in table.children {
            let Some(child) = self.position(child).and_then(|child| self.tables.get_mut(child)) else {
                continue;
            };
            let rows = child.rows();
            child.fill_lead(Lead::ConversationId, rows, LeadValue::Text(conversation.as_deref()));
            child.fill_lead(Lead::SurveyId, rows, LeadValue::Integer(survey));
            child.fill_lead(Lead::SurveyType, rows, LeadValue::Integer(survey_type));
        }
    }

    pub(super) fn end_item(&mut self, index: usize) {
        let extra = std::mem::take(&mut self.notes.row);
        if let Some(builder) = self.tables.get_mut(index) {
            let row = builder.rows();
            builder.item.end_row();
            self.made.0.add(index);
            builder.add_extra(row, extra);
        }
    }
}
