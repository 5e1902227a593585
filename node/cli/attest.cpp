// witan attest: what a log's enclave states about itself, fetched and judged.

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "config/file.h"
#include "ledger/attestation/evidence.h"
#include "ledger/encoding.h"
#include "ledger/ports/random.h"
#include "node/api/attestation.h"
#include "node/cli/cli.h"
#include "node/cli/files.h"
#include "node/cli/options.h"
#include "node/cli/trust.h"
#include "node/http/client.h"

namespace witan::cli {
namespace {

struct AttestArguments {
  std::string node, nonce, out, ca_file, file, policy;
  std::vector<std::string> log_keys;
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

Facts evidence_facts(const Evidence& evidence) {
  Facts facts{{"grade", std::string(to_string(evidence.grade))},
              {"origin", evidence.origin},
              {"log_key", hex_encode(evidence.note_thumbprint)},
              {"receipt_key", hex_encode(evidence.cose_thumbprint)},
              {"code", hex_encode(evidence.measurement)},
              {"nonce", hex_encode(evidence.nonce)}};
  if (evidence.last) {
    facts.emplace_back("head", "size " + std::to_string(evidence.last->size.value) + ", root " +
                                   base64_encode(evidence.last->root));
  }
  return facts;
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

// Signed by one of the log keys that are trusted; the error is that of the last one.
Result<Evidence> verified_under(BytesView bytes, BytesView nonce, const VerifyTrust& trust) {
  Result<Evidence> out = fail(ErrorCode::kUsage,
                              "no log key to verify the evidence under: give --log-key with a "
                              "vkey, or a --policy that has one");
  std::vector<VerifierKey> keys = trust.log_keys;
  if (trust.tlog_policy) {
    for (const TlogPolicy::Log& log : trust.tlog_policy->logs) keys.push_back(log.key);
  }
  for (const VerifierKey& key : keys) {
    if (key.algorithm != NoteAlgorithm::kEd25519) continue;
    out = verify_evidence(bytes, nonce, key);
    if (out) break;
  }
  return out;
}

Result<Facts> verify_attestation(const AttestArguments& options) {
  WITAN_ASSIGN(const VerifyTrust trust, read_trust(options.policy, options.log_keys));
  WITAN_ASSIGN(const Bytes bytes, read_bytes(options.file, kEvidenceBytesMax));
  const auto parsed = SignedEvidence::parse(bytes);
  if (!parsed) {
    return fail(parsed.error().within(options.file + ": expected evidence of a Witan enclave"));
  }
  Bytes nonce = parsed->evidence.nonce;
  if (!options.nonce.empty()) {
    WITAN_ASSIGN(nonce, attest_nonce(options.nonce));
  }
  auto evidence = verified_under(bytes, nonce, trust);
  if (!evidence) return fail(evidence.error().within(options.file));
  if (trust.origin && *trust.origin != evidence->origin) {
    return fail(ErrorCode::kBadIdentity, options.file + ": evidence about the log " +
                                             evidence->origin + ", the policy accepts only " +
                                             *trust.origin);
  }
  if (trust.lowest_grade &&
      static_cast<int>(evidence->grade) < static_cast<int>(*trust.lowest_grade)) {
    return fail(ErrorCode::kRefused, options.file + ": grade " +
                                         std::string(to_string(evidence->grade)) +
                                         ", the policy asks for at least " +
                                         std::string(to_string(*trust.lowest_grade)));
  }
  Facts facts{{"verified", "yes"}};
  for (auto& fact : evidence_facts(*evidence)) facts.push_back(std::move(fact));
  facts.emplace_back("fresh", options.nonce.empty()
                                  ? "not checked: give the --nonce that it was fetched with"
                                  : "yes: it is over the nonce given");
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
      "Example: witan attest verify log.evidence --log-key log.vkey --nonce 5f1c...\n"
      "Exit code: 0 verified, 1 not verified, 2 usage, 3 a file could not be read.");
  verb.option("file", options->file, "The evidence").required();
  Option log_key = verb.option("--log-key", options->log_keys,
                               "Key of the log: a vkey, or a file with one (repeatable)");
  Option policy = verb.option("--policy", options->policy,
                              "Trust file (TOML) with the log's key and the lowest grade");
  policy.excludes(log_key);
  verb.option("--nonce", options->nonce, "The nonce that it was fetched with, in hex");
  verb.flag("--json", options->json, "Print JSON");
  verb.needs("--policy or --log-key",
             [options] { return !options->policy.empty() || !options->log_keys.empty(); });
  verb.runs([options] { return print_attest(verify_attestation(*options), options->json); });
}

}  // namespace

void add_attest(Verb& top) {
  auto options = std::make_shared<AttestArguments>();
  Verb& verb = top.verb("attest", "Evidence of what holds a log's keys: fetch it, verify it");
  add_attest_fetch(verb, options);
  add_attest_verify(verb, options);
}

}  // namespace witan::cli
