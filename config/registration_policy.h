#pragma once
// The registration policy as text: a TOML file, which is itself entry 0 of a log and therefore
// holds everything that it needs (keys and certificates as inline PEM, no paths).
//
//   version = 1
//   [admin]
//   keys = ["""-----BEGIN PUBLIC KEY----- ..."""]   # may replace this policy
//   [accept]
//   algorithms = ["ES256", "EdDSA"]                 # default: all that Witan verifies
//   max_statement_bytes = 1048576
//   hash_envelope_only = false
//   subjects = ["*"]
//   content_types = ["*"]
//   check_time = "none"
//   [[issuer]]
//   name = "https://example.com"                    # exact, or a pattern with '*'
//   keys = ["""-----BEGIN PUBLIC KEY----- ..."""]   # or certificates, whose keys count
//   anchors = ["""-----BEGIN CERTIFICATE----- ..."""]
//   subjects = ["pkg:*"]                            # besides accept.subjects
//   [issuer.attested]                               # did:attestedsvc issuers, in place of keys
//   measurements = ["<96 hexadecimal digits>"]
//   host_data = ["<64 hexadecimal digits>"]
//   minimum_tcb = ["Milan 4.0.24.219"]
//   uvm_issuer = "did:x509:..."
//   uvm_feed = "ContainerPlat-AMD-UVM"
//   uvm_svn_min = 101
//   without_subject = false
//
// What the rules mean, and how refusals name them, is in ledger/registration/policy.h. Here only
// shape and bounds are checked; PEM and algorithm names are looked at when the policy is compiled.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/limits.h"
#include "config/result.h"

namespace witan {

// Whether certificates must have been valid when the statement says that it was made.
enum class CheckTime {
  // Validity periods are not looked at: the log records who signed, and an old chain stays
  // verifiable for whoever replays the log.
  kNone,
  // The statement must carry iat (CWT claim 6), and every certificate must be valid then. The
  // signer chooses iat, so this catches mistakes and expired chains, not a thief who backdates.
  kIat,
};

// What the hardware evidence of a did:attestedsvc statement must say (AMD SEV-SNP). An empty list
// or text allows everything, but measurements, or uvm_issuer, uvm_feed and host_data, must be
// given. Guests that can be debugged, migrated or are not at VMPL 0 are always refused.
struct AttestedServiceRule {
  std::vector<std::string> measurements;  // of the guest at launch
  std::vector<std::string> host_data;     // such as the digest of a container policy
  // A product and its least patch levels: boot loader, TEE, SNP, microcode; for Turin FMC first.
  std::vector<std::string> minimum_tcb;
  std::string uvm_issuer;  // who endorses the measurement of the utility VM
  std::string uvm_feed;
  std::uint64_t uvm_svn_min = 0;
  bool without_subject = false;  // accepts statements without sub, against RFC 9943

  friend bool operator==(const AttestedServiceRule&, const AttestedServiceRule&) = default;
};

struct IssuerRule {
  std::string name;                   // exact, or a pattern with '*'
  std::vector<std::string> keys;      // PEM: public keys or certificates
  std::vector<std::string> anchors;   // PEM: certificates; one string may hold several
  std::vector<std::string> subjects;  // patterns; empty: only accept.subjects counts
  std::optional<AttestedServiceRule> attested = std::nullopt;

  friend bool operator==(const IssuerRule&, const IssuerRule&) = default;
};

struct RegistrationPolicyConfig {
  std::vector<std::string> admin_keys;  // PEM, at least one
  // Names as in algorithm_from_name().
  std::vector<std::string> algorithms = {"ES256", "ES384", "ES512", "PS256",
                                         "PS384", "PS512", "EdDSA"};
  std::size_t max_statement_bytes = limits::kStatementBytesDefault;
  bool hash_envelope_only = false;
  std::vector<std::string> subjects = {"*"};
  std::vector<std::string> content_types = {"*"};
  CheckTime check_time = CheckTime::kNone;
  std::vector<IssuerRule> issuers;

  friend bool operator==(const RegistrationPolicyConfig&,
                         const RegistrationPolicyConfig&) = default;
};

// From TOML text; the file name is for messages, which name file, line and key. kMalformed,
// kUsage, kTooLarge.
[[nodiscard]] Result<RegistrationPolicyConfig> parse_registration_policy(
    std::string_view text, std::string_view file_name);

// A policy file that parses to the same values. Values must be UTF-8 without NUL.
[[nodiscard]] std::string encode(const RegistrationPolicyConfig& policy);

// Whether the text matches the pattern: '*' stands for any run of characters (none included),
// everything else for itself. At most text times pattern steps, without recursion.
[[nodiscard]] bool matches_pattern(std::string_view pattern, std::string_view text);

}  // namespace witan
