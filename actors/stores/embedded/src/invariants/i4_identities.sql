SELECT tenant_id, format('identity %s: %d conversions', hex(identity), count(*))
FROM conversions WHERE identity IS NOT NULL GROUP BY tenant_id, identity HAVING count(*) > 1
