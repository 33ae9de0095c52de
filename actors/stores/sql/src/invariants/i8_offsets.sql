WITH stored (tenant_id, partition_id, seq, what) AS (
    SELECT tenant_id, partition_id, max(seq), 'conversion' FROM conversions GROUP BY tenant_id, partition_id
    UNION ALL SELECT tenant_id, partition_id, max(seq), 'verdict' FROM verdicts GROUP BY tenant_id, partition_id
    UNION ALL SELECT tenant_id, partition_id, max(seq), 'change' FROM status_changes GROUP BY tenant_id, partition_id
    UNION ALL SELECT tenant_id, partition_id, max(seq), 'entry' FROM transfers GROUP BY tenant_id, partition_id
    UNION ALL SELECT tenant_id, partition_id, max(seq), 'entity' FROM entities GROUP BY tenant_id, partition_id
)
SELECT s.tenant_id, s.what, s.partition_id, s.seq
FROM stored AS s LEFT JOIN partition_state AS p ON p.partition_id = s.partition_id
WHERE s.seq >= ifnull(p.next_offset, 0)
