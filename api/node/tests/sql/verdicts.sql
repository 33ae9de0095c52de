-- What became of each postback, judged again from the facts alone. The checks stand in the published order, and the first
-- that fails decides: click known, advertiser's, event known, click sent, identity, window and speed, status word,
-- amount and currency, caps, reasons for pending.

-- Each postback with its click, and with what was in force at its place.
CREATE TABLE candidate AS
SELECT r.tenant, r.seq, r.at, r.converted_at, r.txid, r.amount, r.currency AS said_currency, r.status AS said_status, r.auth,
       r.is_authenticated, c.click_id, c.at AS clicked_at, c.campaign, c.affiliate, c.country, c.is_bot, c.is_test, c.is_sent,
       o.id AS offer, o.advertiser, o.currency, o.lookback, o.least_age, o.default_status, o.cap, a.txid_scope,
       r.event, g.id AS goal, coalesce(g.repeat, o.repeat) AS repeat, r.advertiser AS sender,
       -- House traffic earns nothing; an affiliate's own terms are about the base conversion.
       CASE WHEN c.affiliate IS NULL THEN NULL WHEN r.event <> '' THEN g.payout ELSE coalesce(t.payout, o.payout) END AS payout,
       CASE WHEN r.event <> '' THEN g.revenue ELSE coalesce(t.revenue, o.revenue) END AS revenue,
       (SELECT s.body ->> 'status' FROM config AS s WHERE s.tenant = r.tenant AND s.entity = 'affiliate'
            AND s.id = c.affiliate AND r.seq > s.since AND r.seq < s.until) AS affiliate_status
FROM received AS r
LEFT JOIN click AS c ON c.tenant = r.tenant AND c.click_id = r.click_id AND c.seq < r.seq
LEFT JOIN offer AS o ON o.tenant = r.tenant AND o.id = coalesce(c.offer, c.wanted) AND r.seq > o.since AND r.seq < o.until
LEFT JOIN goal AS g ON g.tenant = r.tenant AND g.offer = o.id AND g.since = o.since AND g.name = r.event
LEFT JOIN terms AS t ON t.tenant = r.tenant AND t.id = o.id || '/' || c.affiliate AND r.seq > t.since AND r.seq < t.until
LEFT JOIN advertiser AS a ON a.tenant = r.tenant AND a.id = o.advertiser AND r.seq > a.since AND r.seq < a.until;

-- Amounts: fixed ones in the offer's currency; a percentage of a sale in another currency waits for a rate.
CREATE TABLE sale AS
SELECT *,
       coalesce(payout ->> 'type' = 'cps', 0) OR coalesce(revenue ->> 'type' = 'rps', 0) AS needs_amount,
       amount GLOB '[0-9]*' AND amount NOT GLOB '*[^0-9.]*' AND amount NOT GLOB '*.*.*' AS has_amount,
       said_currency <> '' AND said_currency <> currency AS is_foreign,
       CAST(round(amount * 1000000) AS INTEGER) AS sale,
       CAST(round(coalesce(payout ->> 'percent', 0) * 10000) AS INTEGER) AS payout_share,
       CAST(round(coalesce(revenue ->> 'percent', 0) * 10000) AS INTEGER) AS revenue_share,
       CAST(round(coalesce(payout ->> 'amount', 0) * 1000000) AS INTEGER) AS payout_fixed,
       CAST(round(coalesce(revenue ->> 'amount', 0) * 1000000) AS INTEGER) AS revenue_fixed
FROM candidate;

-- Why the amounts cannot be told; what is rejected for another reason keeps them.
CREATE TABLE priced AS
SELECT *, CASE WHEN needs_amount AND NOT has_amount THEN 'bad_amount'
               WHEN needs_amount AND said_currency <> '' AND said_currency NOT GLOB '[A-Z][A-Z][A-Z]' THEN 'bad_currency' END AS unpriced
FROM sale;

