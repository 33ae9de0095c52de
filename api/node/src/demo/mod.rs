//! `weir demo`: the server with data that somebody can play with.
//!
//! Two tenants are configured, 90 days of history go through the log and the actors like real traffic (with a
//! clock of their own), then live clicks trickle in. Always true: the same seed on a new folder makes the same
//! history; started again on its folder the demo goes on where it stopped.

mod chance;
mod history;
mod people;
mod seed;
mod story;
mod trickle;
mod walker;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::ExitCode;
use weir_api::api_key::NewKey;
use weir_engine::catalog::propose::KeyHash;
use weir_engine::ids::{AdvertiserId, AffiliateId, TenantId, UnixMs};
use weir_engine::secrets::{MasterSecret, TokenKind};

use self::seed::SeededTenant;
use crate::cli::DemoArgs;
use crate::ready::Demo;
use crate::server::{self, Server};
use crate::settings::Settings;
use crate::{data_folder, logging};

const DAY_MS: u64 = 86_400_000;

/// What a demo folder was made with.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Made {
    seed: u64,
    days: u32,
    /// The end of the history, Unix milliseconds.
    until: u64,
}

/// Serves the demo until told to stop.
///
/// # Errors
/// Something could not be started.
pub fn run(settings: &Settings, args: &DemoArgs) -> anyhow::Result<ExitCode> {
    logging::start(&settings.log)?;
    let runtime = server::runtime()?;
    let mut server = runtime.block_on(server::start(settings))?;
    let made = made(Path::new(&server.ready.data), args)?;
    runtime.block_on(server.mesh.at_head());
    let start = UnixMs(made.until.saturating_sub(u64::from(made.days) * DAY_MS));
    let secrets = server.secrets.clone();
    let tenants = runtime.block_on(seed::seed(&server.mesh, made.seed, start, |tenant| {
        demo_key(&secrets, tenant)
    }))?;
    server.ready.demo = Some(shown(&server, &tenants)?);
    if let Some(file) = &args.serve.ready_file {
        server
            .ready
            .write(file)
            .with_context(|| format!("ready file {}", file.display()))?;
    }
    eprintln!("{}", server.ready.banner());
    let ids: Vec<TenantId> = tenants.iter().map(|t| t.id).collect();
    let work = runtime.spawn(history::tell(
        history::Source::of(&server),
        (ids, made.seed),
        (made.days, made.until),
        args.rate,
    ));
    runtime.block_on(server.signals.next());
    work.abort();
    server::stop(runtime, server, settings);
    Ok(ExitCode::SUCCESS)
}

/// What this folder was made with; on a new folder, what it is made with now.
fn made(folder: &Path, args: &DemoArgs) -> anyhow::Result<Made> {
    let file = folder.join("demo.json");
    if let Ok(text) = std::fs::read_to_string(&file) {
        return serde_json::from_str(&text).with_context(|| format!("{}", file.display()));
    }
    let until = match &args.until {
        Some(text) => UnixMs::parse_rfc3339(text).with_context(|| {
            format!("--until: {text} is not a time such as 2026-11-25T12:00:00Z")
        })?,
        None => weir_actors::Clock::system().now(),
    };
    let made = Made {
        seed: args.seed,
        days: args.days,
        until: until.0,
    };
    let (_, mut out) = data_folder::private_file(&file)?;
    serde_json::to_writer(&mut out, &made)?;
    out.sync_all()?;
    Ok(made)
}

/// The API key of a demo tenant: derived from the folder's secret, so that it can be shown again.
fn demo_key(secrets: &MasterSecret, tenant: TenantId) -> (String, KeyHash) {
    let part = |purpose| secrets.derived_bytes(purpose, u64::from(tenant.0));
    let mut bytes = [0; 40];
    bytes[..8].copy_from_slice(&part("demo key id")[..8]);
    bytes[8..].copy_from_slice(&part("demo key"));
    let new = NewKey::from_random(bytes);
    let hash = KeyHash {
        prefix: new.prefix,
        sha256: new.sha256,
    };
    (new.key, hash)
}

/// Keys and URLs: the link of an offer that takes every visitor, and its advertiser's postback.
fn shown(server: &Server, tenants: &[SeededTenant]) -> anyhow::Result<Demo> {
    let tenant = tenants.first().context("a tenant")?;
    let catalog = server
        .mesh
        .routes()
        .catalog(tenant.id)
        .context("its catalog")?;
    let takes_all =
        |o: &&weir_engine::catalog::Offer| o.caps.is_empty() && o.targeting == Default::default();
    let offer = catalog
        .offers
        .values()
        .map(|o| &o.body)
        .find(takes_all)
        .context("an offer")?;
    let link = &catalog
        .campaigns
        .get(&offer.link_campaign)
        .context("its link")?
        .body
        .link;
    let affiliate = catalog.affiliates.keys().next().context("an affiliate")?;
    let advertiser: AdvertiserId = offer.advertiser_id;
    let version = catalog
        .advertisers
        .get(&advertiser.number())
        .map_or(1, |a| a.body.token_version);
    let token = server
        .secrets
        .token(TokenKind::Postback, advertiser, version);
    let traffic = &server.ready.traffic;
    Ok(Demo {
        tenant: tenant.id.to_string(),
        api_key: tenant.api_key.clone(),
        operator_key: server.secrets.operator_key(1),
        click_url: format!(
            "{traffic}/c/{link}?aff={}",
            AffiliateId::new(tenant.id, *affiliate)
        ),
        postback_url: format!(
            "{traffic}/postback?click_id={{click_id}}&amount={{amount}}&txid={{txid}}&token={token}"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_api::api_key;

    #[test]
    fn a_demos_key_is_like_any_other_and_its_folders_own() {
        let of = |secret, tenant| demo_key(&MasterSecret::new([secret; 32]), TenantId(tenant));
        let (key, hash) = of(1, 1);
        assert_eq!(api_key::digest(&key), Some(hash.sha256.clone()));
        assert_eq!(api_key::shown(&key), hash.prefix);
        assert_eq!(of(1, 1).0, key, "shown again");
        assert_ne!(of(1, 2).0, key);
        assert_ne!(of(2, 1).0, key);
    }
}
