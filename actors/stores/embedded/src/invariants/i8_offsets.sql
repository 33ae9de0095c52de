WITH stored (tenant_id, partition_id, seq, what) AS (
    SELECT tenant_id, partition_id, max(seq), 'conversion' FROM conversions GROUP BY 1, 2
    UNION ALL SELECT tenant_id, partition_id, max(seq), 'verdict' FROM verdicts GROUP BY 1, 2
    UNION ALL SELECT tenant_id, partition_id, max(seq), 'change' FROM status_changes GROUP BY 1, 2
    UNION ALL SELECT tenant_id, partition_id, max(seq), 'entry' FROM transfers GROUP BY 1, 2
    UNION ALL SELECT tenant_id, partition_id, max(seq), 'entity' FROM entities GROUP BY 1, 2
)
SELECT s.tenant_id, format('%s at %d/%d', s.what, s.partition_id, s.seq)
FROM stored AS s LEFT JOIN partition_state AS p USING (partition_id)
WHERE s.seq >= ifnull(p.next_offset, 0)
