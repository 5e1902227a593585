#include "ledger/registration/policy.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ledger/encoding.h"
#include "ledger/registration/did_x509.h"
#include "ledger/registration/identity.h"

namespace witan {
namespace {

struct CompiledIssuer {
  std::string name;
  std::vector<std::string> subjects;
  IssuerIdentity identity;
};

tl::unexpected<StatementError> refuse(std::string message,
                                      StatementFault fault = StatementFault::kRejected,
                                      ErrorCode code = ErrorCode::kRefused) {
  return tl::unexpected<StatementError>(StatementError(code, std::move(message), fault));
}

bool matches_any(const std::vector<std::string>& patterns, std::string_view text) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [text](const std::string& pattern) { return matches_pattern(pattern, text); });
}

// Long texts of outsiders are cut in messages.
std::string in_quotes(std::string_view text) {
  constexpr std::size_t kShownMax = 200;
  if (text.size() <= kShownMax) return "\"" + std::string(text) + "\"";
  std::size_t end = kShownMax;
  // Not in the middle of a UTF-8 character.
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return "\"" + std::string(text.substr(0, end)) + "...\"";
}

std::size_t byte_string_size(std::size_t content) {
  const std::size_t head = content < 24 ? 1 : content < 256 ? 2 : content < 65'536 ? 3 : 5;
  return head + content;
}

// Of the canonical bytes: what travels in the unprotected header does not count, as the log drops
// it.
std::size_t canonical_size(const Statement& statement) {
  constexpr std::size_t kTagArrayAndMap = 3;
  return kTagArrayAndMap + byte_string_size(statement.cose.protected_bytes.size()) +
         byte_string_size(statement.payload.size()) +
         byte_string_size(statement.cose.signature.size());
}

Result<std::vector<PinnedKey>> parse_keys(const std::vector<std::string>& pems,
                                          const std::string& rule) {
  std::vector<PinnedKey> out;
  for (const std::string& pem : pems) {
    auto key = parse_pinned_key(pem);
    if (!key) return fail(key.error().within(rule + "[" + std::to_string(out.size() + 1) + "]"));
    out.push_back(*std::move(key));
  }
  return out;
}

Result<CompiledIssuer> compile_issuer(const IssuerRule& rule) {
  const std::string where = "issuer " + in_quotes(rule.name);
  CompiledIssuer out{rule.name, rule.subjects, {}};
  out.identity.is_pattern = rule.name.find('*') != std::string::npos;
  WITAN_ASSIGN(out.identity.keys, parse_keys(rule.keys, where + ": keys"));
  for (const std::string& pem : rule.anchors) {
    auto anchors = Certificate::from_pem(pem);
    if (!anchors) return fail(anchors.error().within(where + ": anchors"));
    for (Certificate& anchor : *anchors) out.identity.anchors.push_back(std::move(anchor));
  }
  const bool attested = std::string_view(rule.name).starts_with(kDidAttestedServicePrefix);
  if (attested != rule.attested.has_value() ||
      (attested && (!rule.keys.empty() || !rule.anchors.empty()))) {
    return fail(ErrorCode::kUsage,
                where + (attested ? ": expected [issuer.attested] in place of keys and anchors"
                                  : ": [issuer.attested] is for did:attestedsvc issuers only"));
  }
  if (attested) {
    auto compiled = compile_attested_service(*rule.attested);
    if (!compiled) return fail(compiled.error().within(where));
    out.identity.attested = *std::move(compiled);
    return out;
  }
  if (!rule.keys.empty() || !rule.anchors.empty()) return out;
  if (!std::string_view(rule.name).starts_with(kDidX509Prefix)) {
    return fail(ErrorCode::kUsage,
                where + ": expected keys or anchors (only did:x509 issuers do without)");
  }
  // did:x509:VERSION:HASH:FINGERPRINT::predicates. Anybody can make a CA, so its fingerprint must
  // be spelled out.
  if (out.identity.is_pattern && rule.name.find('*') < rule.name.find("::")) {
    return fail(ErrorCode::kUsage,
                where +
                    ": a pattern over any CA lets anybody in; expected the CA's fingerprint "
                    "(did:x509:0:sha256:FINGERPRINT::*), or anchors");
  }
  return out;
}

}  // namespace

struct RegistrationPolicy::Impl {
  RegistrationPolicyConfig config;
  std::vector<Algorithm> algorithms;
  std::vector<PinnedKey> admin_keys;
  std::vector<CompiledIssuer> issuers;
  std::unordered_map<std::string, std::size_t> exact;  // name -> index into issuers
  std::vector<std::size_t> patterns;                   // in the order of the file
  std::string subject;
  std::optional<std::int64_t> issued_at_s;

