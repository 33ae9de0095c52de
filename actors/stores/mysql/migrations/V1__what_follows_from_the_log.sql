-- What follows from the log, and how far it has come: the tables of the embedded store in MySQL's types.
--
-- Keys begin with the tenant, except where a row is the partition's own. Times are Unix milliseconds, amounts
-- micros, entities numbers within their tenant, words their codes; ids, click ids and hashes are big-endian bytes.
-- No index here is unique: what must be unique is a key, what should be unique is checked by `verify`, so that one
-- bad row cannot stop a whole store. Text that must be compared byte by byte is VARBINARY: collations pad.
-- A statement of definition commits by itself, so each can be run again.

CREATE TABLE IF NOT EXISTS partition_state (
    partition_id SMALLINT UNSIGNED NOT NULL,
    next_offset  BIGINT UNSIGNED   NOT NULL,
    epoch        BIGINT UNSIGNED   NOT NULL,
    newest_at    BIGINT UNSIGNED   NOT NULL,
    refold_from  BIGINT UNSIGNED   NOT NULL,
    PRIMARY KEY (partition_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS entities (
    tenant_id    INT UNSIGNED      NOT NULL,
    kind         TINYINT UNSIGNED  NOT NULL,
    number       INT UNSIGNED      NOT NULL,
    second       INT UNSIGNED      NOT NULL,
    version      INT UNSIGNED      NOT NULL,
    partition_id SMALLINT UNSIGNED NOT NULL,
    seq          BIGINT UNSIGNED   NOT NULL,
    created_at   BIGINT UNSIGNED   NOT NULL,
    updated_at   BIGINT UNSIGNED   NOT NULL,
    changed_by   TEXT              NOT NULL,
    body         MEDIUMTEXT        NOT NULL,
    PRIMARY KEY (tenant_id, kind, number, second)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS conversions (
    tenant_id     INT UNSIGNED      NOT NULL,
    partition_id  SMALLINT UNSIGNED NOT NULL,
    seq           BIGINT UNSIGNED   NOT NULL,
    conversion_id BINARY(16)        NOT NULL,
    received_id   BINARY(20)        NOT NULL,
    identity      BINARY(16),
    status        TINYINT UNSIGNED  NOT NULL,
    reason        TINYINT UNSIGNED,
    note          TEXT              NOT NULL,
    click_id      BINARY(20)        NOT NULL,
    campaign      INT UNSIGNED      NOT NULL,
    flow          INT UNSIGNED,
    arm           INT UNSIGNED      NOT NULL,
    offer         INT UNSIGNED      NOT NULL,
    offer_version INT UNSIGNED      NOT NULL,
    affiliate     INT UNSIGNED,
    advertiser    INT UNSIGNED      NOT NULL,
    country       BINARY(2)         NOT NULL,
    device        TINYINT UNSIGNED  NOT NULL,
    is_test       TINYINT UNSIGNED  NOT NULL,
    goal          INT UNSIGNED,
    txid          VARBINARY(1024)   NOT NULL,
    sale_amount   BIGINT,
    sale_currency BINARY(3),
    payout        BIGINT            NOT NULL,
    revenue       BIGINT            NOT NULL,
    currency      BINARY(3)         NOT NULL,
    rule          VARBINARY(64)     NOT NULL,
    clicked_at    BIGINT UNSIGNED   NOT NULL,
    converted_at  BIGINT UNSIGNED   NOT NULL,
    booked_at     BIGINT UNSIGNED   NOT NULL,
    places        BLOB              NOT NULL,
    PRIMARY KEY (tenant_id, partition_id, seq),
    KEY conversions_by_id (tenant_id, conversion_id),
    KEY conversions_by_identity (tenant_id, identity),
    KEY conversions_by_click (tenant_id, click_id),
    KEY conversions_by_txid (tenant_id, txid(255)),
    KEY conversions_by_status (tenant_id, status)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS verdicts (
    tenant_id     INT UNSIGNED      NOT NULL,
    partition_id  SMALLINT UNSIGNED NOT NULL,
    seq           BIGINT UNSIGNED   NOT NULL,
    judged_at     BIGINT UNSIGNED   NOT NULL,
    received_id   BINARY(20)        NOT NULL,
    outcome       TINYINT UNSIGNED  NOT NULL,
    status        TINYINT UNSIGNED,
    reason        TINYINT UNSIGNED,
    conversion_id BINARY(16),
    warnings      VARBINARY(255)    NOT NULL,
    is_made       TINYINT UNSIGNED  NOT NULL,
    PRIMARY KEY (tenant_id, partition_id, seq),
    KEY verdicts_by_received_id (tenant_id, received_id),
    KEY verdicts_by_conversion (tenant_id, conversion_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS status_changes (
    tenant_id     INT UNSIGNED      NOT NULL,
    partition_id  SMALLINT UNSIGNED NOT NULL,
    seq           BIGINT UNSIGNED   NOT NULL,
    changed_at    BIGINT UNSIGNED   NOT NULL,
    conversion_id BINARY(16)        NOT NULL,
    from_status   TINYINT UNSIGNED  NOT NULL,
    to_status     TINYINT UNSIGNED  NOT NULL,
    reason        TINYINT UNSIGNED,
    note          TEXT              NOT NULL,
    changed_by    TEXT              NOT NULL,
    PRIMARY KEY (tenant_id, partition_id, seq),
    KEY status_changes_by_conversion (tenant_id, conversion_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS transfers (
    tenant_id     INT UNSIGNED      NOT NULL,
    partition_id  SMALLINT UNSIGNED NOT NULL,
    seq           BIGINT UNSIGNED   NOT NULL,
    transfer_id   BINARY(16)        NOT NULL,
    booked_at     BIGINT UNSIGNED   NOT NULL,
    kind          TINYINT UNSIGNED  NOT NULL,
    debit_kind    TINYINT UNSIGNED  NOT NULL,
    debit_owner   INT UNSIGNED      NOT NULL,
    credit_kind   TINYINT UNSIGNED  NOT NULL,
    credit_owner  INT UNSIGNED      NOT NULL,
    amount        BIGINT            NOT NULL,
    currency      BINARY(3)         NOT NULL,
    conversion_id BINARY(16)        NOT NULL,
    PRIMARY KEY (tenant_id, partition_id, seq, transfer_id),
    KEY transfers_by_conversion (tenant_id, conversion_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS balances (
    tenant_id INT UNSIGNED     NOT NULL,
    kind      TINYINT UNSIGNED NOT NULL,
    owner     INT UNSIGNED     NOT NULL,
    currency  BINARY(3)        NOT NULL,
    debits    BIGINT           NOT NULL,
    credits   BIGINT           NOT NULL,
    PRIMARY KEY (tenant_id, kind, owner, currency)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- One row a key that had a click or a conversion in a quarter of an hour: by far the most rows, so they are small.
-- A sum of zero is null and takes no byte; the view `rollups` shows it as 0.
CREATE TABLE IF NOT EXISTS rollup_rows (
    tenant_id     INT UNSIGNED     NOT NULL,
    basis         TINYINT UNSIGNED NOT NULL,
    bucket        INT UNSIGNED     NOT NULL,
    is_test       TINYINT UNSIGNED NOT NULL,
    campaign      INT UNSIGNED     NOT NULL,
    flow          INT UNSIGNED     NOT NULL,
    arm           INT UNSIGNED     NOT NULL,
    offer         INT UNSIGNED     NOT NULL,
    affiliate     INT UNSIGNED     NOT NULL,
    goal          INT UNSIGNED     NOT NULL,
    country       BINARY(2)        NOT NULL,
    device        TINYINT UNSIGNED NOT NULL,
    currency      BINARY(3)        NOT NULL,
    gross_click   INT,
    invalid_click INT,
    unique_click  INT,
    cost          BIGINT,
    pending_cv    INT,
    approved_cv   INT,
    rejected_cv   INT,
    payout        BIGINT,
    revenue       BIGINT,
    PRIMARY KEY (tenant_id, basis, bucket, is_test, campaign, flow, arm, offer, affiliate, goal, country, device, currency)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY INVOKER VIEW rollups AS
SELECT tenant_id, basis, bucket, is_test, campaign, flow, arm, offer, affiliate, goal, country, device, currency,
    IFNULL(gross_click, 0) AS gross_click, IFNULL(invalid_click, 0) AS invalid_click,
    IFNULL(unique_click, 0) AS unique_click, IFNULL(cost, 0) AS cost,
    IFNULL(pending_cv, 0) AS pending_cv, IFNULL(approved_cv, 0) AS approved_cv, IFNULL(rejected_cv, 0) AS rejected_cv,
    IFNULL(payout, 0) AS payout, IFNULL(revenue, 0) AS revenue
FROM rollup_rows;

CREATE TABLE IF NOT EXISTS cap_counters (
    tenant_id   INT UNSIGNED    NOT NULL,
    cap         BINARY(8)       NOT NULL,
    period_from BIGINT UNSIGNED NOT NULL,
    used        BIGINT          NOT NULL,
    PRIMARY KEY (tenant_id, cap, period_from)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS unique_blocks (
    partition_id SMALLINT UNSIGNED NOT NULL,
    block        BIGINT UNSIGNED   NOT NULL,
    bits         VARBINARY(2048)   NOT NULL,
    PRIMARY KEY (partition_id, block)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- A state is cut into parts, since a packet has a greatest size. Actor: 1 = the tenant's, 2 = a campaign's.
CREATE TABLE IF NOT EXISTS checkpoints (
    tenant_id INT UNSIGNED     NOT NULL,
    actor     TINYINT UNSIGNED NOT NULL,
    number    INT UNSIGNED     NOT NULL,
    part      INT UNSIGNED     NOT NULL,
    parts     INT UNSIGNED     NOT NULL,
    folded_to BIGINT UNSIGNED  NOT NULL,
    state     MEDIUMBLOB       NOT NULL,
    PRIMARY KEY (tenant_id, actor, number, part)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
