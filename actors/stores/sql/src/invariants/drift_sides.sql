SELECT {sum}(debits), {sum}(credits) FROM balances GROUP BY tenant_id, currency
