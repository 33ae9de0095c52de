-- Which click is the visitor's unique one on the offer: none of the same visitor on the same offer that is unique lies
-- in the 24 hours before. A visitor is known by the hash of the day and that of the day before, so a person is a chain
-- of days.

CREATE TABLE day_hash AS
SELECT DISTINCT tenant, today, yesterday FROM click WHERE is_sent AND NOT is_bot AND NOT is_test;
CREATE INDEX day_hash_today ON day_hash (tenant, today);
CREATE INDEX day_hash_yesterday ON day_hash (tenant, yesterday);

CREATE TABLE person AS
WITH RECURSIVE chain (tenant, hash, person) AS (
    SELECT tenant, today, today FROM day_hash AS first
    WHERE NOT EXISTS (SELECT * FROM day_hash AS before WHERE before.tenant = first.tenant AND before.today = first.yesterday)
    UNION ALL
    SELECT next.tenant, next.today, chain.person
    FROM chain JOIN day_hash AS next ON next.tenant = chain.tenant AND next.yesterday = chain.hash
)
SELECT * FROM chain;
CREATE INDEX person_by_hash ON person (tenant, hash);

CREATE TABLE visit AS
SELECT c.tenant, p.person, c.offer, c.seq, c.at
FROM click AS c JOIN person AS p ON p.tenant = c.tenant AND p.hash = c.today
WHERE c.is_sent AND NOT c.is_bot AND NOT c.is_test;
CREATE INDEX visit_in_order ON visit (tenant, person, offer, seq);

CREATE TABLE unique_click AS
WITH RECURSIVE counted (tenant, person, offer, seq, at) AS (
    SELECT tenant, person, offer, min(seq), at FROM visit GROUP BY tenant, person, offer
    UNION ALL
    SELECT v.tenant, v.person, v.offer, v.seq, v.at
    FROM counted AS u JOIN visit AS v ON v.rowid = (
        SELECT w.rowid FROM visit AS w
        WHERE w.tenant = u.tenant AND w.person = u.person AND w.offer = u.offer AND w.seq > u.seq AND w.at >= u.at + 86400000
        ORDER BY w.seq LIMIT 1)
)
SELECT tenant, seq FROM counted;
CREATE UNIQUE INDEX unique_by_place ON unique_click (tenant, seq);
