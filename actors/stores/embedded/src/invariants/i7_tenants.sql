WITH named (tenant_id, conversion_id, what) AS (
    SELECT tenant_id, conversion_id, 'entry ' || hex(transfer_id) FROM transfers
    UNION ALL
    SELECT tenant_id, conversion_id, format('change at %d/%d', partition_id, seq) FROM status_changes
    UNION ALL
    SELECT tenant_id, conversion_id, format('verdict at %d/%d', partition_id, seq) FROM verdicts WHERE conversion_id IS NOT NULL
)
SELECT n.tenant_id, format('%s names conversion %s', n.what, hex(n.conversion_id))
FROM named AS n WHERE NOT EXISTS (
    SELECT 1 FROM conversions AS c INDEXED BY conversions_by_id WHERE c.tenant_id = n.tenant_id AND c.conversion_id = n.conversion_id)
