-- Bases: 1 conversion, 2 posting.
SELECT tenant_id, campaign, offer, affiliate, goal,
    sum(side * pending_cv), sum(side * approved_cv), sum(side * rejected_cv), {sum}(side * payout), {sum}(side * revenue)
FROM (SELECT rollups.*, (basis = 2) - (basis = 1) AS side FROM rollups WHERE basis IN (1, 2)) AS sides
GROUP BY tenant_id, is_test, campaign, flow, arm, offer, affiliate, goal, country, device, currency
HAVING sum(side * pending_cv) <> 0 OR sum(side * approved_cv) <> 0 OR sum(side * rejected_cv) <> 0
    OR {sum}(side * payout) <> 0 OR {sum}(side * revenue) <> 0
