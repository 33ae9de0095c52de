SELECT n.tenant_id, n.what, n.partition_id, n.seq, hex(n.conversion_id)
FROM (
    SELECT tenant_id, conversion_id, 'entry' AS what, partition_id, seq FROM transfers
    UNION ALL
    SELECT tenant_id, conversion_id, 'change', partition_id, seq FROM status_changes
    UNION ALL
    SELECT tenant_id, conversion_id, 'verdict', partition_id, seq FROM verdicts WHERE conversion_id IS NOT NULL
) AS n
WHERE NOT EXISTS (
    SELECT 1 FROM conversions AS c {use conversions_by_id}
    WHERE c.tenant_id = n.tenant_id AND c.conversion_id = n.conversion_id)