  static Result<std::shared_ptr<Impl>> compile(const RegistrationPolicyConfig& config);
  static Result<std::shared_ptr<Impl>> from_statement(const Statement& statement);
  [[nodiscard]] const CompiledIssuer* find(const std::string& issuer) const;
  [[nodiscard]] StatementResult<void> check_cheap(const Statement& statement,
                                                  const CompiledIssuer*& issuer) const;
  [[nodiscard]] StatementResult<void> check_admin(const Statement& statement) const;
};

Result<std::shared_ptr<RegistrationPolicy::Impl>> RegistrationPolicy::Impl::compile(
    const RegistrationPolicyConfig& config) {
  auto out = std::make_shared<Impl>();
  out->config = config;
  for (const std::string& name : config.algorithms) {
    auto algorithm = algorithm_from_name(name);
    if (!algorithm) return fail(algorithm.error().within("accept.algorithms"));
    out->algorithms.push_back(*algorithm);
  }
  WITAN_ASSIGN(out->admin_keys, parse_keys(config.admin_keys, "admin.keys"));
  if (out->admin_keys.empty()) {
    return fail(ErrorCode::kUsage, "admin.keys: expected at least one key, found none");
  }
  for (const IssuerRule& rule : config.issuers) {
    WITAN_ASSIGN(CompiledIssuer issuer, compile_issuer(rule));
    if (issuer.identity.is_pattern) {
      out->patterns.push_back(out->issuers.size());
    } else if (!out->exact.emplace(issuer.name, out->issuers.size()).second) {
      return fail(ErrorCode::kUsage, "issuer " + in_quotes(issuer.name) + ": it is listed twice");
    }
    out->issuers.push_back(std::move(issuer));
  }
  return out;
}

Result<std::shared_ptr<RegistrationPolicy::Impl>> RegistrationPolicy::Impl::from_statement(
    const Statement& statement) {
  if (!is_policy_statement(statement) || statement.hash_envelope) {
    return fail(ErrorCode::kMalformed,
                "policy statement: expected the content type " + std::string(kPolicyContentType));
  }
  if (!is_utf8(statement.payload)) {
    return fail(ErrorCode::kMalformed, "policy statement: the payload is not UTF-8");
  }
  WITAN_ASSIGN(const RegistrationPolicyConfig config,
               parse_registration_policy(as_text(statement.payload), "policy"));
  WITAN_ASSIGN(auto out, compile(config));
  out->subject = statement.subject;
  out->issued_at_s = statement.issued_at_s;
  return out;
}

const CompiledIssuer* RegistrationPolicy::Impl::find(const std::string& issuer) const {
  if (const auto found = exact.find(issuer); found != exact.end()) return &issuers[found->second];
  for (const std::size_t index : patterns) {
    if (matches_pattern(issuers[index].name, issuer)) return &issuers[index];
  }
  return nullptr;
}

// Everything that needs no signature, hash or certificate.
StatementResult<void> RegistrationPolicy::Impl::check_cheap(const Statement& statement,
                                                            const CompiledIssuer*& issuer) const {
  if (statement.profile != StatementProfile::kRegistration) {
    return refuse("signed statement: it was parsed as foreign, not for registration");
  }
  const std::size_t size = canonical_size(statement);
  if (size > config.max_statement_bytes) {
    return refuse("accept.max_statement_bytes: the statement has " + std::to_string(size) +
                      " bytes, the policy allows " + std::to_string(config.max_statement_bytes),
                  StatementFault::kRejected, ErrorCode::kTooLarge);
  }
  if (std::find(algorithms.begin(), algorithms.end(), statement.algorithm) == algorithms.end()) {
    return refuse("accept.algorithms: the policy does not accept " +
                      std::string(to_string(statement.algorithm)),
                  StatementFault::kSignatureAlgorithm);
  }
  if (is_own_statement(statement)) {
    return refuse("content type (3): " + *statement.content_type +
                  " is reserved for the log's own entries");
  }
  issuer = find(statement.issuer);
  if (issuer == nullptr) {
    return refuse("issuer.name: the policy lists no issuer " + in_quotes(statement.issuer));
  }
  if (statement.subject.empty() &&
      !(issuer->identity.attested && issuer->identity.attested->without_subject)) {
    return refuse("CWT sub (2): missing, and the issuer's rule does not say without_subject",
                  StatementFault::kMalformed, ErrorCode::kMalformed);
  }
  if (config.hash_envelope_only && !statement.hash_envelope) {
    return refuse("accept.hash_envelope_only: expected a payload hash algorithm (258), found none");
  }
  if (!matches_any(config.subjects, statement.subject)) {
    return refuse("accept.subjects: no pattern matches the subject " +
                  in_quotes(statement.subject));
  }
  if (!issuer->subjects.empty() && !matches_any(issuer->subjects, statement.subject)) {
    return refuse("issuer.subjects: no pattern of this issuer matches the subject " +
                  in_quotes(statement.subject));
  }
  // A hash envelope's content type is that of what was hashed; no content type is the empty text.
  const auto& type = statement.hash_envelope ? statement.hash_envelope->preimage_content_type
                                             : statement.content_type;
  if (!matches_any(config.content_types, type ? std::string_view(*type) : std::string_view())) {
    return refuse("accept.content_types: no pattern matches the content type " +
                  in_quotes(type.value_or("")));
  }
  return {};
}

