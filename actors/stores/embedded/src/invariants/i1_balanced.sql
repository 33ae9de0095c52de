SELECT tenant_id, format('%s: debits %d, credits %d', CAST(currency AS TEXT), sum_micros(debits), sum_micros(credits))
FROM balances GROUP BY tenant_id, currency HAVING sum_micros(debits) <> sum_micros(credits)
