//! Floor 4. The stand-in of the service and its sample data.
