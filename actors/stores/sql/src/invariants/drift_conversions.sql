-- Statuses: 3 rejected. Bases: 0 click, 1 conversion.
SELECT {sum}(counted), {sum}(reported)
FROM (
    SELECT c.tenant_id, c.currency, b.basis, 1 AS what, (c.status <> 3) * c.payout AS counted, 0 AS reported
    FROM conversions AS c CROSS JOIN (SELECT 0 AS basis UNION ALL SELECT 1) AS b
    UNION ALL
    SELECT c.tenant_id, c.currency, b.basis, 2, (c.status <> 3) * c.revenue, 0
    FROM conversions AS c CROSS JOIN (SELECT 0 AS basis UNION ALL SELECT 1) AS b
    UNION ALL
    SELECT tenant_id, currency, basis, 1, 0, payout FROM rollups WHERE basis IN (0, 1)
    UNION ALL
    SELECT tenant_id, currency, basis, 2, 0, revenue FROM rollups WHERE basis IN (0, 1)
) AS sides
GROUP BY tenant_id, currency, basis, what
