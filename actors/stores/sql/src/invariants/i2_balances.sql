SELECT tenant_id, kind, owner, currency, {sum}(entry_debits), {sum}(entry_credits), {sum}(debits), {sum}(credits)
FROM (
    SELECT tenant_id, debit_kind AS kind, debit_owner AS owner, currency,
        amount AS entry_debits, 0 AS entry_credits, 0 AS debits, 0 AS credits FROM transfers
    UNION ALL
    SELECT tenant_id, credit_kind, credit_owner, currency, 0, amount, 0, 0 FROM transfers
    UNION ALL
    SELECT tenant_id, kind, owner, currency, 0, 0, debits, credits FROM balances
) AS sides
GROUP BY tenant_id, kind, owner, currency
HAVING {sum}(entry_debits) <> {sum}(debits) OR {sum}(entry_credits) <> {sum}(credits)
