-- Conversions count below zero, reports above: what is left is the difference.
-- Statuses: 1 pending, 2 approved, 3 rejected.
SELECT tenant_id, bucket, campaign, offer, affiliate, goal,
    sum(pending_cv), sum(approved_cv), sum(rejected_cv), {sum}(payout), {sum}(revenue)
FROM (
    SELECT tenant_id, {time} {div} 900000 AS bucket, is_test, campaign, ifnull(flow, 0) AS flow, arm, offer,
        ifnull(affiliate, 0) AS affiliate, ifnull(goal, 0) AS goal, country, device, currency,
        -(status = 1) AS pending_cv, -(status = 2) AS approved_cv, -(status = 3) AS rejected_cv,
        -((status <> 3) * payout) AS payout, -((status <> 3) * revenue) AS revenue
    FROM conversions
    UNION ALL
    SELECT tenant_id, bucket, is_test, campaign, flow, arm, offer, affiliate, goal, country, device, currency,
        pending_cv, approved_cv, rejected_cv, payout, revenue
    FROM rollups
    WHERE basis = {basis} AND (pending_cv <> 0 OR approved_cv <> 0 OR rejected_cv <> 0 OR payout <> 0 OR revenue <> 0)
) AS sides
GROUP BY tenant_id, bucket, is_test, campaign, flow, arm, offer, affiliate, goal, country, device, currency
HAVING sum(pending_cv) <> 0 OR sum(approved_cv) <> 0 OR sum(rejected_cv) <> 0 OR {sum}(payout) <> 0 OR {sum}(revenue) <> 0
