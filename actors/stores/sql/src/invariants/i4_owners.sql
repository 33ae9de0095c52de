SELECT t.tenant_id, hex(t.transfer_id), hex(t.conversion_id)
FROM transfers AS t CROSS JOIN conversions AS c {use conversions_by_id}
    ON c.tenant_id = t.tenant_id AND c.conversion_id = t.conversion_id
WHERE t.currency <> c.currency
    OR (t.debit_kind IN (3, 4, 7) AND t.debit_owner <> ifnull(c.affiliate, -1))
    OR (t.credit_kind IN (3, 4, 7) AND t.credit_owner <> ifnull(c.affiliate, -1))
    OR (t.debit_kind IN (1, 2) AND t.debit_owner <> c.advertiser)
    OR (t.credit_kind IN (1, 2) AND t.credit_owner <> c.advertiser)
