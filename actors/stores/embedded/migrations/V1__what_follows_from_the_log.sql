-- What follows from the log, and how far it has come.
--
-- Keys begin with the tenant, except where a row is the partition's own. Times are Unix milliseconds, amounts
-- micros, entities numbers within their tenant, words their codes; ids, click ids and hashes are big-endian
-- blobs, so that their order is that of the numbers. Rows are keyed by the place of the fact that made them
-- (partition_id, seq), so that they are appended in log order. No index here is unique: what must be unique
-- is a key, what should be unique is checked by `verify`, so that one bad row cannot stop a whole store. Queries
-- name the index they need (INDEXED BY): without statistics SQLite believes that a tenant has ten rows.

CREATE TABLE partition_state (
    partition_id INTEGER NOT NULL PRIMARY KEY,
    next_offset  INTEGER NOT NULL,
    epoch        INTEGER NOT NULL,
    newest_at    INTEGER NOT NULL,
    refold_from  INTEGER NOT NULL
) STRICT;

CREATE TABLE entities (
    tenant_id    INTEGER NOT NULL,
    kind         INTEGER NOT NULL,
    number       INTEGER NOT NULL,
    second       INTEGER NOT NULL,
    version      INTEGER NOT NULL,
    partition_id INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    changed_by   TEXT    NOT NULL,
    body         TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, kind, number, second)
) STRICT;

