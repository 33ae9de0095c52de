WITH latest AS (
    SELECT tenant_id, conversion_id, to_status, max(seq) FROM status_changes GROUP BY tenant_id, conversion_id
)
SELECT c.tenant_id, format('conversion %s: status %d, last change to %d', hex(c.conversion_id), c.status, l.to_status)
FROM latest AS l CROSS JOIN conversions AS c INDEXED BY conversions_by_id USING (tenant_id, conversion_id)
WHERE c.status <> l.to_status
