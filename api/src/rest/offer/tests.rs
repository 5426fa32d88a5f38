use expect_test::expect;

use super::*;
use crate::rest::golden;

// D2: ours alone; a refusal is a tree, a fit has none.
#[test]
fn list() {
    let refusal = Refusal::because(
        "the agent has too little left",
        vec![Refusal::leaf("mem: 2080 wanted, 512 offered")],
    );
    golden(
        &OfferList {
            offers: vec![OfferOutcome {
                agent_id: "a-S0".to_owned(),
                at: 1_700_000_000_000,
                decision: OfferDecision::Accepted,
                evaluations: vec![
                    Evaluation { broker: BrokerId(0), refusal: None },
                    Evaluation { broker: BrokerId(1), refusal: Some(refusal) },
                ],
                hostname: "node-1".to_owned(),
                offer_id: "o-1".to_owned(),
                resources: "cpus:1; mem:2592".to_owned(),
            }],
        },
        &expect![[
            r#"{"offers":[{"agent_id":"a-S0","at":1700000000000,"decision":"accepted","evaluations":[{"broker":"0"},{"broker":"1","refusal":{"causes":[{"reason":"mem: 2080 wanted, 512 offered"}],"reason":"the agent has too little left"}}],"hostname":"node-1","offer_id":"o-1","resources":"cpus:1; mem:2592"}]}"#
        ]],
    );
}
