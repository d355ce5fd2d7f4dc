//! Floor 2. Bytes as received -> JSON text, layers (gzip, PGP) peeled in any order.
