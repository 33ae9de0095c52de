-- The facts of an export as tables. `line` has its lines as they are, one JSON object a line.
-- Amounts become micros, times milliseconds. Derived lines are kept apart in `said`: they are what is checked.

CREATE TABLE click AS
SELECT fact ->> 'tenant' AS tenant, fact ->> 'seq' AS seq,
       CAST(round((julianday(fact ->> 'at') - 2440587.5) * 86400000) AS INTEGER) AS at,
       fact ->> 'click_id' AS click_id, fact ->> 'campaign_id' AS campaign, fact ->> 'affiliate_id' AS affiliate,
       fact ->> 'offer_id' AS offer, fact ->> 'wanted_offer_id' AS wanted, fact ->> 'country' AS country,
       fact ->> '$.visitor[0]' AS today, fact ->> '$.visitor[1]' AS yesterday,
       fact ->> 'bot' IS NOT NULL AS is_bot, fact ->> 'test' AS is_test,
       -- Sent neither to an offer nor to a lander, or a bot: recorded, and no more.
       fact ->> 'outcome' IN ('redirected', 'lander') AS is_sent,
       CAST(round((fact ->> 'cost') * 1000000) AS INTEGER) AS cost, fact ->> 'cost_currency' AS cost_currency
FROM line WHERE kind = 'clicked';
CREATE UNIQUE INDEX click_by_id ON click (tenant, click_id);

CREATE TABLE received AS
SELECT fact ->> 'tenant' AS tenant, fact ->> 'seq' AS seq,
       CAST(round((julianday(fact ->> 'at') - 2440587.5) * 86400000) AS INTEGER) AS at,
       CAST(round((julianday(coalesce(fact ->> 'occurred_at', fact ->> 'at')) - 2440587.5) * 86400000) AS INTEGER) AS converted_at,
       fact ->> 'advertiser_id' AS advertiser, fact ->> 'click_id' AS click_id, fact ->> 'event' AS event,
       fact ->> 'txid' AS txid, trim(fact ->> 'amount') AS amount, fact ->> 'currency' AS currency,
       fact ->> 'status' AS status, fact ->> 'auth' AS auth,
       fact ->> 'auth' IN ('token', 'hmac', 'ip', 'api_key') AS is_authenticated
FROM line WHERE kind = 'conversion_received';

CREATE TABLE staff AS
SELECT fact ->> 'tenant' AS tenant, fact ->> 'seq' AS seq,
       CAST(round((julianday(fact ->> 'at') - 2440587.5) * 86400000) AS INTEGER) AS at,
       fact ->> 'conversion_id' AS conversion_id, fact ->> 'to' AS status
FROM line WHERE kind = 'conversion_status_changed';

-- A version of an entity is in force for the facts between two configuration facts.
CREATE TABLE config AS
SELECT fact ->> 'tenant' AS tenant, fact ->> 'entity' AS entity, fact ->> 'id' AS id, fact ->> 'version' AS version,
       fact -> 'body' AS body, fact ->> 'seq' AS since,
       lead(fact ->> 'seq', 1, 9e15) OVER (
           PARTITION BY fact ->> 'tenant', fact ->> 'entity', fact ->> 'id' ORDER BY fact ->> 'seq') AS until
FROM line WHERE kind = 'config_changed';

CREATE TABLE said AS
SELECT fact ->> 'kind' AS kind, fact ->> 'tenant' AS tenant, fact ->> 'seq' AS seq, fact ->> 'unique' AS is_unique,
       fact ->> 'conversion_id' AS conversion_id, fact ->> 'outcome' AS outcome, fact ->> 'status' AS status,
       fact ->> 'reason' AS reason, CAST(round((fact ->> 'payout') * 1000000) AS INTEGER) AS payout,
       CAST(round((fact ->> 'revenue') * 1000000) AS INTEGER) AS revenue
FROM line WHERE kind IN ('click_judged', 'conversion_judged');
CREATE INDEX said_by_place ON said (tenant, seq);
CREATE INDEX said_by_conversion ON said (tenant, conversion_id);

CREATE TABLE offer AS
SELECT tenant, id, since, until, body ->> 'advertiser_id' AS advertiser, body ->> 'currency' AS currency,
       coalesce(body ->> 'lookback_hours', 720) * 3600000 AS lookback,
       coalesce(body ->> 'min_seconds_to_convert', 0) * 1000 AS least_age,
       coalesce(body ->> 'repeat', 'by_txid') AS repeat, body ->> 'default_status' AS default_status,
       body -> 'payout' AS payout, body -> 'revenue' AS revenue,
       (SELECT cap.value ->> 'limit' FROM json_each(body, '$.caps') AS cap WHERE cap.value ->> 'metric' = 'conversions') AS cap
FROM config WHERE entity = 'offer';
CREATE INDEX offer_by_id ON offer (tenant, id);

CREATE TABLE goal AS
SELECT c.tenant, c.id AS offer, c.since, g.value ->> 'id' AS id, g.value ->> 'name' AS name,
       g.value ->> 'repeat' AS repeat, g.value -> 'payout' AS payout, g.value -> 'revenue' AS revenue
FROM config AS c, json_each(c.body, '$.goals') AS g WHERE c.entity = 'offer';

-- An affiliate's own terms on an offer: id is offer/affiliate.
CREATE TABLE terms AS
SELECT tenant, id, since, until, body -> 'payout' AS payout, body -> 'revenue' AS revenue
FROM config WHERE entity = 'terms';

CREATE TABLE advertiser AS
SELECT tenant, id, since, until, coalesce(body ->> 'txid_scope', 'advertiser') AS txid_scope
FROM config WHERE entity = 'advertiser';

-- Offsets from UTC between the changes of clocks, by the rules as they are announced and not by a program's data: in New York
-- from the second Sunday of March to the first of November, in Berlin from the last Sunday of March to the last of October.
CREATE TABLE zone (name TEXT, since INTEGER, until INTEGER, offset INTEGER);
INSERT INTO zone VALUES ('UTC', 0, 9e15, 0), ('Asia/Kolkata', 0, 9e15, 19800000);
WITH RECURSIVE
    year (y) AS (SELECT 2025 UNION ALL SELECT y + 1 FROM year WHERE y < 2040),
    change (name, at, offset) AS (
        SELECT 'America/New_York', date(y || '-03-01', 'weekday 0', '+7 days') || ' 07:00', -14400000 FROM year
        UNION ALL SELECT 'America/New_York', date(y || '-11-01', 'weekday 0') || ' 06:00', -18000000 FROM year
        UNION ALL SELECT 'Europe/Berlin', date(y || '-04-01', 'weekday 0', '-7 days') || ' 01:00', 7200000 FROM year
        UNION ALL SELECT 'Europe/Berlin', date(y || '-11-01', 'weekday 0', '-7 days') || ' 01:00', 3600000 FROM year
    )
INSERT INTO zone
SELECT name, unixepoch(at) * 1000, unixepoch(lead(at) OVER (PARTITION BY name ORDER BY at)) * 1000, offset FROM change;
