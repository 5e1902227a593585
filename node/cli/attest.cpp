// witan attest: what a log's enclave states about itself, fetched and judged.

#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "config/file.h"
#include "config/limits.h"
#include "ledger/attestation/evidence.h"
#include "ledger/encoding.h"
#include "ledger/ports/random.h"
#include "node/api/attestation.h"
#include "node/cli/attest_verify.h"
#include "node/cli/cli.h"
#include "node/cli/files.h"
#include "node/cli/options.h"
#include "node/cli/trust.h"
#include "node/http/client.h"

namespace witan::cli {
namespace {

// The end of the year 9999.
constexpr std::uint64_t kAttestTimeMax = 253'402'300'799;

struct AttestArguments {
  std::string node, nonce, out, ca_file, file, policy, at;
  std::vector<std::string> log_keys, endorsements;
  bool json = false;
};

Result<Bytes> attest_nonce(const std::string& hex) {
  auto nonce = hex_decode(hex);
  if (!nonce) return fail(ErrorCode::kUsage, "--nonce: " + nonce.error().message);
  if (nonce->size() <= kEvidenceNonceBytesMax) return nonce;
  return fail(ErrorCode::kUsage, "--nonce: " + std::to_string(nonce->size()) +
                                     " bytes, expected at most " +
                                     std::to_string(kEvidenceNonceBytesMax));
}

Result<Facts> fetch_evidence(const AttestArguments& options) {
  Bytes nonce(32);
  system_random().fill(nonce);
  if (!options.nonce.empty()) {
    WITAN_ASSIGN(nonce, attest_nonce(options.nonce));
  }
  http::ClientOptions client_options;
  client_options.body_bytes_max = kEvidenceBytesMax;
  if (!options.ca_file.empty()) client_options.ca_file = options.ca_file;
  WITAN_ASSIGN(const auto client, http::Client::make(options.node, client_options));
  const std::string path(api::AttestationApi::kPath);
  WITAN_ASSIGN(const auto response, client->get(path + "?nonce=" + hex_encode(nonce)));
  if (response.status != 200) {
    return fail(ErrorCode::kUnavailable, options.node + path + " answered HTTP status " +
                                             std::to_string(response.status) + ", expected 200");
  }
  const auto evidence = SignedEvidence::parse(response.body);
  if (!evidence) return fail(evidence.error().within(options.node + path));
  if (evidence->evidence.nonce != nonce) {
    return fail(ErrorCode::kStale, options.node + path + ": evidence over the nonce " +
                                       hex_encode(evidence->evidence.nonce) + ", expected " +
                                       hex_encode(nonce));
  }
  WITAN_TRY(write_file_atomic(options.out, as_text(response.body), 0644));
  return Facts{{"evidence", options.out},
               {"nonce", hex_encode(nonce)},
               {"grade", std::string(to_string(evidence->evidence.grade)) + " (not verified yet)"}};
}

// "2026-03-01", "2026-03-01T12:00:00Z", or seconds since 1970; now when empty.
Result<std::int64_t> attest_time(const std::string& text) {
  if (text.empty()) return static_cast<std::int64_t>(std::time(nullptr));
  if (const auto seconds = decimal_decode(text)) {
    if (*seconds <= kAttestTimeMax) return static_cast<std::int64_t>(*seconds);
  }
  for (const char* format : {"%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"}) {
    std::tm parts{};
    const char* end = ::strptime(text.c_str(), format, &parts);
    if (end != nullptr && *end == '\0') return static_cast<std::int64_t>(::timegm(&parts));
  }
  return fail(ErrorCode::kUsage, "--at: \"" + text +
                                     "\", expected a date (2026-03-01), a time "
                                     "(2026-03-01T12:00:00Z) or seconds since 1970");
}

Result<Facts> judge_file(const AttestArguments& options) {
  AttestationInput input;
  WITAN_ASSIGN(input.trust, read_trust(options.policy, options.log_keys));
  WITAN_ASSIGN(input.time_s, attest_time(options.at));
  if (!options.nonce.empty()) {
    WITAN_ASSIGN(input.nonce, attest_nonce(options.nonce));
  }
  for (const std::string& file : options.endorsements) {
    WITAN_ASSIGN(Bytes bytes, read_bytes(file, limits::kPemFileBytesMax));
    input.endorsements.push_back(std::move(bytes));
  }
  WITAN_ASSIGN(input.evidence, read_bytes(options.file, limits::kPemFileBytesMax));
  auto facts = verify_attestation(input);
  if (!facts) return fail(facts.error().within(options.file));
  return facts;
}

int print_attest(const Result<Facts>& facts, bool as_json) {
  if (!facts) return report("attest", facts.error());
  print_facts(*facts, as_json);
  return kExitDone;
}

void add_attest_fetch(Verb& top, const std::shared_ptr<AttestArguments>& options) {
  Verb& verb = top.verb("fetch", "Ask a node's enclave for evidence over a fresh nonce");
  verb.footer("Example: witan attest fetch --node https://log.example -o log.evidence");
  verb.option("--node", options->node, "URL of the node").required();
  verb.option("-o,--out", options->out, "Where the evidence goes").required();
  verb.option("--nonce", options->nonce, "Up to 64 bytes in hex (default: 32 random ones)");
  verb.option("--ca", options->ca_file,
              "CA certificates (PEM) to trust for https, besides the system's");
  verb.flag("--json", options->json, "Print JSON");
  verb.runs([options] { return print_attest(fetch_evidence(*options), options->json); });
}

void add_attest_verify(Verb& top, const std::shared_ptr<AttestArguments>& options) {
  Verb& verb = top.verb("verify", "Check evidence offline: whose keys, which code, which grade");
  verb.footer(
      "Examples: witan attest verify log.evidence --log-key log.vkey --nonce 5f1c...\n"
      "          witan attest verify report.bin --endorsements vcek.pem --endorsements "
      "ask-ark.pem\n"
      "Exit code: 0 verified, 1 not verified, 2 usage, 3 a file could not be read.");
  verb.option("file", options->file, "The evidence").required();
  Option log_key = verb.option("--log-key", options->log_keys,
                               "Key of the log: a vkey, or a file with one (repeatable)");
  Option policy = verb.option("--policy", options->policy,
                              "Trust file (TOML) with the log's key and the lowest grade");
  policy.excludes(log_key);
  verb.option("--nonce", options->nonce, "The nonce that it was fetched with, in hex");
  verb.option("--endorsements", options->endorsements,
              "Certificates (PEM or DER) of who made the hardware (repeatable)");
  verb.option("--at", options->at,
              "When certificates must be valid: a date or time (default: now)");
  verb.flag("--json", options->json, "Print JSON");
  verb.runs([options] { return print_attest(judge_file(*options), options->json); });
}

}  // namespace

void add_attest(Verb& top) {
  auto options = std::make_shared<AttestArguments>();
  Verb& verb = top.verb("attest", "Evidence of what holds a log's keys: fetch it, verify it");
  add_attest_fetch(verb, options);
  add_attest_verify(verb, options);
}

}  // namespace witan::cli
