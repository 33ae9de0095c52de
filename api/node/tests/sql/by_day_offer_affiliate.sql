-- What did each affiliate bring to each offer on each day of the zone?
SELECT day, offer, affiliate, currency,
       sum(gross_click), sum(invalid_click), sum(gross_click - invalid_click), sum(unique_click), sum(pending_cv + approved_cv),
       sum(pending_cv), sum(approved_cv), sum(rejected_cv), sum(event), sum(payout), sum(revenue), sum(cost), sum(revenue - payout - cost)
FROM daily WHERE tenant = :tenant AND basis IN ('any', :basis) AND zone = :zone AND day >= :from AND day < :to
GROUP BY day, offer, affiliate, currency;
