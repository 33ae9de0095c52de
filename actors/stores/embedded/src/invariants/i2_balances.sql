WITH sides (tenant_id, kind, owner, currency, debits, credits) AS (
    SELECT tenant_id, debit_kind, debit_owner, currency, sum_micros(amount), 0 FROM transfers GROUP BY 1, 2, 3, 4
    UNION ALL
    SELECT tenant_id, credit_kind, credit_owner, currency, 0, sum_micros(amount) FROM transfers GROUP BY 1, 2, 3, 4
), sums AS (
    SELECT tenant_id, kind, owner, currency, sum_micros(debits) AS debits, sum_micros(credits) AS credits FROM sides GROUP BY 1, 2, 3, 4
), stored AS (
    SELECT tenant_id, kind, owner, currency, debits, credits FROM balances
)
SELECT tenant_id, format('account %d of %d in %s: entries say debits %d, credits %d', kind, owner, CAST(currency AS TEXT), debits, credits)
FROM (SELECT * FROM sums EXCEPT SELECT * FROM stored)
UNION ALL
SELECT tenant_id, format('account %d of %d in %s: stored are debits %d, credits %d', kind, owner, CAST(currency AS TEXT), debits, credits)
FROM (SELECT * FROM stored EXCEPT SELECT * FROM sums)
