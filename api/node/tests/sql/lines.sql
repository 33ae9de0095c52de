-- The lines of an export as they are.
CREATE TABLE line (n INTEGER PRIMARY KEY, fact TEXT NOT NULL, kind TEXT AS (fact ->> 'kind') STORED);
