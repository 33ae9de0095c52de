WITH latest AS (
    SELECT tenant_id, conversion_id, max(seq) AS seq FROM status_changes GROUP BY tenant_id, conversion_id
)
SELECT c.tenant_id, hex(c.conversion_id), c.status, s.to_status
FROM latest AS l
    CROSS JOIN status_changes AS s {use status_changes_by_conversion}
        ON s.tenant_id = l.tenant_id AND s.conversion_id = l.conversion_id AND s.seq = l.seq
    CROSS JOIN conversions AS c {use conversions_by_id}
        ON c.tenant_id = l.tenant_id AND c.conversion_id = l.conversion_id
WHERE c.status <> s.to_status
