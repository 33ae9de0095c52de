//! `weir tenant create` and `weir key create`: first steps without the API.
//!
//! A running server is asked over its admin listener, with the operator's key, which is derived from the secret
//! in the data folder; when none runs, the admin API is started for the one request, on a port of its own.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::{Value, json};
use weir_engine::secrets::MasterSecret;

use super::{OK, Table, http};
use crate::cli::{KeyCommand, Output, TenantCommand};
use crate::data_folder::DataFolder;
use crate::server::{self, Urls};
use crate::settings::Settings;

/// Creates a tenant and prints its first API key.
pub fn create_tenant(
    command: TenantCommand,
    settings: &Settings,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let TenantCommand::Create {
        name,
        currency,
        timezone,
    } = command;
    let body = json!({"name": name, "currency": currency, "timezone": timezone});
    let made = post(settings, "/v1/tenants", None, &body)?;
    let made = [
        ("tenant", field(&made, "id")?),
        ("api_key", field(&made, "api_key")?),
    ];
    print!("{}", shown(&made, output));
    Ok(OK)
}

/// Creates an API key and prints it.
pub fn create_key(
    command: KeyCommand,
    settings: &Settings,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let KeyCommand::Create {
        tenant,
        scopes,
        name,
        operator,
    } = command;
    let made = if operator {
        let folder = DataFolder::create(&settings.node.data)?;
        ("operator_key", operator_key(&folder)?)
    } else {
        let scopes: Vec<&str> = scopes.split(',').map(str::trim).collect();
        let body = json!({"name": name, "scopes": scopes});
        let made = post(settings, "/v1/api-keys", tenant.as_deref(), &body)?;
        ("api_key", field(&made, "api_key")?)
    };
    print!("{}", shown(&[made], output));
    Ok(OK)
}

/// What was made: a line each for people, an object or a row for programs.
fn shown(made: &[(&'static str, String)], output: Output) -> String {
    match output {
        Output::Table => made
            .iter()
            .map(|(name, value)| {
                let once = if *name == "api_key" {
                    "   (shown once)"
                } else {
                    ""
                };
                format!("{:<7}  {value}{once}\n", name.replace('_', " "))
            })
            .collect(),
        Output::Json => {
            let fields = made.iter().map(|(name, value)| ((*name).to_owned(), value));
            let object: serde_json::Map<_, _> = fields.map(|(n, v)| (n, json!(v))).collect();
            format!("{:#}\n", Value::Object(object))
        }
        Output::Csv => {
            let columns: Vec<&'static str> = made.iter().map(|(name, _)| *name).collect();
            let mut table = Table::new(&columns);
            table.row(made.iter().map(|(_, value)| value));
            table.render(output)
        }
    }
}

fn field(made: &Value, field: &str) -> anyhow::Result<String> {
    let value = made[field]
        .as_str()
        .with_context(|| format!("the answer has no {field}"))?;
    Ok(value.to_owned())
}

fn operator_key(folder: &DataFolder) -> anyhow::Result<String> {
    Ok(MasterSecret::new(folder.master_secret()?).operator_key(1))
}

fn post(
    settings: &Settings,
    path: &str,
    tenant: Option<&str>,
    body: &Value,
) -> anyhow::Result<Value> {
    let folder = DataFolder::create(&settings.node.data)?;
    let operator = operator_key(&folder)?;
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
    server::stop(runtime, started, &alone);
    answer
}

/// The admin listener of a running server, if one answers.
fn running(folder: &DataFolder) -> Option<String> {
    let urls = Urls::read(folder)?;
    let (status, _) = http::ask(&urls.ops, "GET", "/livez", &[], "").ok()?;
    (status == 200).then_some(urls.admin)
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
    let answer: Value = serde_json::from_str(&answer)
        .with_context(|| format!("the admin API answers {status}, and no JSON"))?;
    anyhow::ensure!(status == 201, refusal(&answer));
    Ok(answer)
}

/// A problem of the admin API, for people.
fn refusal(problem: &Value) -> String {
    let text = |of: &Value, field: &str| of[field].as_str().map(str::to_owned);
    let title = text(problem, "title").unwrap_or_else(|| "the admin API refuses".to_owned());
    let detail = text(problem, "detail").filter(|detail| !detail.eq_ignore_ascii_case(&title));
    let fields = problem["field_errors"].as_array().into_iter().flatten();
    let fields =
        fields.filter_map(|e| Some(format!("{} {}", text(e, "field")?, text(e, "message")?)));
    let lines: Vec<String> = [title].into_iter().chain(detail).chain(fields).collect();
    lines.join("\n  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_in_words() {
        let problem = json!({"type": "t", "title": "A field cannot be used", "status": 422, "detail": "see the fields",
            "field_errors": [{"code": "invalid", "field": "timezone", "message": "is no IANA zone"}]});
        let said = "A field cannot be used\n  see the fields\n  timezone is no IANA zone";
        assert_eq!(refusal(&problem), said);
        assert_eq!(refusal(&json!({"title": "T"})), "T");
    }

    #[test]
    fn what_was_made_is_shown_for_people_and_for_programs() {
        let made = [("tenant", "ten_1".to_owned()), ("api_key", "k".to_owned())];
        let people = "tenant   ten_1\napi key  k   (shown once)\n";
        assert_eq!(shown(&made, Output::Table), people);
        let object: Value = serde_json::from_str(&shown(&made, Output::Json)).unwrap();
        assert_eq!(object, json!({"tenant": "ten_1", "api_key": "k"}));
        assert_eq!(shown(&made, Output::Csv), "tenant,api_key\r\nten_1,k\r\n");
    }
}
