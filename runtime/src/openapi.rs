//! The OpenAPI document of a service: its routes, their payloads, their responses.
//!
//! `#[service("/base", openapi)]` adds a function `openapi()` to the service. Then each payload needs a schema, by
//! `#[derive(utoipa::ToSchema)]`. Documents of several services become one by [`OpenApi::merge`].
//!
//! ```
//! use branchwire::prelude::*;
//!
//! #[derive(Clone, Database)]
//! pub struct BankB(sqlx::SqlitePool);
//!
//! #[derive(serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
//! pub struct TransferIn {
//!     amount: i64,
//! }
//!
//! #[branchwire::service("/api/bank-b", openapi)]
//! pub mod bank_b {
//!     use super::*;
//!
//!     /// Credits an account.
//!     #[msg_branch]
//!     pub async fn trans_in(tx: &mut Tx<BankB>, req: TransferIn) -> Result<(), Retry> {
//! #       let _ = (tx, req.amount);
//!         Ok(())
//!     }
//! }
//!
//! # fn main() {
//! // For people, beside the branches: `axum::Json(bank_b::openapi())` is a handler's answer.
//! let document = bank_b::openapi();
//! assert!(document.paths.paths.contains_key("/api/bank-b/trans-in"));
//! # }
//! ```
//!
//! A payload without a schema does not compile: `` `TransferIn` has no schema, and its service asks for OpenAPI ``.
//!
//! ```compile_fail,E0277
//! # use branchwire::prelude::*;
//! # #[derive(Clone, Database)]
//! # pub struct BankB(sqlx::SqlitePool);
//! #[derive(serde::Serialize, serde::Deserialize)] // and no utoipa::ToSchema
//! pub struct TransferIn {
//!     amount: i64,
//! }
//!
//! #[branchwire::service("/api/bank-b", openapi)]
//! pub mod bank_b {
//! #   use super::*;
//!     #[msg_branch]
//!     pub async fn trans_in(tx: &mut Tx<BankB>, req: TransferIn) -> Result<(), Retry> {
//!         Ok(())
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! Only a coordinator should call these routes. The document is for people who build or test the other side of a
//! service.

use std::collections::BTreeSet;

use utoipa::ToSchema;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, OpenApiBuilder, Paths, RefOr, Required, Response, ResponseBuilder, Schema,
};

pub use utoipa::openapi::OpenApi;

use crate::branch::{Role, Route};
use crate::outcome::Reply;

/// A payload that has a schema.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no schema, and its service asks for OpenAPI",
    label = "no schema",
    note = "`#[derive(utoipa::ToSchema)]` on it"
)]
pub trait DescribedPayload {
    #[doc(hidden)]
    fn describe() -> PayloadSchema;
}

#[diagnostic::do_not_recommend]
impl<P: ToSchema> DescribedPayload for P {
    fn describe() -> PayloadSchema {
        let mut used = Vec::new();
        P::schemas(&mut used);
        PayloadSchema { schema: P::schema(), used }
    }
}

/// The schema of a payload, and those that it refers to.
#[doc(hidden)]
#[allow(missing_debug_implementations, reason = "utoipa's types have none")]
pub struct PayloadSchema {
    schema: RefOr<Schema>,
    used: Vec<(String, RefOr<Schema>)>,
}

/// Describes a payload: `<P as DescribedPayload>::describe`.
#[doc(hidden)]
pub type Describe = fn() -> PayloadSchema;

/// Makes the document of a service: its name and version, and its routes with their payloads.
#[doc(hidden)]
pub fn describe(service: &str, version: &str, routes: Vec<(Route, Option<Describe>)>) -> OpenApi {
    let mut paths = Paths::new();
    let mut components = ComponentsBuilder::new();
    let mut known = BTreeSet::new();
    for (route, payload) in routes {
        let payload = payload.filter(|_| !route.payload.is_empty()).map(|describe| describe());
        let mut body = None;
        if let Some(PayloadSchema { schema, used }) = payload {
            for (name, schema) in used {
                if known.insert(name.clone()) {
                    components = components.schema(name, schema);
                }
            }
            let content = ContentBuilder::new().schema(Some(schema)).build();
            body = Some(RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True)));
        }
        let method = if body.is_some() { HttpMethod::Post } else { HttpMethod::Get };
        let mut operation = OperationBuilder::new()
            .tag(service)
            .operation_id(Some(format!("{service}.{}", route.name)))
            .summary((!route.doc.is_empty()).then_some(route.doc))
            .request_body(body.map(RequestBodyBuilder::build));
        for (name, what) in CALL {
            let text = ObjectBuilder::new().schema_type(Type::String);
            operation = operation.parameter(
                ParameterBuilder::new()
                    .name(name)
                    .parameter_in(ParameterIn::Query)
                    .required(Required::True)
                    .description(Some(what))
                    .schema(Some(text)),
            );
        }
        for reply in Reply::ALL.iter().copied().filter(|reply| may_answer(route.role, *reply)) {
            operation = operation.response(reply.status().as_str(), response(reply));
        }
        paths.add_path_operation(route.path, vec![method], operation.build());
    }
    OpenApiBuilder::new()
        .info(InfoBuilder::new().title(service).version(version).build())
        .paths(paths)
        .components(Some(components.build()))
        .build()
}

