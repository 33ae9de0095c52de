-- Accounts: 5 tenant_revenue, 6 commission_expense. Basis 2: posting.
SELECT tenant_id, currency, {sum}(payout), {sum}(commission), {sum}(revenue), {sum}(earned)
FROM (
    SELECT tenant_id, currency, payout, revenue, 0 AS commission, 0 AS earned FROM rollups WHERE basis = 2 AND is_test = 0
    UNION ALL
    SELECT tenant_id, currency, 0, 0, (kind = 6) * (debits - credits), (kind = 5) * (credits - debits) FROM balances
) AS sides
GROUP BY tenant_id, currency
HAVING {sum}(payout) <> {sum}(commission) OR {sum}(revenue) <> {sum}(earned)