StatementResult<void> RegistrationPolicy::Impl::check_admin(const Statement& statement) const {
  auto keys = keys_for_kid(statement, admin_keys);
  if (!keys) return tl::unexpected<StatementError>(std::move(keys).error());
  auto verified = verify_signature(statement, *keys);
  if (verified) return {};
  StatementError error = std::move(verified).error();
  error.message = "admin.keys: " + error.message;
  return tl::unexpected<StatementError>(std::move(error));
}

bool is_own_statement(const Statement& statement) {
  return is_policy_statement(statement) || is_log_keys_statement(statement);
}

bool is_policy_statement(const Statement& statement) {
  return statement.content_type == kPolicyContentType;
}

Result<RegistrationPolicy> RegistrationPolicy::compile(const RegistrationPolicyConfig& config) {
  WITAN_ASSIGN(auto impl, Impl::compile(config));
  return RegistrationPolicy(std::move(impl));
}

StatementResult<void> RegistrationPolicy::check(const Statement& statement) const {
  const CompiledIssuer* issuer = nullptr;
  if (auto checked = impl_->check_cheap(statement, issuer); !checked) return checked;
  auto keys = resolve_identity(statement, issuer->identity, impl_->config.check_time);
  if (!keys) return tl::unexpected<StatementError>(std::move(keys).error());
  return verify_signature(statement, *keys);
}

StatementResult<RegistrationPolicy> RegistrationPolicy::successor(
    const Statement& statement) const {
  if (!is_policy_statement(statement)) {
    return refuse("policy statement: expected the content type " + std::string(kPolicyContentType));
  }
  if (!impl_->subject.empty() && statement.subject != impl_->subject) {
    return refuse("policy statement: expected the subject " + in_quotes(impl_->subject) +
                  " of the present policy, found " + in_quotes(statement.subject));
  }
  if (impl_->issued_at_s &&
      (!statement.issued_at_s || *statement.issued_at_s < *impl_->issued_at_s)) {
    return refuse("policy statement: expected an iat that is not before the present policy's, " +
                  std::to_string(*impl_->issued_at_s) + ", found " +
                  (statement.issued_at_s ? std::to_string(*statement.issued_at_s) : "none"));
  }
  if (auto checked = impl_->check_admin(statement); !checked) {
    return tl::unexpected<StatementError>(std::move(checked).error());
  }
  WITAN_ASSIGN(auto next, Impl::from_statement(statement));
  return RegistrationPolicy(std::move(next));
}

StatementResult<RegistrationPolicy> RegistrationPolicy::first_policy(const Statement& statement) {
  WITAN_ASSIGN(auto policy, Impl::from_statement(statement));
  if (auto checked = policy->check_admin(statement); !checked) {
    return tl::unexpected<StatementError>(std::move(checked).error());
  }
  return RegistrationPolicy(std::move(policy));
}

StatementResult<LogKeys> RegistrationPolicy::check_log_keys(const Statement& statement) const {
  if (!is_log_keys_statement(statement)) {
    return refuse("log keys: expected the content type " + std::string(kLogKeysContentType));
  }
  if (auto checked = impl_->check_admin(statement); !checked) {
    return tl::unexpected<StatementError>(std::move(checked).error());
  }
  WITAN_ASSIGN(LogKeys keys, parse_log_keys(statement.payload));
  if (keys.origin != statement.subject) {
    return refuse("log keys: expected the subject to be the origin " + in_quotes(keys.origin) +
                  ", found " + in_quotes(statement.subject));
  }
  return keys;
}

const RegistrationPolicyConfig& RegistrationPolicy::config() const {
  return impl_->config;
}

const std::string& RegistrationPolicy::subject() const {
  return impl_->subject;
}

}  // namespace witan
