// Bytes that are no text: COSE, our CBOR payloads, problem details, X.509 in DER.

#include <utility>

#include "config/limits.h"
#include "ledger/attestation/evidence.h"
#include "ledger/encoding.h"
#include "ledger/format/cbor.h"
#include "ledger/format/problem_details.h"
#include "ledger/registration/log_keys.h"
#include "node/cli/inspect_parts.h"

namespace witan::cli {
namespace {

Json describe_cose_key(const CoseKey& key) {
  Json out = describe_key(key.key);
  if (key.kid) out["kid"] = describe_bytes(*key.kid);
  if (key.algorithm) out["algorithm"] = std::string(to_string(*key.algorithm));
  return out;
}

Json describe_cose_keys(const std::vector<CoseKey>& keys) {
  Json out = Json::array();
  for (const CoseKey& key : keys) out.push_back(describe_cose_key(key));
  return out;
}

Json describe_evidence(const SignedEvidence& signed_evidence) {
  const Evidence& evidence = signed_evidence.evidence;
  Json out{{"type", "enclave evidence"},
           {"grade", std::string(to_string(evidence.grade))},
           {"origin", evidence.origin},
           {"note_key_thumbprint", hex_encode(evidence.note_thumbprint)},
           {"receipt_key_thumbprint", hex_encode(evidence.cose_thumbprint)},
           {"code_measurement", hex_encode(evidence.measurement)},
           {"nonce", hex_encode(evidence.nonce)}};
  if (evidence.last) {
    out["last_head"] = {{"size", evidence.last->size.value},
                        {"root", hex_encode(evidence.last->root)}};
  }
  out["signature"] = hex_encode(signed_evidence.signature);
  return out;
}

Json describe_log_keys(const LogKeys& keys) {
  Json out{{"type", "log keys"},
           {"origin", keys.origin},
           {"issuer", keys.issuer},
           {"receipt_keys", describe_cose_keys(keys.keys)}};
  const auto vkey = VerifierKey::parse(keys.vkey);
  out["log_key"] = vkey ? describe_vkey(*vkey) : Json(keys.vkey);
  if (!keys.evidence.empty()) {
    const auto evidence = SignedEvidence::parse(keys.evidence);
    out["evidence"] = evidence ? describe_evidence(*evidence) : Json(hex_encode(keys.evidence));
  }
  return out;
}

std::optional<Json> inspect_der(BytesView bytes) {
  if (const auto certificate = Certificate::from_der(bytes)) {
    Json out{{"type", "certificate"}};
    out.update(describe_certificate(*certificate));
    return out;
  }
  if (const auto key = PublicKey::from_spki(bytes)) {
    Json out{{"type", "public key"}};
    out.update(describe_key(*key));
    return out;
  }
  return std::nullopt;
}

// A map whose label -1 is a text or one with its language: RFC 9290.
std::optional<Json> inspect_map(BytesView bytes) {
  if (const auto key = cose_key_parse(bytes)) {
    Json out{{"type", "COSE_Key"}};
    out.update(describe_cose_key(*key));
    return out;
  }
  if (auto keys = inspect_log_keys(bytes)) return keys;
  if (const auto problem = decode_problem(bytes)) {
    return Json{
        {"type", "problem details"}, {"title", problem->title}, {"detail", problem->detail}};
  }
  return std::nullopt;
}

std::optional<Json> inspect_array(BytesView bytes) {
  auto keys = cose_key_set_decode(bytes);
  if (!keys || keys->empty()) return std::nullopt;
  return Json{{"type", "COSE_KeySet"}, {"keys", describe_cose_keys(*keys)}};
}

}  // namespace

std::optional<Json> inspect_log_keys(BytesView payload) {
  const auto keys = parse_log_keys(payload);
  if (!keys) return std::nullopt;
  return describe_log_keys(*keys);
}

std::optional<Json> inspect_binary(BytesView bytes, const std::string& file_name) {
  if (bytes.empty()) return std::nullopt;
  if (const auto cose = CoseSign1::parse(bytes, limits::kStatementBytesMax)) {
    return inspect_cose(*cose, bytes, file_name);
  }
  if (const auto evidence = SignedEvidence::parse(bytes)) return describe_evidence(*evidence);
  if (auto der = inspect_der(bytes)) return der;
  const auto reader = CborReader::make(bytes);
  if (!reader) return std::nullopt;
  std::optional<Json> known;
  if (reader->peek() == CborType::kMap) known = inspect_map(bytes);
  if (reader->peek() == CborType::kArray) known = inspect_array(bytes);
  if (known) return known;
  const auto diagnostic = cbor_diagnostic(bytes);
  if (!diagnostic) return std::nullopt;
  return Json{{"type", "cbor"}, {"diagnostic", *diagnostic}};
}

}  // namespace witan::cli
