-- A state is cut into parts, as in every store. Checkpoints are a cache of the log: they are forgotten here, and
-- what was in them is read again.
DROP TABLE checkpoints;
CREATE TABLE checkpoints (
    tenant_id INTEGER NOT NULL,
    actor     INTEGER NOT NULL, -- 1 = the tenant's, 2 = a campaign's
    number    INTEGER NOT NULL, -- of the campaign; 0 for the tenant's
    part      INTEGER NOT NULL,
    parts     INTEGER NOT NULL,
    folded_to INTEGER NOT NULL,
    state     BLOB    NOT NULL,
    PRIMARY KEY (tenant_id, actor, number, part)
) STRICT;
UPDATE partition_state SET refold_from = 0;
