//! Floor 3. Joins the stages.
