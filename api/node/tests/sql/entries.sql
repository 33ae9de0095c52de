-- Everything that a report counts, as rows to sum. Clicks count by click time on any basis; a conversion counts as it
-- stands at its click's time and at its own, and by posting at each change.

CREATE TABLE entry (
    tenant TEXT, basis TEXT, at INTEGER, campaign TEXT, affiliate TEXT, offer TEXT, country TEXT, currency TEXT,
    gross_click INTEGER DEFAULT 0, invalid_click INTEGER DEFAULT 0, unique_click INTEGER DEFAULT 0, cost INTEGER DEFAULT 0,
    pending_cv INTEGER DEFAULT 0, approved_cv INTEGER DEFAULT 0, rejected_cv INTEGER DEFAULT 0, event INTEGER DEFAULT 0,
    payout INTEGER DEFAULT 0, revenue INTEGER DEFAULT 0
);

INSERT INTO entry (tenant, basis, at, campaign, affiliate, offer, country, currency, gross_click, invalid_click, unique_click)
SELECT c.tenant, 'any', c.at, c.campaign, c.affiliate, c.offer, c.country, coalesce(o.currency, t.body ->> 'currency'),
       1, c.is_bot OR NOT c.is_sent, u.seq IS NOT NULL
FROM click AS c
LEFT JOIN unique_click AS u ON u.tenant = c.tenant AND u.seq = c.seq
LEFT JOIN offer AS o ON o.tenant = c.tenant AND o.id = c.offer AND c.seq > o.since AND c.seq < o.until
LEFT JOIN config AS t ON t.tenant = c.tenant AND t.entity = 'tenant' AND c.seq > t.since AND c.seq < t.until
WHERE NOT c.is_test;

INSERT INTO entry (tenant, basis, at, campaign, affiliate, offer, country, currency, cost)
SELECT c.tenant, 'any', c.at, c.campaign, c.affiliate, c.offer, c.country, c.cost_currency, c.cost
FROM click AS c
WHERE NOT c.is_test AND c.cost IS NOT NULL;

-- What a conversion counts while it has a status: conversions of other goals are events, and count unless rejected.
CREATE VIEW standing AS
SELECT c.tenant, c.seq AS conversion, s.status, c.goal IS NULL AND s.status = 'pending' AS pending_cv,
       c.goal IS NULL AND s.status = 'approved' AS approved_cv, c.goal IS NULL AND s.status = 'rejected' AS rejected_cv,
       c.goal IS NOT NULL AND s.status <> 'rejected' AS event,
       iif(s.status = 'rejected', 0, c.payout) AS payout, iif(s.status = 'rejected', 0, c.revenue) AS revenue
FROM conversion AS c CROSS JOIN (SELECT 'pending' AS status UNION ALL SELECT 'approved' UNION ALL SELECT 'rejected') AS s;

CREATE TABLE last_move AS
SELECT tenant, conversion, status, max(step) AS step FROM move GROUP BY tenant, conversion;
CREATE UNIQUE INDEX last_move_of ON last_move (tenant, conversion);

INSERT INTO entry
SELECT c.tenant, b.name, iif(b.name = 'click', c.clicked_at, c.converted_at), c.campaign, c.affiliate, c.offer, c.country, c.currency,
       0, 0, 0, 0, s.pending_cv, s.approved_cv, s.rejected_cv, s.event, s.payout, s.revenue
FROM conversion AS c
JOIN last_move AS l ON l.tenant = c.tenant AND l.conversion = c.seq
JOIN standing AS s ON s.tenant = c.tenant AND s.conversion = c.seq AND s.status = l.status
JOIN (SELECT 'click' AS name UNION ALL SELECT 'conversion') AS b
WHERE NOT c.is_test;

INSERT INTO entry
SELECT c.tenant, 'posting', m.at, c.campaign, c.affiliate, c.offer, c.country, c.currency,
       0, 0, 0, 0, s.pending_cv * d.sign, s.approved_cv * d.sign, s.rejected_cv * d.sign, s.event * d.sign, s.payout * d.sign, s.revenue * d.sign
FROM move AS m
JOIN conversion AS c ON c.tenant = m.tenant AND c.seq = m.conversion
JOIN (SELECT 1 AS sign UNION ALL SELECT -1) AS d
JOIN standing AS s ON s.tenant = c.tenant AND s.conversion = c.seq AND s.status = iif(d.sign = 1, m.status, m.was)
WHERE m.is_change AND NOT c.is_test;

-- The same by day in each zone, in the order in which it is asked for.
CREATE TABLE daily AS
SELECT z.name AS zone, date((e.at + z.offset) / 1000, 'unixepoch') AS day, e.*
FROM entry AS e CROSS JOIN zone AS z ON e.at >= z.since AND e.at < z.until
ORDER BY e.tenant, z.name, e.basis;
CREATE INDEX daily_in_order ON daily (tenant, zone, basis);
