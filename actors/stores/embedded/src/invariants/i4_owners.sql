SELECT t.tenant_id, format('entry %s of conversion %s', hex(t.transfer_id), hex(t.conversion_id))
FROM transfers AS t CROSS JOIN conversions AS c INDEXED BY conversions_by_id USING (tenant_id, conversion_id)
WHERE t.currency <> c.currency
    OR (t.debit_kind IN (3, 4, 7) AND t.debit_owner IS NOT c.affiliate)
    OR (t.credit_kind IN (3, 4, 7) AND t.credit_owner IS NOT c.affiliate)
    OR (t.debit_kind IN (1, 2) AND t.debit_owner <> c.advertiser)
    OR (t.credit_kind IN (1, 2) AND t.credit_owner <> c.advertiser)
