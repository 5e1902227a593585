#pragma once
// The trust file: everything a verifier must know beforehand, `witan verify --policy F`. TOML:
//
//   [log]
//   origin = "log.example/2026"         # optional; the only log that is accepted
//   tlog_policy_file = "log.policy"     # optional; C2SP tlog-policy: log keys, witnesses, quorum
//   # tlog_policy = '''...'''           # or the same inline
//   receipt_keys = ["receipt-key.pem"]  # keys of COSE receipts
//   lowest_grade = "process"            # optional: "sim", "process", "tpm" or "tee"
//
//   [[issuer]]
//   name = "https://ci.example/*"       # exact, or any that start so with one '*' at the end
//   keys = ["ci.pem"]                   # keys (or certificates holding them) that sign directly
//   anchors = ["ca.pem"]                # certificates that issuers' chains must lead to
//
// Each key and anchor is PEM text ("-----BEGIN PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----") or
// the path of a PEM file, relative to the trust file. [log] needs a policy or receipt keys, an
// issuer needs keys or anchors; the witnesses that are required are the quorum of the policy.
// Unknown keys are refused.

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/result.h"

namespace witan {

// How well a log's signer is kept, worst first; compared by value.
enum class TrustGrade { kSim = 0, kProcess = 1, kTpm = 2, kTee = 3 };
[[nodiscard]] std::string_view to_string(TrustGrade grade);
// "sim", "process", "tpm", "tee".
[[nodiscard]] std::optional<TrustGrade> trust_grade_from_name(std::string_view name);

struct TrustFile {
  struct Issuer {
    std::string name;                  // as written, with its '*'
    std::vector<std::string> keys;     // PEM texts
    std::vector<std::string> anchors;  // PEM texts
    // Whether a statement's issuer is this one.
    [[nodiscard]] bool matches(std::string_view issuer) const;
  };

  std::optional<std::string> origin;
  // The text of the tlog-policy, unparsed, and where it came from, for messages.
  std::optional<std::string> tlog_policy;
  std::string tlog_policy_source;
  std::vector<std::string> receipt_keys;  // PEM texts
  std::optional<TrustGrade> lowest_grade;
  std::vector<Issuer> issuers;  // in the file's order

  // Gives the content of a file named in the text.
  using Reader = std::function<Result<std::string>(const std::string& path, std::size_t max_bytes)>;

  // kMalformed (TOML), kUsage naming file, line and key; errors of the reader with the same.
  static Result<TrustFile> parse(std::string_view text, std::string_view file_name,
                                 const Reader& reader);
  // Reads the file and those it names.
  static Result<TrustFile> load(const std::string& path);

  // The first issuer entry with this exact name, else the one with the longest matching pattern;
  // nullptr when there is none.
  [[nodiscard]] const Issuer* find_issuer(std::string_view issuer) const;
};

}  // namespace witan
