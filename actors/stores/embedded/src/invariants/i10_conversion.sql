-- Statuses: 1 pending, 2 approved, 3 rejected.
WITH counted AS (
    SELECT tenant_id, converted_at / 900000 AS bucket, is_test, campaign, ifnull(flow, 0) AS flow, arm, offer,
        ifnull(affiliate, 0) AS affiliate, ifnull(goal, 0) AS goal, country, device, currency,
        sum(status = 1) AS pending_cv, sum(status = 2) AS approved_cv, sum(status = 3) AS rejected_cv,
        sum_micros((status <> 3) * payout) AS payout, sum_micros((status <> 3) * revenue) AS revenue
    FROM conversions GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
), reported AS (
    SELECT tenant_id, bucket, is_test, campaign, flow, arm, offer, affiliate, goal, country, device, currency,
        pending_cv, approved_cv, rejected_cv, payout, revenue
    FROM rollups
    WHERE basis = 1 AND (pending_cv <> 0 OR approved_cv <> 0 OR rejected_cv <> 0 OR payout <> 0 OR revenue <> 0)
), differing AS (
    SELECT 'conversions say' AS who, * FROM (SELECT * FROM counted EXCEPT SELECT * FROM reported)
    UNION ALL
    SELECT 'reports say' AS who, * FROM (SELECT * FROM reported EXCEPT SELECT * FROM counted)
)
SELECT tenant_id, format(
    'bucket %d, campaign %d, offer %d, affiliate %d, goal %d: %s pending %d, approved %d, rejected %d, payout %d, revenue %d',
    bucket, campaign, offer, affiliate, goal, who, pending_cv, approved_cv, rejected_cv, payout, revenue)
FROM differing
