SELECT tenant_id, currency, {sum}(debits), {sum}(credits)
FROM balances GROUP BY tenant_id, currency HAVING {sum}(debits) <> {sum}(credits)
