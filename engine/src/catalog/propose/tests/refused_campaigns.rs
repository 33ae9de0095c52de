//! Campaigns that are refused.

use super::refused::{check, with};
use super::*;

#[test]
fn wrong_campaigns_are_refused() {
    let desk = Desk::furnished();
    let (red, green) = (desk.offer(4), desk.offer(7));
    let domain = DomainId::new(desk.tenant, 13);
    let strange = DomainId::new(desk.tenant, 99);
    let fixed = json!({"mode":"fixed"});
    let arm = json!({"offer_id":red});
    let flow = json!({"name":"f","kind":"regular","match":{},"distribution":fixed,"arms":[arm]});
    check(
        EntityKind::Campaign,
        &json!({"name":"x","distribution":fixed,"arms":[arm],"flows":[flow]}),
        &[
            (json!({"arms":[]}), &[("arms", code::REQUIRED)]),
            (json!({"arms":null}), &[("arms", code::REQUIRED)]),
            (
                json!({"arms":[{}]}),
                &[("arms[0].offer_id", code::REQUIRED)],
            ),
            (
                json!({"arms":[arm,{"offer_id":"off_zz"}]}),
                &[("arms[1].offer_id", code::UNKNOWN_REFERENCE)],
            ),
            (
                json!({"arms":[{"offer_id":red,"weight":0}]}),
                &[("arms", code::INVALID)],
            ),
            (
                json!({"arms":[{"offer_id":red,"enabled":false}]}),
                &[("arms", code::INVALID)],
            ),
            (
                json!({"arms":[{"offer_id":red,"weight":1_000_001}]}),
                &[("arms[0].weight", code::OUT_OF_RANGE)],
            ),
            (
                json!({"arms":[{"offer_id":red,"weight":"1"}]}),
                &[("arms[0].weight", code::WRONG_TYPE)],
            ),
            (
                json!({"arms":[{"offer_id":red,"url":"x"}]}),
                &[("arms[0].url", code::INVALID)],
            ),
            (
                json!({"arms":[{"offer_id":red,"id":"arm_1"}]}),
                &[("arms[0].id", code::UNKNOWN_REFERENCE)],
            ),
            (
                json!({"arms":[{"campaign_id":"cmp_1"}]}),
                &[
                    ("arms[0].campaign_id", code::NOT_AVAILABLE_YET),
                    ("arms[0].offer_id", code::REQUIRED),
                ],
            ),
            (
                json!({"arms":[{"offer_id":red,"lander_id":"lnd_1"}]}),
                &[("arms[0].lander_id", code::NOT_AVAILABLE_YET)],
            ),
            (
                json!({"arms":[{"offer":red}]}),
                &[("arms[0].offer", code::UNKNOWN_FIELD)],
            ),
            (
                json!({"distribution":null}),
                &[("distribution", code::REQUIRED)],
            ),
            (
                json!({"distribution":{"mode":"thompson"}}),
                &[("distribution.mode", code::NOT_AVAILABLE_YET)],
            ),
            (
                json!({"distribution":{"floor":"100.5"}}),
                &[
                    ("distribution.floor", code::OUT_OF_RANGE),
                    ("distribution.floor", code::OUT_OF_RANGE),
                ],
            ),
            (
                json!({"distribution":{"floor":"51"},"arms":[arm,{"offer_id":green}]}),
                &[("distribution.floor", code::OUT_OF_RANGE)],
            ),
            (
                json!({"distribution":{"floor":0.5}}),
                &[("distribution.floor", code::WRONG_TYPE)],
            ),
            (json!({"link":"spring"}), &[("link", code::NOT_APPLICABLE)]),
            (
                json!({"link":"-a","domain_id":domain}),
                &[("link", code::INVALID)],
            ),
            (
                json!({"link":"Spring","domain_id":domain}),
                &[("link", code::INVALID)],
            ),
            (
                json!({"link":"a/b","domain_id":domain}),
                &[("link", code::INVALID)],
            ),
            (
                json!({"link":"","domain_id":domain}),
                &[("link", code::INVALID)],
            ),
            (
                json!({"domain_id":strange}),
                &[("domain_id", code::UNKNOWN_REFERENCE)],
            ),
            (
                json!({"link":"spring","domain_id":strange}),
                &[("domain_id", code::UNKNOWN_REFERENCE)],
            ),
            (
                json!({"cost":{"model":"cpc"}}),
                &[("cost.amount", code::REQUIRED)],
            ),
            (
                json!({"cost":{"model":"cpc","amount":"-0.01"}}),
                &[("cost.amount", code::OUT_OF_RANGE)],
            ),
            (
                json!({"cost":{"model":"token","amount":"1"}}),
                &[("cost.amount", code::NOT_APPLICABLE)],
            ),
            (
                json!({"fallback_url":"https://a.example/{payout}"}),
                &[("fallback_url", code::INVALID)],
            ),
            (
                json!({"flows":[with(&flow, &json!({"match":null}))]}),
                &[("flows[0].match", code::REQUIRED)],
            ),
            (
                json!({"flows":[with(&flow, &json!({"arms":[]}))]}),
                &[("flows[0].arms", code::REQUIRED)],
            ),
            (
                json!({"flows":[flow, with(&flow, &json!({"arms":[{"offer_id":"off_zz","url":"{ip}"}],"kind":"forced"}))]}),
                &[
                    ("flows[1].arms[0].offer_id", code::UNKNOWN_REFERENCE),
                    ("flows[1].arms[0].url", code::INVALID),
                ],
            ),
            (
                json!({"flows":[with(&flow, &json!({"distribution":{"mode":"thompson"}}))]}),
                &[("flows[0].distribution.mode", code::NOT_AVAILABLE_YET)],
            ),
            (
                json!({"flows":[with(&flow, &json!({"id":"flw_1"}))]}),
                &[("flows[0].id", code::UNKNOWN_REFERENCE)],
            ),
            (
                json!({"flows":[with(&flow, &json!({"match":{"country":{"include":["D1"]}}}))]}),
                &[("flows[0].match.country.include[0]", code::INVALID)],
            ),
        ],
    );
}
