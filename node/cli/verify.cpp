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
#include "ledger/crypto/file_digest.h"
#include "ledger/encoding.h"
#include "node/cli/cli.h"
#include "node/cli/files.h"
#include "node/cli/options.h"
#include "node/cli/printable.h"
#include "node/cli/trust.h"

namespace witan::cli {
namespace {

struct VerifyArguments {
  std::string statement, receipt, policy, artifact, key_set;
  std::vector<std::string> log_keys, issuer_keys;
  bool allow_unknown_issuer = false;
  bool json = false;
};

Result<VerifyTrust> trust_from(const VerifyArguments& options) {
  WITAN_ASSIGN(VerifyTrust trust, read_trust(options.policy, options.log_keys));
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
