//! Documents out of facts and judgements, pure.

use weir_engine::fact::Kind;
use weir_engine::record::Logged;
use weir_engine::search::{Document, click_document, conversion_document};

use super::judgements::Judgements;

/// The documents that facts make, with the number of those that this build cannot read.
#[derive(Debug, Default)]
pub(crate) struct Made {
    pub(crate) documents: Vec<Document>,
    pub(crate) unreadable: u64,
}

/// A document for each click among `facts`, and one for each conversion that they made or changed.
pub(crate) fn documents<'a>(
    facts: impl Iterator<Item = Logged<'a>>,
    judgements: &Judgements,
) -> Made {
    let mut made = Made::default();
    for logged in facts.filter(|l| l.record.kind == Kind::Clicked.code()) {
        match click_document(&logged, judgements.unique.contains(logged.position)) {
            Ok(click) => made.documents.push(Document::Click(Box::new(click))),
            Err(_) => made.unreadable += 1,
        }
    }
    for changed in judgements.changed.values() {
        let click = changed.click.as_ref().map(|c| c.logged().record);
        let document = conversion_document(&changed.conversion, changed.seq, click.as_ref())
            // A click that this build cannot read is one that is not known.
            .or_else(|_| conversion_document(&changed.conversion, changed.seq, None));
        match document {
            Ok(conversion) => made
                .documents
                .push(Document::Conversion(Box::new(conversion))),
            Err(_) => made.unreadable += 1,
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use weir_engine::click_id::ClickId;
    use weir_engine::fact::{ClickCore, ClickDetail, ClickOutcome, ClickReason};
    use weir_engine::ids::{Position, TenantId, UnixMs};
    use weir_engine::record::Record;

    use super::*;

    fn open_part() -> Vec<u8> {
        let core = ClickCore {
            tenant: TenantId(7),
            at: UnixMs(1),
            click_id: ClickId::from_bytes([1; 20]),
            campaign: 1,
            flow: None,
            wanted_offer: None,
            sent: None,
            affiliate: None,
            visitor: [1, 2],
            country: *b"ZZ",
            device: 0,
            bot: None,
            propensity: 1.0,
            policy_version: 0,
            config_version: 0,
            cost: None,
            is_test: false,
            outcome: ClickOutcome::Invalid,
            reason: ClickReason::NoArm,
        };
        let mut open = Vec::new();
        core.write(&ClickDetail::default(), &mut open);
        open
    }

    fn fact(seq: u64, kind: Kind, version: u8, open: &[u8]) -> Logged<'_> {
        Logged {
            position: Position { partition: 3, seq },
            record: Record {
                tenant: TenantId(7),
                at: UnixMs(seq),
                kind: kind.code(),
                version,
                click_id: Some(ClickId::from_bytes([seq as u8; 20])),
                open,
                private_key: 0,
                private: &[],
                texts: ["", ""],
            },
        }
    }

    #[test]
    fn clicks_become_documents_and_are_unique_as_the_store_says() {
        let open = open_part();
        let mut judgements = Judgements::default();
        judgements.unique.mark(Position {
            partition: 3,
            seq: 20_001,
        });
        let facts = [
            fact(20_000, Kind::Clicked, 1, &open),
            fact(20_001, Kind::Clicked, 1, &open),
            fact(20_002, Kind::ConfigChanged, 1, &open),
        ];
        let made = documents(facts.into_iter(), &judgements);
        let told: Vec<_> = made
            .documents
            .iter()
            .map(|d| match d {
                Document::Click(click) => (click.seq, click.unique),
                Document::Conversion(_) => panic!("there is none"),
            })
            .collect();
        assert_eq!(told, [(20_000, false), (20_001, true)]);
    }

    #[test]
    fn a_click_that_this_build_cannot_read_is_counted_and_left_out() {
        let open = open_part();
        let facts = [
            fact(1, Kind::Clicked, 99, &open),
            fact(2, Kind::Clicked, 1, &open),
        ];
        let made = documents(facts.into_iter(), &Judgements::default());
        assert_eq!((made.documents.len(), made.unreadable), (1, 1));
    }
}
