//! `weir tenant create` and `weir key create`: first steps without the API.
//!
//! A running server is asked over its admin listener, with the operator's key, which is derived from the secret
//! in the data folder; when none runs, the admin API is started for the one request, on a port of its own.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::{Value, json};
use weir_engine::secrets::MasterSecret;

use super::{OK, http};
use crate::cli::{KeyCommand, TenantCommand};
use crate::data_folder::DataFolder;
use crate::server;
use crate::settings::Settings;

/// Creates a tenant and prints its first API key.
pub fn create_tenant(command: TenantCommand, settings: &Settings) -> anyhow::Result<ExitCode> {
    let TenantCommand::Create {
        name,
        currency,
        timezone,
    } = command;
    let body = json!({"name": name, "currency": currency, "timezone": timezone});
    let made = post(settings, "/v1/tenants", None, &body)?;
    println!("tenant   {}", shown(&made, "id")?);
    println!("api key  {}   (shown once)", shown(&made, "api_key")?);
    Ok(OK)
}

/// Creates an API key and prints it.
pub fn create_key(command: KeyCommand, settings: &Settings) -> anyhow::Result<ExitCode> {
    let KeyCommand::Create {
        tenant,
        scopes,
        name,
    } = command;
    let scopes: Vec<&str> = scopes.split(',').map(str::trim).collect();
    let body = json!({"name": name, "scopes": scopes});
    let made = post(settings, "/v1/api-keys", Some(&tenant), &body)?;
    println!(
        "api key  {}   (shown once)",
        shown(&made, "key").or_else(|_| shown(&made, "api_key"))?
    );
    Ok(OK)
}

fn shown(made: &Value, field: &str) -> anyhow::Result<String> {
    let value = made[field]
        .as_str()
        .with_context(|| format!("the answer has no {field}"))?;
    Ok(value.to_owned())
}

fn post(
    settings: &Settings,
    path: &str,
    tenant: Option<&str>,
    body: &Value,
) -> anyhow::Result<Value> {
    let folder = DataFolder::create(&settings.node.data)?;
    let operator = MasterSecret::new(folder.master_secret()?).operator_key(1);
    if let Some(admin) = running(&folder) {
        return ask(&admin, &operator, path, tenant, body);
    }
    let mut alone = settings.clone();
    alone.listen.host = std::net::Ipv4Addr::LOCALHOST.into();
    (
        alone.listen.traffic_port,
        alone.listen.admin_port,
        alone.listen.ops_port,
    ) = (0, 0, 0);
    let runtime = server::runtime()?;
    let started = runtime.block_on(server::start(&alone))?;
    let answer = ask(&started.ready.admin, &operator, path, tenant, body);
    server::stop(&runtime, started, &alone);
    answer
}

/// The admin listener of a running server, if one answers.
fn running(folder: &DataFolder) -> Option<String> {
    let text = std::fs::read_to_string(folder.running()).ok()?;
    let urls: Value = serde_json::from_str(&text).ok()?;
    let (status, _) = http::ask(urls["ops"].as_str()?, "GET", "/livez", &[], "").ok()?;
    (status == 200).then(|| urls["admin"].as_str().map(str::to_owned))?
}

fn ask(
    admin: &str,
    operator: &str,
    path: &str,
    tenant: Option<&str>,
    body: &Value,
) -> anyhow::Result<Value> {
    let bearer = format!("Bearer {operator}");
    let mut headers = vec![
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
    ];
    headers.extend(tenant.map(|t| ("X-Tenant", t)));
    let (status, answer) = http::ask(admin, "POST", path, &headers, &body.to_string())?;
    anyhow::ensure!(status == 201, "the admin API answers {status}: {answer}");
    serde_json::from_str(&answer).context("the answer is not JSON")
}