CREATE TABLE conversions (
    tenant_id     INTEGER NOT NULL,
    partition_id  INTEGER NOT NULL,
    seq           INTEGER NOT NULL,
    conversion_id BLOB    NOT NULL,
    received_id   BLOB    NOT NULL,
    identity      BLOB,
    status        INTEGER NOT NULL,
    reason        INTEGER,
    note          TEXT    NOT NULL,
    click_id      BLOB    NOT NULL,
    campaign      INTEGER NOT NULL,
    flow          INTEGER,
    arm           INTEGER NOT NULL,
    offer         INTEGER NOT NULL,
    offer_version INTEGER NOT NULL,
    affiliate     INTEGER,
    advertiser    INTEGER NOT NULL,
    country       BLOB    NOT NULL,
    device        INTEGER NOT NULL,
    is_test       INTEGER NOT NULL,
    goal          INTEGER,
    txid          TEXT    NOT NULL,
    sale_amount   INTEGER,
    sale_currency BLOB,
    payout        INTEGER NOT NULL,
    revenue       INTEGER NOT NULL,
    currency      BLOB    NOT NULL,
    rule          BLOB    NOT NULL,
    clicked_at    INTEGER NOT NULL,
    converted_at  INTEGER NOT NULL,
    booked_at     INTEGER NOT NULL,
    places        BLOB    NOT NULL,
    PRIMARY KEY (tenant_id, partition_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX conversions_by_id       ON conversions (tenant_id, conversion_id);
CREATE INDEX conversions_by_identity ON conversions (tenant_id, identity) WHERE identity IS NOT NULL;
CREATE INDEX conversions_by_click    ON conversions (tenant_id, click_id);
CREATE INDEX conversions_by_txid     ON conversions (tenant_id, txid) WHERE txid <> '';
CREATE INDEX conversions_by_status   ON conversions (tenant_id, status);

CREATE TABLE verdicts (
    tenant_id     INTEGER NOT NULL,
    partition_id  INTEGER NOT NULL,
    seq           INTEGER NOT NULL,
    judged_at     INTEGER NOT NULL,
    received_id   BLOB    NOT NULL,
    outcome       INTEGER NOT NULL,
    status        INTEGER,
    reason        INTEGER,
    conversion_id BLOB,
    warnings      BLOB    NOT NULL,
    is_made       INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, partition_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX verdicts_by_received_id ON verdicts (tenant_id, received_id);
CREATE INDEX verdicts_by_conversion  ON verdicts (tenant_id, conversion_id) WHERE conversion_id IS NOT NULL;

CREATE TABLE status_changes (
    tenant_id     INTEGER NOT NULL,
    partition_id  INTEGER NOT NULL,
    seq           INTEGER NOT NULL,
    changed_at    INTEGER NOT NULL,
    conversion_id BLOB    NOT NULL,
    from_status   INTEGER NOT NULL,
    to_status     INTEGER NOT NULL,
    reason        INTEGER,
    note          TEXT    NOT NULL,
    changed_by    TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, partition_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX status_changes_by_conversion ON status_changes (tenant_id, conversion_id);

CREATE TABLE transfers (
    tenant_id     INTEGER NOT NULL,
    partition_id  INTEGER NOT NULL,
    seq           INTEGER NOT NULL,
    transfer_id   BLOB    NOT NULL,
    booked_at     INTEGER NOT NULL,
    kind          INTEGER NOT NULL,
    debit_kind    INTEGER NOT NULL,
    debit_owner   INTEGER NOT NULL,
    credit_kind   INTEGER NOT NULL,
    credit_owner  INTEGER NOT NULL,
    amount        INTEGER NOT NULL,
    currency      BLOB    NOT NULL,
    conversion_id BLOB    NOT NULL,
    PRIMARY KEY (tenant_id, partition_id, seq, transfer_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX transfers_by_conversion ON transfers (tenant_id, conversion_id);

CREATE TABLE balances (
    tenant_id INTEGER NOT NULL,
    kind      INTEGER NOT NULL,
    owner     INTEGER NOT NULL,
    currency  BLOB    NOT NULL,
    debits    INTEGER NOT NULL,
    credits   INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, kind, owner, currency)
) STRICT, WITHOUT ROWID;

CREATE TABLE rollups (
    tenant_id     INTEGER NOT NULL,
    basis         INTEGER NOT NULL,
    bucket        INTEGER NOT NULL,
    is_test       INTEGER NOT NULL,
    campaign      INTEGER NOT NULL,
    flow          INTEGER NOT NULL,
    arm           INTEGER NOT NULL,
    offer         INTEGER NOT NULL,
    affiliate     INTEGER NOT NULL,
    goal          INTEGER NOT NULL,
    country       BLOB    NOT NULL,
    device        INTEGER NOT NULL,
    currency      BLOB    NOT NULL,
    gross_click   INTEGER NOT NULL,
    invalid_click INTEGER NOT NULL,
    unique_click  INTEGER NOT NULL,
    cost          INTEGER NOT NULL,
    pending_cv    INTEGER NOT NULL,
    approved_cv   INTEGER NOT NULL,
    rejected_cv   INTEGER NOT NULL,
    payout        INTEGER NOT NULL,
    revenue       INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, basis, bucket, is_test, campaign, flow, arm, offer, affiliate, goal, country, device, currency)
) STRICT, WITHOUT ROWID;

CREATE TABLE cap_counters (
    tenant_id   INTEGER NOT NULL,
    cap         BLOB    NOT NULL,
    period_from INTEGER NOT NULL,
    used        INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, cap, period_from)
) STRICT, WITHOUT ROWID;

-- Two kilobytes a row and rewritten often: with a rowid, so that the key's tree stays small.
CREATE TABLE unique_blocks (
    partition_id INTEGER NOT NULL,
    block        INTEGER NOT NULL,
    bits         BLOB    NOT NULL,
    PRIMARY KEY (partition_id, block)
) STRICT;

CREATE TABLE checkpoints (
    tenant_id INTEGER NOT NULL,
    actor     INTEGER NOT NULL, -- 1 = the tenant's, 2 = a campaign's
    number    INTEGER NOT NULL, -- of the campaign; 0 for the tenant's
    folded_to INTEGER NOT NULL,
    state     BLOB    NOT NULL,
    PRIMARY KEY (tenant_id, actor, number)
) STRICT;
