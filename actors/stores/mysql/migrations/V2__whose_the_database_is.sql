-- Whose books these are: one row, written by whoever claims first. Two installations in one database would each count
-- the offsets of a log that the other does not have.

CREATE TABLE IF NOT EXISTS installation (
    one TINYINT UNSIGNED NOT NULL,
    id  BINARY(16)       NOT NULL,
    PRIMARY KEY (one)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