CREATE TABLE judged AS
SELECT tenant, seq, at, converted_at, clicked_at, campaign, affiliate, country, is_test, offer, advertiser, currency, goal, cap,
       is_authenticated, said_status,
       iif(unpriced IS NULL AND is_sent, payout_fixed + iif(is_foreign, 0, sale * payout_share / 1000000), 0) AS payout,
       iif(unpriced IS NULL AND is_sent, revenue_fixed + iif(is_foreign, 0, sale * revenue_share / 1000000), 0) AS revenue,
       CASE WHEN click_id IS NULL THEN 'unknown_click'
            WHEN sender <> advertiser THEN 'wrong_advertiser'
            WHEN offer IS NOT NULL AND event <> '' AND goal IS NULL THEN 'unknown_event'
            WHEN NOT is_sent THEN 'click_not_sent' END AS stopped,
       CASE WHEN max(0, converted_at - clicked_at) > lookback THEN 'out_of_window'
            WHEN max(0, converted_at - clicked_at) < least_age THEN 'too_fast'
            WHEN said_status NOT IN ('', 'pending', 'approved', 'rejected') THEN 'bad_status'
            ELSE unpriced END AS refused,
       -- Identity: within the advertiser's (or the offer's) transaction ids and the goal; without one, the click and the goal.
       -- The transaction id of a sender that is not authenticated counts only together with its click, unless somebody who
       -- is authenticated names both.
       CASE WHEN repeat = 'all' THEN NULL
            WHEN repeat = 'by_txid' AND txid <> ''
                THEN 'txid ' || iif(txid_scope = 'offer', offer, advertiser) || ' ' || coalesce(goal, '') || ' ' || txid
                     || iif(is_authenticated OR EXISTS (
                            SELECT * FROM priced AS same WHERE same.tenant = priced.tenant AND same.click_id = priced.click_id
                            AND same.txid = priced.txid AND same.goal IS priced.goal AND same.is_authenticated),
                        '', ' of ' || click_id)
            ELSE 'click ' || click_id || ' ' || coalesce(goal, '') END AS identity,
       CASE WHEN is_authenticated AND said_status <> '' THEN said_status
            WHEN is_authenticated THEN iif(default_status = 'pending', 'pending', 'approved')
            ELSE iif(auth = 'pixel' AND default_status = 'approved', 'approved', 'pending') END AS wanted,
       CASE WHEN affiliate_status = 'banned' THEN 'affiliate_banned'
            WHEN is_bot THEN 'bot'
            WHEN needs_amount AND is_foreign THEN 'fx_missing'
            WHEN NOT is_authenticated AND auth <> 'pixel' THEN 'not_authenticated' END AS doubt
FROM priced;
CREATE INDEX judged_by_identity ON judged (tenant, identity, seq);

-- Caps depend on order: the offer's postbacks are folded one after the other. `held` says for each identity that is taken
-- on which day it holds a place; a conversion that is rejected gives its place back.
CREATE TABLE over_cap AS
WITH RECURSIVE
    in_order AS (
        SELECT j.*, row_number() OVER (PARTITION BY j.tenant, j.offer ORDER BY j.seq) AS step, '$."' || identity || '"' AS place,
               date((j.at + z.offset) / 1000, 'unixepoch') AS day
        FROM judged AS j
        JOIN config AS t ON t.tenant = j.tenant AND t.entity = 'tenant' AND j.seq > t.since AND j.seq < t.until
        JOIN zone AS z ON z.name = t.body ->> 'timezone' AND j.at >= z.since AND j.at < z.until
        WHERE j.cap IS NOT NULL AND j.stopped IS NULL AND j.goal IS NULL AND NOT j.is_test
    ),
    next AS (
        SELECT *, wanted = 'rejected' AS takes_none, is_authenticated AND said_status = 'rejected' AS gives_back FROM in_order
    ),
    fold (tenant, offer, step, seq, is_over, held) AS (
        SELECT DISTINCT tenant, offer, 0, NULL, 0, '{}' FROM in_order
        UNION ALL
        SELECT n.tenant, n.offer, n.step, n.seq,
               json_type(f.held, n.place) IS NULL AND n.refused IS NULL AND NOT n.takes_none
                   AND (SELECT count(*) FROM json_each(f.held) WHERE value = n.day) >= n.cap,
               CASE WHEN json_type(f.held, n.place) IS NOT NULL THEN iif(n.gives_back, json_set(f.held, n.place, ''), f.held)
                    WHEN n.refused IS NOT NULL THEN f.held
                    WHEN n.takes_none THEN json_set(f.held, n.place, '')
                    WHEN (SELECT count(*) FROM json_each(f.held) WHERE value = n.day) >= n.cap THEN f.held
                    ELSE json_set(f.held, n.place, n.day) END
        FROM fold AS f JOIN next AS n ON n.tenant = f.tenant AND n.offer = f.offer AND n.step = f.step + 1
    )