/// The parameters that a coordinator adds to the query of each call.
const CALL: [(&str, &str); 4] = [
    ("gid", "the global transaction"),
    ("trans_type", "its pattern"),
    ("branch_id", "the branch within it"),
    ("op", "what is asked of the branch"),
];

fn may_answer(role: Role, reply: Reply) -> bool {
    match reply {
        Reply::Refused => role.may_refuse(),
        Reply::Ongoing => role.is_question(),
        Reply::TooLong | Reply::BadPayload => !role.is_question(),
        Reply::Success | Reply::Retry | Reply::BadCall | Reply::Unsigned | Reply::BadSignature => true,
    }
}

fn response(reply: Reply) -> Response {
    let example = serde_json::from_str(reply.body()).ok();
    let object = ObjectBuilder::new().schema_type(Type::Object);
    let content = ContentBuilder::new().schema(Some(object)).example(example).build();
    let what = match reply {
        Reply::Success => "applied, now or before; for a query-prepared: committed",
        Reply::Refused => "not committed, and it never will be",
        Reply::Ongoing => "not known yet: ask again",
        Reply::Retry => "not done: call again",
        Reply::BadCall => "not a call that a coordinator makes",
        Reply::Unsigned => "the call is not signed, and this service takes signed ones only",
        Reply::BadSignature => "the signature is not that of the call",
        Reply::TooLong => "the payload is longer than the service reads",
        Reply::BadPayload => "the payload is not what the branch takes",
    };
    ResponseBuilder::new().description(what).content("application/json", content).build()
}

#[cfg(test)]
#[allow(unreachable_pub, reason = "a service is public in its crate")]
mod tests {
    use serde_json::json;

    use crate::prelude::*;

    #[derive(Clone, Database)]
    pub struct Bank(sqlx::SqlitePool);

    #[derive(serde::Deserialize, utoipa::ToSchema)]
    pub struct TransferIn {
        pub user_id: i64,
        pub note: Note,
    }

    #[derive(serde::Deserialize, utoipa::ToSchema)]
    pub struct Note {
        pub text: String,
    }

    #[crate::service("/api/bank", openapi)]
    pub mod bank {
        use super::*;

        /// Credits an account.
        #[msg_branch]
        pub async fn trans_in(_: &mut Tx<Bank>, req: TransferIn) -> Result<(), Retry> {
            let _ = (req.user_id, req.note.text);
            Ok(())
        }

        #[msg_branch]
        pub async fn wake(_: &mut Tx<Bank>) -> Result<(), Retry> {
            Ok(())
        }

        #[query_prepared]
        pub fn transfer_prepared(db: Bank);

        #[branch]
        pub use super::elsewhere::refund;
    }

    mod elsewhere {
        use super::*;

        #[msg_branch("/refund")]
        pub async fn refund(_: &mut Tx<Bank>, _: Vec<Note>) -> Result<(), Retry> {
            Ok(())
        }
    }

    #[test]
    fn a_service_is_described_with_its_payloads_and_answers() {
        let document = serde_json::to_value(bank::openapi()).unwrap();
        assert_eq!(document["info"]["title"], "bank");
        let trans_in = &document["paths"]["/api/bank/trans-in"]["post"];
        assert_eq!(trans_in["summary"], "Credits an account.");
        let schema = &trans_in["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!(schema["properties"]["note"], json!({"$ref": "#/components/schemas/Note"}));
        assert_eq!(document["components"]["schemas"]["Note"]["properties"]["text"], json!({"type": "string"}));
        let statuses: Vec<_> = trans_in["responses"].as_object().unwrap().keys().collect();
        assert_eq!(statuses, ["200", "400", "401", "403", "413", "422", "500"]);
        let success = &trans_in["responses"]["200"]["content"]["application/json"]["example"];
        assert_eq!(success, &json!({"dtm_result": "SUCCESS"}));
        let names: Vec<_> = trans_in["parameters"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
        assert_eq!(names, ["gid", "trans_type", "branch_id", "op"]);
    }

    #[test]
    fn a_branch_without_payload_is_called_by_get_and_a_branch_from_elsewhere_has_its_own_path() {
        let document = serde_json::to_value(bank::openapi()).unwrap();
        assert!(document["paths"]["/api/bank/wake"]["get"]["requestBody"].is_null());
        let asked = &document["paths"]["/api/bank/transfer-prepared"]["get"];
        let statuses: Vec<_> = asked["responses"].as_object().unwrap().keys().collect();
        assert_eq!(statuses, ["200", "400", "401", "403", "409", "425", "500"]);
        let refund = &document["paths"]["/refund"]["post"]["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!(refund["items"]["properties"]["text"], json!({"type": "string"}));
    }
}
