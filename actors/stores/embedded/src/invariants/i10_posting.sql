-- Bases: 1 conversion, 2 posting.
WITH summed AS (
    SELECT tenant_id, is_test, campaign, flow, arm, offer, affiliate, goal, country, device, currency,
        sum((basis = 2) * pending_cv) - sum((basis = 1) * pending_cv) AS pending_cv,
        sum((basis = 2) * approved_cv) - sum((basis = 1) * approved_cv) AS approved_cv,
        sum((basis = 2) * rejected_cv) - sum((basis = 1) * rejected_cv) AS rejected_cv,
        sum_micros(((basis = 2) - (basis = 1)) * payout) AS payout,
        sum_micros(((basis = 2) - (basis = 1)) * revenue) AS revenue
    FROM rollups WHERE basis IN (1, 2) GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
)
SELECT tenant_id, format(
    'campaign %d, offer %d, affiliate %d, goal %d: by posting pending %+d, approved %+d, rejected %+d, payout %+d, revenue %+d',
    campaign, offer, affiliate, goal, pending_cv, approved_cv, rejected_cv, payout, revenue)
FROM summed
WHERE pending_cv <> 0 OR approved_cv <> 0 OR rejected_cv <> 0 OR payout <> 0 OR revenue <> 0
