SELECT {sum}(entered), {sum}(stored)
FROM (
    SELECT tenant_id, 1 AS side, debit_kind AS kind, debit_owner AS owner, currency, amount AS entered, 0 AS stored FROM transfers
    UNION ALL
    SELECT tenant_id, 2, credit_kind, credit_owner, currency, amount, 0 FROM transfers
    UNION ALL
    SELECT tenant_id, 1, kind, owner, currency, 0, debits FROM balances
    UNION ALL
    SELECT tenant_id, 2, kind, owner, currency, 0, credits FROM balances
) AS sides
GROUP BY tenant_id, side, kind, owner, currency
