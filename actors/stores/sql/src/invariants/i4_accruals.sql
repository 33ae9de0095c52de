-- Accounts: 1 adv_pending, 2 adv_receivable, 3 aff_pending, 4 aff_payable, 7 aff_hold.
-- Statuses: 1 pending, 2 approved, 3 rejected.
WITH booked AS (
    SELECT tenant_id, conversion_id,
        {sum}(((credit_kind = 3) - (debit_kind = 3)) * amount) AS aff_pending,
        {sum}(((credit_kind IN (4, 7)) - (debit_kind IN (4, 7))) * amount) AS aff_payable,
        {sum}(((debit_kind = 1) - (credit_kind = 1)) * amount) AS adv_pending,
        {sum}(((debit_kind = 2) - (credit_kind = 2)) * amount) AS adv_receivable
    FROM transfers GROUP BY tenant_id, conversion_id
), owed AS (
    SELECT tenant_id, conversion_id,
        CASE WHEN is_test OR affiliate IS NULL THEN 0 ELSE {greatest}(payout, 0) END AS payout,
        CASE WHEN is_test THEN 0 ELSE {greatest}(revenue, 0) END AS revenue,
        status = 1 AS is_pending, status = 2 AS is_approved
    FROM conversions
), compared AS (
    SELECT tenant_id, conversion_id,
        ifnull(aff_pending, 0) AS aff_pending, payout * is_pending AS should_pending,
        ifnull(aff_payable, 0) AS aff_payable, payout * is_approved AS should_payable,
        ifnull(adv_pending, 0) AS adv_pending, revenue * is_pending AS should_claim,
        ifnull(adv_receivable, 0) AS adv_receivable, revenue * is_approved AS should_receive
    FROM owed LEFT JOIN booked USING (tenant_id, conversion_id)
)
SELECT tenant_id, hex(conversion_id), aff_pending, should_pending, aff_payable, should_payable,
    adv_pending, should_claim, adv_receivable, should_receive
FROM compared
WHERE aff_pending <> should_pending OR aff_payable <> should_payable
    OR adv_pending <> should_claim OR adv_receivable <> should_receive
