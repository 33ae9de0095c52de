//! What clients hear when the actors or the stores do not do as they should.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use poem::http::Method;
use serde_json::json;
use weir_actors::{
    Accepted, AskError, CampaignState, Mesh, PublishedKey, SetStatusError, StatusWanted,
};
use weir_engine::catalog::propose::{Proposal, Refusal};
use weir_engine::ids::TenantId;
use weir_engine::judge::Conversion;
use weir_engine::ports::{AppendError, PortFuture};
use weir_engine::routing::TenantSnapshot;

use super::world::{OURS, World, key_of};
use crate::admin::Actors;

/// What happens instead of an answer.
#[derive(Clone, Copy)]
enum Fault {
    Fails(AskError),
    Panics,
}

/// Actors that read as they should and change nothing.
struct Faulty {
    mesh: Mesh,
    fault: Fault,
    asked: Arc<AtomicUsize>,
}

impl Faulty {
    fn fail<T: Send + 'static>(&self) -> PortFuture<'_, Result<T, AskError>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let fault = self.fault;
        Box::pin(async move {
            match fault {
                Fault::Fails(error) => Err(error),
                Fault::Panics => panic!("a secret detail of the server"),
            }
        })
    }
}

impl Actors for Faulty {
    fn tenants(&self) -> Vec<TenantId> {
        Actors::tenants(&self.mesh)
    }

    fn snapshot(&self, tenant: TenantId) -> Option<Arc<TenantSnapshot>> {
        Actors::snapshot(&self.mesh, tenant)
    }

    fn api_key(&self, sha256: &str) -> Option<PublishedKey> {
        Actors::api_key(&self.mesh, sha256)
    }

    fn propose(
        &self,
        _: TenantId,
        _: Vec<Proposal>,
        _: u64,
    ) -> PortFuture<'_, Result<Vec<Result<Accepted, Refusal>>, AskError>> {
        self.fail()
    }

    fn set_status(
        &self,
        _: TenantId,
        _: StatusWanted,
    ) -> PortFuture<'_, Result<Result<Conversion, SetStatusError>, AskError>> {
        self.fail()
    }

    fn settled(&self, tenant: TenantId) -> PortFuture<'_, ()> {
        Actors::settled(&self.mesh, tenant)
    }

    fn campaign(&self, _: TenantId, _: u32) -> PortFuture<'_, Result<CampaignState, AskError>> {
        self.fail()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_is_told_with_what_to_do_and_nothing_else() {
    let cases = [
        (Fault::Fails(AskError::Overloaded), 503, "unavailable"),
        (
            Fault::Fails(AskError::Unavailable(AppendError::Full)),
            503,
            "unavailable",
        ),
        (Fault::Fails(AskError::TimedOut), 504, "timed_out"),
        (Fault::Panics, 500, "internal_server_error"),
    ];
    for (fault, status, code) in cases {
        let mut world = World::new().await;
        world.replace_actors(|mesh| Faulty {
            mesh,
            fault,
            asked: Arc::default(),
        });
        let answer = world
            .post("/v1/affiliates", json!({"name": "A", "status": "approved"}))
            .await
            .expect(status);
        assert_eq!(answer.code(), code);
        assert_eq!(
            answer.header("retry-after").is_empty(),
            status != 503,
            "{code}"
        );
        assert_eq!(answer.text("request_id"), answer.header("x-request-id"));
        let said = answer.body.to_string();
        assert!(!said.contains("secret") && !said.contains("src/"), "{said}");
        world.get("/v1/affiliates").await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_been_done_is_not_done_again_under_its_key() {
    for (error, times) in [(AskError::TimedOut, 1), (AskError::Overloaded, 2)] {
        let mut world = World::new().await;
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        world.replace_actors(|mesh| Faulty {
            mesh,
            fault: Fault::Fails(error),
            asked: counter,
        });
        let body = json!({"name": "A", "status": "approved"});
        let headers = [("idempotency-key", "k")];
        for _ in 0..2 {
            world
                .ask(
                    &key_of(OURS),
                    Method::POST,
                    "/v1/affiliates",
                    &headers,
                    Some(&body),
                )
                .await;
        }
        assert_eq!(asked.load(Ordering::Relaxed), times, "{error}");
    }
}
