// SCRAPI: registration, receipts, keys (draft-ietf-scitt-scrapi-11), and what Witan adds below an
// entry.

#include <algorithm>
#include <string>

#include "ledger/encoding.h"
#include "ledger/format/cose.h"
#include "ledger/format/statement.h"
#include "node/api/problems.h"
#include "node/api/routes.h"
#include "node/key_sets.h"
#include "node/receipts.h"

namespace witan::api {
namespace {

constexpr std::string_view kCose = "application/cose";
constexpr std::string_view kReceiptCose = "application/scitt-receipt+cose";
constexpr std::string_view kStatementCose = "application/scitt-statement+cose";

http::Response pending_response() {
  http::Response response;
  response.status = 204;
  return std::move(response).with("Retry-After", "1").with("Cache-Control", "no-store");
}

// The media type without parameters, in lower case.
std::string media_type(std::string_view value) {
  value = value.substr(0, value.find(';'));
  while (!value.empty() && value.back() == ' ') value.remove_suffix(1);
  std::string lower(value);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

bool accepts_type(const http::Request& request, std::string_view type) {
  const auto accept = request.header("accept");
  return accept && accept->find(type) != std::string_view::npos;
}

bool prefers_async(const http::Request& request) {
  const auto prefer = request.header("prefer");
  return prefer && prefer->find("respond-async") != std::string_view::npos;
}

http::Response receipt_response(const Located& located, std::string_view id, bool typed) {
  return http::Response::bytes(200, std::string(typed ? kReceiptCose : kCose), receipt_of(located))
      .with("Location", "/entries/" + std::string(id));
}

// 201 with the receipt, or 202 when the head that covers the statement is not published yet.
http::Response registered_response(LogService& log, const Registration& done, bool typed) {
  const std::string id = hex_encode(done.entry);
  if (done.stage == Stage::kPublished) {
    auto view = log.store().read();
    if (!view) return cbor_problem(503, "Service Unavailable", view.error().message);
    auto located = locate(**view, log.tiles(), done.index);
    if (!located) return cbor_problem(500, "Internal Server Error", located.error().message);
    if (*located) {
      http::Response response = receipt_response(**located, id, typed);
      response.status = 201;
      return response;
    }
  }
  http::Response response;
  response.status = 202;
  return std::move(response).with("Location", "/entries/" + id).with("Retry-After", "1");
}

std::string etag_of(std::string_view id, TreeSize head) {
  return "\"" + std::string(id.substr(0, 32)) + "-" + std::to_string(head.value) + "\"";
}

// What is made from a head that may still be cosigned is not to be kept: it is better later.
http::Response settled(const http::Request& request, const std::string& etag, bool may_change,
                       http::Response response) {
  if (!may_change) return immutable(request, etag, std::move(response));
  return std::move(response).with("Cache-Control", "no-store");
}

http::Response transparent_statement(const http::Request& request, ReadView& view,
                                     const Located& located, const std::string& etag,
                                     bool may_change) {
  auto bytes = view.statement(located.index);
  if (!bytes) return problem_for(request.path, bytes.error());
  auto statement = Statement::parse(*bytes, bytes->size());
  if (!statement) return problem_for(request.path, statement.error());
  const bool typed = accepts_type(request, kStatementCose);
  return settled(request, etag, may_change,
                 http::Response::bytes(200, std::string(typed ? kStatementCose : kCose),
                                       embed_receipts(*statement, {receipt_of(located)})));
}

// The enclave's own key first; then those of all key sets, so that whoever holds an old receipt
// still finds its key.
Result<std::vector<CoseKey>> receipt_keys(const Context& context) {
  const BytesView xy(context.log.identity().cose_key);
  WITAN_ASSIGN(PublicKey own, PublicKey::from_ec(KeyKind::kP256, xy.first(32), xy.subspan(32)));
  std::vector<CoseKey> out;
  out.push_back(CoseKey{own, to_bytes(cose_key_thumbprint(own)), Algorithm::kEs256});
  WITAN_ASSIGN(const auto view, context.log.store().read());
  WITAN_ASSIGN(std::vector<LogKeys> sets, key_sets_of(*view));
  for (LogKeys& set : sets) {
    for (CoseKey& key : set.keys) {
      const bool known = std::any_of(out.begin(), out.end(),
                                     [&](const CoseKey& other) { return other.key == key.key; });
      if (!known) out.push_back(std::move(key));
    }
  }
  return out;
}

}  // namespace

Result<Hash32> parse_locator(std::string_view text) {
  auto hash = hash_from_hex(text);
  if (!hash) {
    return fail(ErrorCode::kMalformed, "an entry is named by 64 lowercase hex characters, found '" +
                                           std::string(text.substr(0, 80)) + "'");
  }
  return hash;
}

http::Response get_entry(const Context& context, const http::Request& request) {
  constexpr std::string_view kStatementSuffix = "/statement", kProofSuffix = ".tlog-proof";
  std::string_view id = std::string_view(request.path).substr(std::string_view("/entries/").size());
  enum class What { kReceipt, kStatement, kProof } what = What::kReceipt;
  if (id.ends_with(kStatementSuffix)) {
    what = What::kStatement;
    id.remove_suffix(kStatementSuffix.size());
  } else if (id.ends_with(kProofSuffix)) {
    what = What::kProof;
    id.remove_suffix(kProofSuffix.size());
  }
  const auto entry = parse_locator(id);
  if (!entry) return cbor_problem(400, "Invalid locator", entry.error().message);

  auto view = context.log.store().read();
  if (!view) return problem_for(request.path, view.error());
  auto index = (*view)->find(*entry);
  if (!index) return problem_for(request.path, index.error());
  if (!*index) {
    if (context.log.pending(*entry)) return pending_response();
    return cbor_problem(404, "Not Found", "no statement " + std::string(id) + " is in this log");
  }
  auto located = locate(**view, context.log.tiles(), **index);
  if (!located) return problem_for(request.path, located.error());
  if (!*located) return pending_response();

  const Located& found = **located;
  const std::string etag = etag_of(id, found.head.head.head.size);
  const bool may_change = context.log.may_change(found.head);
  switch (what) {
    case What::kReceipt:
      return settled(request, etag, may_change,
                     receipt_response(found, id, accepts_type(request, kReceiptCose)));
    case What::kStatement:
      return transparent_statement(request, **view, found, etag, may_change);
    case What::kProof:
      return settled(request, etag, may_change,
                     http::Response::text(200, "text/plain; charset=utf-8", tlog_proof_of(found)));
  }
  return cbor_problem(500, "Internal Server Error", "unknown kind of answer");
}

http::Response get_keys(const Context& context, const http::Request& request) {
  const auto keys = receipt_keys(context);
  if (!keys) return problem_for(request.path, keys.error());
  constexpr std::string_view kAll = "/.well-known/scitt-keys";
  constexpr const char* kCacheable = "public, max-age=300";
  if (request.path == kAll) {
    return http::Response::bytes(200, "application/cbor", cose_key_set_encode(*keys))
        .with("Cache-Control", kCacheable);
  }
  // RFC 9679 thumbprints are 32 raw bytes, which no URL can carry as they are: base64url is the one
  // form.
  const std::string_view name = std::string_view(request.path).substr(kAll.size() + 1);
  for (const CoseKey& key : *keys) {
    const Hash32 kid = cose_key_thumbprint(key.key);
    if (name != base64url_encode(kid)) continue;
    return http::Response::bytes(200, "application/cbor",
                                 cose_key_encode(key.key, BytesView(kid), Algorithm::kEs256))
        .with("Cache-Control", kCacheable);
  }
  return cbor_problem(
      404, "No such key",
      "this service has no key with the kid '" + std::string(name.substr(0, 100)) + "'");
}

void post_entry(const Context& context, http::Request&& request, http::Respond respond) {
  const std::string type = media_type(request.header("content-type").value_or(""));
  if (type != kCose && type != kStatementCose) {
    return respond(cbor_problem(415, "Unsupported Media Type",
                                "expected Content-Type application/cose or "
                                "application/scitt-statement+cose, found '" +
                                    type + "'"));
  }
  const bool typed = accepts_type(request, kReceiptCose);
  const auto wait = prefers_async(request) ? std::chrono::milliseconds(0) : context.config.wait;
  context.log.submit(std::move(request.body), wait,
                     [&log = context.log, respond = std::move(respond),
                      typed](StatementResult<Registration> done) {
                       if (done) return respond(registered_response(log, *done, typed));
                       const StatementError& error = done.error();
                       if (http_status(error.code) != 400)
                         return respond(problem_for("/entries", error));
                       respond(cbor_problem(400, scrapi_title(error.fault), error.message));
                     });
}

}  // namespace witan::api
