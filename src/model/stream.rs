//! The data types that the service delivers, each as files of its own.

use std::fmt;

/// One data type of the Data Access API. Its texts are those of the service, which minds case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stream {
    AgentActivity,
    WebSession,
    Engagement,
    Survey,
}

impl Stream {
    /// Every stream, in the order in which the service documents them.
    pub const ALL: [Stream; 4] =
        [Stream::AgentActivity, Stream::WebSession, Stream::Engagement, Stream::Survey];

    /// Resource name in URLs, configuration, ledger and object names: `agentActivity`, …
    pub fn resource(self) -> &'static str {
        match self {
            Stream::AgentActivity => "agentActivity",
            Stream::WebSession => "webSession",
            Stream::Engagement => "engagement",
            Stream::Survey => "survey",
        }
    }

    /// First segment of a file name: `Agent` (though the resource is `agentActivity`), `WebSession`, …
    pub fn file_prefix(self) -> &'static str {
        match self {
            Stream::AgentActivity => "Agent",
            Stream::WebSession => "WebSession",
            Stream::Engagement => "Engagement",
            Stream::Survey => "Survey",
        }
    }

    /// Value of `dataType` inside a file: `AgentActivity`, `WebSession`, …
    pub fn data_type(self) -> &'static str {
        match self {
            Stream::AgentActivity => "AgentActivity",
            Stream::WebSession => "WebSession",
            Stream::Engagement => "Engagement",
            Stream::Survey => "Survey",
        }
    }

    /// The stream of a resource name, exactly as the service spells it.
    pub fn from_resource(text: &str) -> Option<Stream> {
        Stream::ALL.into_iter().find(|s| s.resource() == text)
    }

    /// The stream of a file name's first segment.
    pub fn from_file_prefix(text: &str) -> Option<Stream> {
        Stream::ALL.into_iter().find(|s| s.file_prefix() == text)
    }

    /// The stream of a `dataType` value, without regard to case.
    pub fn from_data_type(text: &str) -> Option<Stream> {
        Stream::ALL.into_iter().find(|s| s.data_type().eq_ignore_ascii_case(text))
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.resource())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_leads_back_to_its_stream() {
        for stream in Stream::ALL {
            assert_eq!(Stream::from_resource(stream.resource()), Some(stream));
            assert_eq!(Stream::from_file_prefix(stream.file_prefix()), Some(stream));
            assert_eq!(Stream::from_data_type(&stream.data_type().to_lowercase()), Some(stream));
        }
        assert_eq!(Stream::from_resource("AgentActivity"), None);
    }
}
