#pragma once
// The registration policy in force: what may enter the log. A decision depends on nothing but the
// policy and the statement's canonical bytes, so that anybody can repeat it from the log.
//
// Refusals name the rule, as in the policy file: accept.algorithms, accept.max_statement_bytes,
// accept.hash_envelope_only, accept.subjects, accept.content_types, accept.check_time, issuer.name,
// issuer.subjects, issuer.keys, issuer.anchors, issuer.attested, admin.keys; or the part of the
// statement.

#include <memory>
#include <string>
#include <string_view>

#include "config/registration_policy.h"
#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/format/statement.h"
#include "ledger/registration/log_keys.h"

namespace witan {

inline constexpr std::string_view kPolicyContentType = "application/witan-policy+toml";

// Whether the statement's content type says that it carries a registration policy.
[[nodiscard]] bool is_policy_statement(const Statement& statement);
// The same of a policy or a key set (log_keys.h): statements by which a log governs itself, and
// which an admin key signs.
[[nodiscard]] bool is_own_statement(const Statement& statement);

// Immutable, cheap to copy, and may be used from any thread at once: no locks, no caches.
class RegistrationPolicy {
 public:
  // Reads the keys and certificates. Errors name the rule: kMalformed, kUnsupported, kUsage (an
  // issuer listed twice; one without keys and anchors unless it is a did:x509; a did:attestedsvc
  // with them or without [issuer.attested]).
  static Result<RegistrationPolicy> compile(const RegistrationPolicyConfig& config);

  // Whether an ordinary statement may be registered. Rules that cost little come first, the
  // signature last. The rule of an issuer is the [[issuer]] of exactly that name, else the first
  // whose pattern matches. Statements with content types that Witan reserves (policies, log keys)
  // are refused here. kRefused, kBadIdentity, kBadSignature, kUnsupported, kTooLarge.
  [[nodiscard]] StatementResult<void> check(const Statement& statement) const;

  // The policy that a policy statement puts in this one's place. It must be signed by an admin key
  // of the present policy, and, where the present one came from a statement too, name the same
  // subject (the log's origin) and an iat that is not before that one's: a policy of another log,
  // or an older one that was never registered, cannot be slipped in.
  [[nodiscard]] StatementResult<RegistrationPolicy> successor(const Statement& statement) const;
  // Entry 0: signed by one of the admin keys that it names itself.
  static StatementResult<RegistrationPolicy> first_policy(const Statement& statement);

  // Entry 1 (log_keys.h): signed by an admin key of this policy; the subject is its origin.
  [[nodiscard]] StatementResult<LogKeys> check_log_keys(const Statement& statement) const;

  [[nodiscard]] const RegistrationPolicyConfig& config() const;
  // Of the statement that the policy came from; empty when it was compiled from a config.
  [[nodiscard]] const std::string& subject() const;

  struct Impl;
  explicit RegistrationPolicy(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace witan
