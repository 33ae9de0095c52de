-- What do the product's own entries come to, a kind of account? Each entry has one debit and one credit. (store: state.db)
WITH side AS (
    SELECT debit_kind AS kind, currency, -amount AS amount FROM store.transfers WHERE tenant_id = :tenant
    UNION ALL
    SELECT credit_kind, currency, amount FROM store.transfers WHERE tenant_id = :tenant
)
SELECT CASE kind WHEN 1 THEN 'adv_pending' WHEN 2 THEN 'adv_receivable' WHEN 3 THEN 'aff_pending' WHEN 4 THEN 'aff_payable'
                 WHEN 5 THEN 'tenant_revenue' WHEN 6 THEN 'commission_expense' END AS account,
       CAST(currency AS TEXT) AS currency, sum(amount)
FROM side GROUP BY kind, currency;
