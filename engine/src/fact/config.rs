//! `config_changed`: the open part is kind 1, number, second number, version, `by`, JSON body.

use super::wire::{Decoder, Encoder, Malformed};
use crate::catalog::{Change, EntityKey, EntityKind};
use crate::record::Record;

impl Change {
    /// Version of the encoding that [`Self::write`] writes.
    pub const VERSION: u8 = 1;

    /// Writes the open part.
    pub fn write(&self, out: &mut Vec<u8>) {
        let body = self.body.to_string();
        let mut e = Encoder(out);
        e.raw(&[self.key.kind.code()]);
        for number in [self.key.number, self.key.second, self.version] {
            e.varint(u64::from(number));
        }
        e.text(&self.by);
        e.text(&body);
    }
}

pub(super) fn read(record: &Record<'_>) -> Result<Change, Malformed> {
    if record.version != Change::VERSION {
        return Err(Malformed("unknown version of a configuration change"));
    }
    let mut d = Decoder(record.open);
    let kind = EntityKind::from_code(d.byte()?).ok_or(Malformed("unknown entity"))?;
    let key = EntityKey {
        kind,
        number: d.number()?,
        second: d.number()?,
    };
    let version = d.number()?;
    let by = d.text()?.to_owned();
    let body = serde_json::from_str(d.text()?).map_err(|_| Malformed("body is not JSON"))?;
    Ok(Change {
        key,
        version,
        by,
        body,
    })
}