SELECT tenant, seq FROM fold WHERE is_over;

-- An identity is taken by the first conversion that was applied; what comes after it repeats it.
CREATE TABLE verdict AS
WITH taken AS (
    SELECT tenant, identity, min(seq) AS seq FROM judged AS j
    WHERE stopped IS NULL AND refused IS NULL AND identity IS NOT NULL
      AND NOT EXISTS (SELECT * FROM over_cap AS o WHERE o.tenant = j.tenant AND o.seq = j.seq)
    GROUP BY tenant, identity
)
SELECT j.*, iif(t.seq < j.seq AND j.stopped IS NULL, t.seq, NULL) AS repeats,
       coalesce(j.stopped, j.refused, iif(o.seq IS NULL, NULL, 'over_cap')) AS rejection
FROM judged AS j
LEFT JOIN taken AS t ON t.tenant = j.tenant AND t.identity = j.identity
LEFT JOIN over_cap AS o ON o.tenant = j.tenant AND o.seq = j.seq;
CREATE INDEX verdict_by_place ON verdict (tenant, seq);

-- Conversions: what was applied, and what was rejected of a click that is the advertiser's.
CREATE TABLE conversion AS
SELECT tenant, seq, at, converted_at, clicked_at, campaign, affiliate, country, is_test, offer, advertiser, currency, goal, payout, revenue,
       CASE WHEN rejection IS NOT NULL THEN 'rejected' WHEN wanted = 'rejected' THEN 'rejected'
            WHEN doubt IS NOT NULL AND NOT (doubt = 'not_authenticated' AND wanted <> 'pending') THEN 'pending'
            ELSE wanted END AS status,
       CASE WHEN rejection IS NOT NULL THEN rejection WHEN wanted = 'rejected' THEN 'by_advertiser' ELSE doubt END AS reason
FROM verdict
WHERE repeats IS NULL AND coalesce(stopped, 'click_not_sent') = 'click_not_sent';
CREATE UNIQUE INDEX conversion_by_place ON conversion (tenant, seq);

-- What wanted to change a conversion later: repeats by a sender who is believed, and staff, who are named by the id alone.
CREATE TABLE wish AS
SELECT tenant, conversion, seq, at, status, is_staff,
       row_number() OVER (PARTITION BY tenant, conversion ORDER BY seq) AS step
FROM (
    SELECT v.tenant, v.repeats AS conversion, v.seq, v.at, v.said_status AS status, 0 AS is_staff FROM verdict AS v
    WHERE v.repeats IS NOT NULL AND v.is_authenticated AND v.said_status <> ''
    UNION ALL
    SELECT s.tenant, (SELECT min(c.seq) FROM said AS c WHERE c.tenant = s.tenant AND c.conversion_id = s.conversion_id), s.seq, s.at, s.status, 1
    FROM staff AS s
);
CREATE INDEX wish_in_order ON wish (tenant, conversion, step);

CREATE TABLE legal (was TEXT, status TEXT, is_for_staff INTEGER);
INSERT INTO legal VALUES ('pending', 'approved', 0), ('pending', 'rejected', 0), ('approved', 'rejected', 0), ('rejected', 'approved', 1);

-- Each step in the life of a conversion: it is booked, then legal changes move it.
CREATE TABLE move AS
WITH RECURSIVE life (tenant, conversion, step, seq, at, was, status, is_change) AS (
    SELECT tenant, seq, 0, seq, at, NULL, status, 1 FROM conversion
    UNION ALL
    SELECT w.tenant, w.conversion, w.step, w.seq, w.at, l.status, iif(m.was IS NULL, l.status, w.status), m.was IS NOT NULL
    FROM life AS l
    JOIN wish AS w ON w.tenant = l.tenant AND w.conversion = l.conversion AND w.step = l.step + 1
    LEFT JOIN legal AS m ON m.was = l.status AND m.status = w.status AND w.is_staff >= m.is_for_staff
)
SELECT * FROM life;
