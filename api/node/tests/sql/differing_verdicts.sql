-- Postbacks whose recomputed verdict is not the one that the product gave: place, ours, theirs.
WITH ours AS (
    SELECT v.tenant, v.seq,
           CASE WHEN v.repeats IS NOT NULL THEN iif(m.is_change, 'updated', 'duplicate')
                WHEN v.rejection IS NOT NULL THEN 'rejected' ELSE 'applied' END AS outcome,
           CASE WHEN v.repeats IS NOT NULL THEN coalesce(m.status, (
                    SELECT l.status FROM move AS l WHERE l.tenant = v.tenant AND l.conversion = v.repeats AND l.seq < v.seq ORDER BY l.step DESC LIMIT 1))
                ELSE c.status END AS status,
           CASE WHEN v.repeats IS NOT NULL THEN iif(m.is_change AND m.status = 'rejected', 'by_advertiser', NULL)
                ELSE coalesce(c.reason, v.rejection) END AS reason,
           c.payout, c.revenue
    FROM verdict AS v
    LEFT JOIN conversion AS c ON c.tenant = v.tenant AND c.seq = v.seq
    LEFT JOIN move AS m ON m.tenant = v.tenant AND m.conversion = v.repeats AND m.seq = v.seq
)
SELECT o.tenant || ' ' || o.seq AS place,
       json_array(o.outcome, o.status, o.reason, o.payout, o.revenue) AS ours,
       json_array(s.outcome, s.status, s.reason, s.payout, s.revenue) AS theirs
FROM ours AS o LEFT JOIN said AS s ON s.tenant = o.tenant AND s.seq = o.seq AND s.kind = 'conversion_judged'
WHERE ours IS NOT theirs ORDER BY o.tenant, o.seq;
