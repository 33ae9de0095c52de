SELECT tenant_id, hex(identity), count(*)
FROM conversions WHERE identity IS NOT NULL GROUP BY tenant_id, identity HAVING count(*) > 1
