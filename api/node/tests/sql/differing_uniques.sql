-- Clicks that are unique by our recomputation or by the product, and not by both.
SELECT c.tenant || ' ' || c.seq AS place, u.seq IS NOT NULL AS ours, s.is_unique AS theirs
FROM click AS c
LEFT JOIN unique_click AS u ON u.tenant = c.tenant AND u.seq = c.seq
LEFT JOIN said AS s ON s.tenant = c.tenant AND s.seq = c.seq AND s.kind = 'click_judged'
WHERE ours IS NOT theirs ORDER BY c.tenant, c.seq;
