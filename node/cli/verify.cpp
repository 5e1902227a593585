// witan verify: offline, from files and keys that the verifier trusts.

#include "witness/verify.h"

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "config/file.h"
#include "config/limits.h"
#include "config/trust_file.h"
#include "ledger/crypto/file_digest.h"
#include "ledger/encoding.h"
#include "node/cli/cli.h"
#include "node/cli/files.h"
#include "node/cli/options.h"
#include "node/cli/printable.h"

namespace witan::cli {
namespace {

struct VerifyArguments {
  std::string statement, receipt, policy, artifact, key_set;
  std::vector<std::string> log_keys, issuer_keys;
  bool allow_unknown_issuer = false;
  bool json = false;
};

// A file of the verifier's own that is there but not right is misuse, not a failed check.
Error own_file(const Error& error, const std::string& file) {
  const bool unreadable = error.code == ErrorCode::kNotFound || error.code == ErrorCode::kIo;
  Error out = error.message.find(file) == std::string::npos ? error.within(file) : error;
  if (!unreadable) out.code = ErrorCode::kUsage;
  return out;
}

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

// A vkey, or a file with a vkey or a PEM public key.
Result<void> add_log_key(const std::string& given, VerifyTrust& trust) {
  auto vkey = VerifierKey::parse(given);
  if (!vkey) {
    const auto content = read_text_file(given, limits::kPemFileBytesMax);
    if (!content) {
      if (given.find('+') == std::string::npos || content.error().code != ErrorCode::kNotFound) {
        return fail(content.error());
      }
      return fail(own_file(vkey.error(), "--log-key"));
    }
    if (content->find("-----BEGIN ") != std::string::npos) {
      auto key = PublicKey::from_pem(*content);
      if (!key) return fail(own_file(key.error(), given));
      trust.receipt_keys.push_back(*std::move(key));
      return {};
    }
    vkey = VerifierKey::parse(trimmed(*content));
    if (!vkey) return fail(own_file(vkey.error().within("neither PEM nor vkey"), given));
  }
  trust.log_keys.push_back(*std::move(vkey));
  return {};
}

// Which --policy does not take, and is easily given for it.
bool is_tlog_policy(const std::string& file) {
  const auto text = read_text_file(file, limits::kTlogPolicyBytesMax);
  return text && TlogPolicy::parse(*text);
}

Result<VerifyTrust> trust_from(const VerifyArguments& options) {
  VerifyTrust trust;
  if (!options.policy.empty()) {
    const auto file = TrustFile::load(options.policy);
    if (!file && is_tlog_policy(options.policy)) {
      return fail(ErrorCode::kUsage, options.policy +
                                         ": is a tlog-policy; expected a trust file that names "
                                         "it: [log], tlog_policy_file = \"" +
                                         options.policy + "\"");
    }
    if (!file) return fail(own_file(file.error(), options.policy));
    auto compiled = VerifyTrust::from(*file);
    if (!compiled) return fail(own_file(compiled.error(), options.policy));
    trust = *std::move(compiled);
  }
  for (const std::string& key : options.log_keys) WITAN_TRY(add_log_key(key, trust));
  for (const std::string& file : options.issuer_keys) {
    WITAN_ASSIGN(const std::string pem, read_text_file(file, limits::kPemFileBytesMax));
    auto key = parse_pinned_key(pem);
    if (!key) return fail(own_file(key.error(), file));
    trust.issuer_keys.push_back(*std::move(key));
  }
  trust.allow_unknown_issuer = options.allow_unknown_issuer;
  return trust;
}

// One that is larger than any receipt or statement is read far enough to be refused as such.
Result<Bytes> read_evidence(const std::string& file) {
  return read_bytes(file, limits::kStatementBytesMax + limits::kReceiptBytesMax);
}

void print_json(const VerifyReport& report) {
  nlohmann::ordered_json out;
  out["verified"] = report.verified();
  out["first_failure"] = nullptr;
  if (const Check* failed = report.first_failure()) out["first_failure"] = failed->name;
  if (report.entry) out["id"] = hex_encode(*report.entry);
  if (!report.origin.empty()) out["origin"] = report.origin;
  if (report.size) out["tree_size"] = report.size->value;
  if (report.index) out["leaf_index"] = report.index->value;
  out["checks"] = nlohmann::ordered_json::array();
  for (const Check& check : report.checks) {
    out["checks"].push_back(
        {{"name", check.name}, {"status", to_string(check.status)}, {"detail", check.detail}});
  }
  std::printf("%s\n",
              out.dump(2, ' ', true, nlohmann::ordered_json::error_handler_t::replace).c_str());
}

void print_lines(const VerifyReport& report) {
  for (const Check& check : report.checks) {
    const char* mark = check.status == CheckStatus::kOk       ? "ok  "
                       : check.status == CheckStatus::kFailed ? "FAIL"
                                                              : "skip";
    std::printf("%s %s: %s\n", mark, check.name.c_str(), printable(check.detail).c_str());
  }
  const Check* failed = report.first_failure();
  if (failed == nullptr) {
    std::printf("verified\n");
  } else {
    std::printf("NOT verified: %s: %s\n", failed->name.c_str(), printable(failed->detail).c_str());
  }
}

Result<bool> run_verify(const VerifyArguments& options) {
  WITAN_ASSIGN(const VerifyTrust trust, trust_from(options));
  WITAN_ASSIGN(const Bytes statement, read_evidence(options.statement));
  Bytes receipt, key_set;
  if (!options.receipt.empty()) {
    WITAN_ASSIGN(receipt, read_evidence(options.receipt));
    // The core takes no bytes for "look into the statement".
    if (receipt.empty())
      return fail(ErrorCode::kMalformed, options.receipt + ": the file is empty");
  }
  VerifyInput input;
  input.statement = statement;
  input.receipt = receipt;
  if (!options.key_set.empty()) {
    WITAN_ASSIGN(key_set, read_evidence(options.key_set));
    input.key_set = key_set;
  }
  std::optional<Error> unreadable;
  if (!options.artifact.empty()) {
    input.artifact_digest = [&](std::int64_t algorithm) {
      auto digest = file_digest(options.artifact, algorithm);
      if (!digest && exit_code(digest.error().code) == kExitUnreachable) {
        unreadable = digest.error();
      }
      return digest;
    };
  }
  const VerifyReport report = verify(input, trust);
  if (unreadable) return fail(*unreadable);
  if (options.json) {
    print_json(report);
  } else {
    print_lines(report);
  }
  return report.verified();
}

}  // namespace

void add_verify(Verb& top) {
  auto options = std::make_shared<VerifyArguments>();
  Verb& verb = top.verb("verify", "Check offline who signed a statement and that a log holds it");
  verb.footer(
      "Example: witan verify --statement app.statement --receipt app.receipt \\\n"
      "           --log-key log.vkey --issuer-key ci.pem.pub --artifact app.tar.gz\n"
      "Exit code: 0 verified, 1 not verified, 2 usage, 3 a file could not be read.");
  verb.option("--statement", options->statement, "The signed statement").required();
  verb.option("--receipt", options->receipt,
              "Its receipt or .tlog-proof (default: the receipt inside the statement)");
  Option policy = verb.option(
      "--policy", options->policy,
      "Trust file (TOML): log keys, witnesses, receipt keys, issuers, lowest enclave grade");
  Option log_key = verb.option("--log-key", options->log_keys,
                               "Key of the log: a vkey, or a file with a vkey or with the "
                               "receipt key in PEM (repeatable; all kinds given must agree)");
  policy.excludes(log_key);
  verb.option("--issuer-key", options->issuer_keys,
              "Public key or certificate (PEM) of who signed the statement (repeatable)");
  verb.flag("--allow-unknown-issuer", options->allow_unknown_issuer,
            "Do not fail when no key is known for the statement's issuer");
  verb.option("--artifact", options->artifact, "The file that the statement is about");
  verb.option("--key-set", options->key_set,
              "The log's entry 1 with its receipt, which shows the enclave's grade");
  verb.flag("--json", options->json, "Print JSON");
  verb.needs("--policy or --log-key",
             [options] { return !options->policy.empty() || !options->log_keys.empty(); });
  verb.runs([options] {
    const auto verified = run_verify(*options);
    if (!verified) return report("verify", verified.error());
    return *verified ? kExitDone : kExitCheckFailed;
  });
}

}  // namespace witan::cli
