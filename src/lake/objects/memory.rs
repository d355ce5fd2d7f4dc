//! The promise on memory: what objects hold together stays near `LakeOptions::buffer_bytes`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::super::lock;
use super::{Object, Objects, Phase, State};
use crate::model::Fault;

impl Objects {
    /// Encodes, seals or places objects while too much is held in memory. Never waits for other threads:
    /// what they encode comes free by itself.
    pub(super) fn relieve(&self) -> Result<(), Fault> {
        let limit = self.options.buffer_bytes;
        while self.held.load(Ordering::Relaxed) > limit {
            if self.waiting.load(Ordering::Relaxed) > limit / 4 && self.place_waiting()? {
                continue;
            }
            let open = self.open_objects();
            let weight = |object: &Arc<Object>| {
                let state = object.state.try_lock().ok()?;
                (state.phase == Phase::Open).then(|| state.pending_bytes + state.encoded())
            };
            let heaviest =
                open.iter().filter_map(|object| Some((weight(object)?, object))).max_by_key(|(w, _)| *w);
            match heaviest {
                // Less would only make row groups tiny.
                Some((weight, object)) if weight > limit / 256 => self.lighten(object)?,
                _ if self.place_waiting()? => {}
                _ => break,
            }
        }
        Ok(())
    }

    pub fn has_room(&self) -> bool {
        self.held.load(Ordering::Relaxed) <= self.options.buffer_bytes / 4
    }

    /// Seals all objects if much is held; calls `there_is_room` when it is not, or not any more.
    pub fn make_room(&self, there_is_room: &(dyn Fn() + Sync)) -> Result<(), Fault> {
        if !self.has_room() {
            self.open_objects().par_iter().try_for_each(|object| {
                self.seal(object)?;
                if self.has_room() {
                    there_is_room();
                }
                Ok(())
            })?;
        }
        there_is_room();
        Ok(())
    }

    fn open_objects(&self) -> Vec<Arc<Object>> {
        lock(&self.registry).open.values().map(|(object, _)| object.clone()).collect()
    }

    /// Encodes the pending rows, or ends the object where encoded bytes are the greater weight.
    fn lighten(&self, object: &Object) -> Result<(), Fault> {
        let mut state = lock(&object.state);
        if state.phase != Phase::Open {
            return Ok(());
        }
        if state.pending_bytes < state.encoded() {
            drop(state);
            return self.seal(object);
        }
        let work = self.take(&mut state, true);
        self.count(&mut state);
        drop(state);
        self.encode(object, work)
    }

    /// Places small objects early. Whether there were any.
    fn place_waiting(&self) -> Result<bool, Fault> {
        let all = lock(&self.registry).all.clone();
        let waiting: Vec<Arc<Object>> = all
            .into_iter()
            .filter(|object| object.state.try_lock().is_ok_and(|state| state.tail.is_some()))
            .collect();
        self.place_finished(&waiting)?;
        Ok(!waiting.is_empty())
    }

    /// Brings the count of held bytes up to date.
    pub(super) fn count(&self, state: &mut State) {
        let now = state.pending_bytes
            + state.encoding_bytes
            + state.encoded()
            + state.tail.as_ref().map_or(0, Bytes::len);
        self.held.fetch_add(now, Ordering::Relaxed);
        self.held.fetch_sub(state.held, Ordering::Relaxed);
        state.held = now;
    }
}
