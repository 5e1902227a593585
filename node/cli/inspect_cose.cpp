// Signed statements and receipts.

#include <utility>

#include "config/limits.h"
#include "ledger/encoding.h"
#include "ledger/format/ccf_receipt.h"
#include "ledger/format/receipt.h"
#include "ledger/format/statement.h"
#include "ledger/registration/log_keys.h"
#include "ledger/registration/policy.h"
#include "node/cli/inspect_parts.h"

namespace witan::cli {
namespace {

std::string label_text(const CoseLabel& label) {
  if (const auto* number = std::get_if<std::int64_t>(&label)) return std::to_string(*number);
  return std::get<std::string>(label);
}

std::string diagnostic(BytesView encoded) {
  const auto text = cbor_diagnostic(encoded);
  return text ? *text : hex_encode(encoded);
}

// Proofs and receipts are shown by themselves, in words.
Json headers(const CoseHeaders& from) {
  Json out = Json::object();
  for (const CoseHeaderEntry& entry : from.entries) {
    const auto* number = std::get_if<std::int64_t>(&entry.label);
    if (number != nullptr &&
        (*number == cose::kVdp || *number == cose::kReceipts || *number == cose::kCheckpoint)) {
      continue;
    }
    out[label_text(entry.label)] = diagnostic(entry.value);
  }
  return out;
}

Json path_of(const std::vector<Hash32>& path) {
  Json out = Json::array();
  for (const Hash32& hash : path) out.push_back(hex_encode(hash));
  return out;
}

Json describe_ccf(const CcfProof& proof) {
  Json path = Json::array();
  for (const CcfProof::Step& step : proof.path) {
    path.push_back((step.left ? "left " : "right ") + hex_encode(step.hash));
  }
  return {{"transaction_hash", hex_encode(proof.tx_hash)},
          {"evidence", proof.evidence},
          {"statement_sha256", hex_encode(proof.data_hash)},
          {"path", std::move(path)},
          {"leads_to_root", hex_encode(ccf_root(proof))}};
}

void add_time(Json& out, std::optional<std::int64_t> seconds) {
  if (!seconds) return;
  out["issued_at"] = *seconds;
  out["time"] = utc_time(*seconds);
}

Json describe_receipt(const Receipt& receipt) {
  const bool ccf = receipt.vds == cose::kVdsCcf;
  const bool consistency = receipt.inclusion.empty() && receipt.ccf.empty();
  Json out{{"type", consistency ? "consistency receipt" : "receipt"},
           {"vds", receipt.vds},
           {"structure", ccf ? "CCF_LEDGER_SHA256" : "RFC9162_SHA256"},
           {"algorithm", std::string(to_string(receipt.algorithm))}};
  if (receipt.kid) out["kid"] = describe_bytes(*receipt.kid);
  if (receipt.issuer) out["issuer"] = *receipt.issuer;
  if (receipt.subject) out["subject"] = *receipt.subject;
  add_time(out, receipt.issued_at_s);
  if (receipt.head_size) out["signed_tree_size"] = *receipt.head_size;
  out["root"] = receipt.cose.payload ? hex_encode(*receipt.cose.payload) : "detached";
  for (const InclusionProof& proof : receipt.inclusion) {
    out["inclusion_proofs"].push_back({{"tree_size", proof.size.value},
                                       {"leaf_index", proof.index.value},
                                       {"path", path_of(proof.path)}});
  }
  for (const ConsistencyProof& proof : receipt.consistency) {
    out["consistency_proofs"].push_back({{"from_size", proof.from.value},
                                         {"to_size", proof.to.value},
                                         {"path", path_of(proof.path)}});
  }
  for (const CcfProof& proof : receipt.ccf) out["inclusion_proofs"].push_back(describe_ccf(proof));
  if (receipt.checkpoint) {
    const auto note = Note::parse(*receipt.checkpoint);
    out["checkpoint"] = note ? inspect_note(*note) : Json(*receipt.checkpoint);
  }
  out["protected_headers"] = headers(receipt.cose.protected_headers);
  out["unprotected_headers"] = headers(receipt.cose.unprotected_headers);
  out["signature"] = hex_encode(receipt.cose.signature);
  return out;
}

Json describe_payload(const Statement& statement, const std::string& file_name) {
  if (statement.hash_envelope) return hex_encode(statement.payload);
  Json out{{"bytes", statement.payload.size()}};
  // Only what says something about a log: a payload may be anything, another statement too.
  std::optional<Json> known;
  if (is_log_keys_statement(statement)) known = inspect_log_keys(statement.payload);
  if (is_policy_statement(statement)) known = inspect_toml(as_text(statement.payload), file_name);
  if (known) out["content"] = *std::move(known);
  return out;
}

void add_identity(Json& out, const Statement& statement) {
  if (statement.kid) out["kid"] = describe_bytes(*statement.kid);
  if (statement.x5t) {
    out["x5t"] =
        std::to_string(statement.x5t->hash_algorithm) + " " + hex_encode(statement.x5t->hash);
  }
  for (const BytesView der : statement.x5chain) {
    const auto certificate = Certificate::from_der(der);
    out["x5chain"].push_back(certificate ? describe_certificate(*certificate)
                                         : Json{{"not_valid", certificate.error().message}});
  }
  if (statement.x5chain_unprotected) {
    out["x5chain_unprotected"] = "a chain stands only in the unprotected header";
  }
}

Json describe_statement(const Statement& statement, const std::string& file_name) {
  Json out{{"type", "signed statement"},
           {"id", hex_encode(statement.entry())},
           {"algorithm", std::string(to_string(statement.algorithm))},
           {"issuer", statement.issuer},
           {"subject", statement.subject}};
  add_time(out, statement.issued_at_s);
  if (statement.content_type) out["content_type"] = *statement.content_type;
  add_identity(out, statement);
  if (statement.hash_envelope) {
    const HashEnvelope& envelope = *statement.hash_envelope;
    out["hash_envelope"]["hash_algorithm"] = envelope.hash_algorithm;
    if (envelope.preimage_content_type) {
      out["hash_envelope"]["content_type"] = *envelope.preimage_content_type;
    }
    if (envelope.location) out["hash_envelope"]["location"] = *envelope.location;
  }
  if (!statement.crit_not_understood.empty()) {
    out["critical_not_understood"] = statement.crit_not_understood;
  }
  out["tagged"] = statement.cose.tagged;
  out["payload"] =
      statement.cose.payload ? describe_payload(statement, file_name) : Json("detached");
  out["protected_headers"] = headers(statement.cose.protected_headers);
  out["unprotected_headers"] = headers(statement.cose.unprotected_headers);
  out["signature"] = hex_encode(statement.cose.signature);
  const auto receipts = statement.receipts();
  if (!receipts) {
    out["receipts_not_valid"] = receipts.error().message;
    return out;
  }
  if (!receipts->empty()) out["type"] = "transparent statement";
  for (const Bytes& bytes : *receipts) {
    const auto receipt = Receipt::parse(bytes);
    out["receipts"].push_back(receipt ? describe_receipt(*receipt)
                                      : Json{{"not_valid", receipt.error().message}});
  }
  return out;
}

}  // namespace

Json inspect_cose(const CoseSign1& cose, BytesView bytes, const std::string& file_name) {
  std::string why;
  if (cose.protected_headers.find(cose::kVds)) {
    const auto receipt = Receipt::parse(bytes);
    if (receipt) return describe_receipt(*receipt);
    why = "as a receipt: " + receipt.error().message;
  } else {
    const auto statement =
        Statement::parse(bytes, limits::kStatementBytesMax, StatementProfile::kForeign);
    if (statement) return describe_statement(*statement, file_name);
    why = "as a signed statement: " + statement.error().message;
  }
  return {{"type", "COSE_Sign1"},
          {"not_valid", std::move(why)},
          {"tagged", cose.tagged},
          {"protected_headers", headers(cose.protected_headers)},
          {"unprotected_headers", headers(cose.unprotected_headers)},
          {"payload", cose.payload ? Json(describe_bytes(*cose.payload)) : Json("detached")},
          {"signature", hex_encode(cose.signature)}};
}

}  // namespace witan::cli
