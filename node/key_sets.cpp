#include "node/key_sets.h"

#include <algorithm>
#include <utility>

#include "ledger/attestation/evidence.h"
#include "ledger/encoding.h"

namespace witan {
namespace {

std::string quoted_name(std::string_view text) {
  return "'" + std::string(text.substr(0, 200)) + "'";
}

Result<VerifierKey> log_key_of(const LogKeys& keys, const std::string& origin) {
  if (keys.origin != origin) {
    return fail(ErrorCode::kBadIdentity, "it is the key set of " + quoted_name(keys.origin) +
                                             ", expected " + quoted_name(origin));
  }
  WITAN_ASSIGN(VerifierKey key, VerifierKey::parse(keys.vkey));
  if (key.name != origin) {
    return fail(ErrorCode::kBadIdentity,
                "its vkey is of " + quoted_name(key.name) + ", expected " + quoted_name(origin));
  }
  return key;
}

Result<Grade> grade_of(const LogKeys& keys, const VerifierKey& log_key, const Hash32& entry0) {
  WITAN_ASSIGN(const Evidence evidence, verify_evidence(keys.evidence, entry0, log_key));
  const bool known =
      std::any_of(keys.keys.begin(), keys.keys.end(), [&evidence](const CoseKey& key) {
        return cose_key_thumbprint(key.key) == evidence.cose_thumbprint;
      });
  if (!known) {
    return fail(ErrorCode::kBadIdentity, "evidence: it names the receipt key " +
                                             hex_encode(evidence.cose_thumbprint) +
                                             ", expected one of the key set");
  }
  return evidence.grade;
}

Result<LogKeys> keys_at(ReadView& view, LeafIndex index) {
  WITAN_ASSIGN(const BytesView bytes, view.statement(index));
  WITAN_ASSIGN(const Statement statement, Statement::parse(bytes, bytes.size()));
  return parse_log_keys(statement.payload);
}

bool names(const LogKeys& keys, const VerifierKey& vkey, const SignerState& enclave) {
  return keys.vkey == vkey.text() &&
         std::any_of(keys.keys.begin(), keys.keys.end(), [&](const CoseKey& key) {
           return key.key.kind() == KeyKind::kP256 && key.key.raw() == enclave.cose_key;
         });
}

}  // namespace

StatementResult<KeySet> check_key_set(const Statement& statement, const RegistrationPolicy& policy,
                                      const std::string& origin, const Hash32& entry0) {
  WITAN_ASSIGN(LogKeys keys, policy.check_log_keys(statement));
  WITAN_ASSIGN(VerifierKey log_key, log_key_of(keys, origin));
  WITAN_ASSIGN(const Grade grade, grade_of(keys, log_key, entry0));
  return KeySet{std::move(keys), std::move(log_key), grade};
}

Result<std::vector<LogKeys>> key_sets_of(ReadView& view) {
  std::vector<LogKeys> out(1);
  WITAN_ASSIGN(out.front(), keys_at(view, LeafIndex{1}));
  WITAN_ASSIGN(const auto later, view.own_statements());
  for (const LeafIndex index : later) {
    WITAN_ASSIGN(const BytesView bytes, view.statement(index));
    WITAN_ASSIGN(const Statement statement, Statement::parse(bytes, bytes.size()));
    if (!is_log_keys_statement(statement)) continue;
    WITAN_ASSIGN(LogKeys keys, parse_log_keys(statement.payload));
    out.push_back(std::move(keys));
  }
  return out;
}

Result<void> check_log_keys(ReadView& view, const SignerState& enclave) {
  WITAN_ASSIGN(const auto announced, key_sets_of(view));
  WITAN_ASSIGN(const VerifierKey vkey,
               VerifierKey::make(enclave.origin, NoteAlgorithm::kEd25519, enclave.note_key));
  const bool known = std::any_of(announced.begin(), announced.end(),
                                 [&](const LogKeys& keys) { return names(keys, vkey, enclave); });
  if (known) return {};
  return fail(ErrorCode::kConflict, "the enclave holds the keys of " + vkey.text() +
                                        ", but the log's newest key set names " +
                                        announced.back().vkey +
                                        ": put back the enclave's folder that belongs to this log");
}

}  // namespace witan
