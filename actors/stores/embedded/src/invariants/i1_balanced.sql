SELECT tenant_id, format('%s: debits %d, credits %d', CAST(currency AS TEXT), sum(debits), sum(credits))
FROM balances GROUP BY tenant_id, currency HAVING sum(debits) <> sum(credits)
