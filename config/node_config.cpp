#include "config/node_config.h"

#include <algorithm>
#include <sstream>

#include "config/toml_reader.h"

namespace witan {
namespace {

// A basic TOML string: the escapes that any text may need.
std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

bool is_sha256_hex(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Result<void> read_registration(TomlTable& table, NodeConfig& config) {
  constexpr std::int64_t kRateMax = 1'000'000;
  WITAN_ASSIGN(const auto rate, table.integer("rate_per_s", 0, kRateMax));
  if (rate) config.rate_per_s = static_cast<double>(*rate);
  WITAN_ASSIGN(const auto burst, table.integer("burst", 1, kRateMax));
  if (burst) config.burst = static_cast<double>(*burst);
  WITAN_ASSIGN(const auto wait, table.integer("wait_ms", 0, 300'000));
  if (wait) config.wait = std::chrono::milliseconds(*wait);
  WITAN_ASSIGN(auto tokens, table.tables("token"));
  for (TomlTable& entry : tokens) {
    TokenConfig token;
    WITAN_ASSIGN(token.name, entry.required_string("name"));
    WITAN_ASSIGN(token.sha256_hex, entry.required_string("sha256"));
    if (!is_sha256_hex(token.sha256_hex)) {
      return fail(
          entry.error("sha256", "expected 64 lowercase hex characters, the SHA-256 of the token"));
    }
    WITAN_TRY(entry.no_other_keys());
    config.tokens.push_back(std::move(token));
  }
  return table.no_other_keys();
}

Result<void> read_witnesses(TomlTable& table, NodeConfig& config) {
  constexpr std::int64_t kDayMs = 86'400'000;
  constexpr std::string_view kHold = "hold", kPublish = "publish-unwitnessed";
  WitnessesConfig out;
  WITAN_ASSIGN(out.policy, table.required_string("policy"));
  if (out.policy.empty()) return fail(table.error("policy", "must not be empty"));
  WITAN_ASSIGN(out.ca, table.string("ca"));
  WITAN_ASSIGN(const auto deadline, table.integer("deadline_ms", 100, 60'000));
  if (deadline) out.deadline = std::chrono::milliseconds(*deadline);
  WITAN_ASSIGN(const auto beyond, table.integer("beyond_quorum_ms", 0, 60'000));
  if (beyond) out.beyond_quorum = std::chrono::milliseconds(*beyond);
  WITAN_ASSIGN(const auto interval, table.integer("head_interval_ms", 0, kDayMs));
  if (interval) out.head_interval = std::chrono::milliseconds(*interval);
  WITAN_ASSIGN(const auto without, table.string("without_quorum"));
  WITAN_ASSIGN(const auto after, table.integer("unwitnessed_after_ms", 100, kDayMs));
  if (without && *without != kHold && *without != kPublish) {
    return fail(
        table.error("without_quorum",
                    "expected \"hold\" or \"publish-unwitnessed\", found \"" + *without + "\""));
  }
  const bool publishes = without == kPublish;
  if (publishes != after.has_value()) {
    return fail(publishes ? table.error("",
                                        "without_quorum = \"publish-unwitnessed\" needs "
                                        "unwitnessed_after_ms, how long to wait first")
                          : table.error("unwitnessed_after_ms",
                                        "means nothing unless without_quorum is "
                                        "\"publish-unwitnessed\""));
  }
  if (after) out.publish_unwitnessed_after = std::chrono::milliseconds(*after);
  config.witnesses = std::move(out);
  return table.no_other_keys();
}

void write_witnesses(std::ostream& out, const std::optional<WitnessesConfig>& witnesses) {
  out << "\n# Checkpoints are published when the quorum of a C2SP tlog-policy has cosigned them. "
         "Its log\n"
         "# line is this log's (log.vkey); each witness line needs a URL.\n";
  if (!witnesses) {
    out << "# [witnesses]\n"
           "# policy = \"witnesses.policy\"\n"
           "# How long a witness has to answer, and how long the rest is waited for after the "
           "quorum.\n"
           "# deadline_ms = 5000\n"
           "# beyond_quorum_ms = 100\n"
           "# Heads are at least so far apart. A witness of the public network cosigns only so "
           "many "
           "a day:\n"
           "# 600000 makes at most 144 of them. Statements wait for the next head, and share it.\n"
           "# head_interval_ms = 0\n"
           "# \"hold\": nothing is published without quorum, and receipts wait. "
           "\"publish-unwitnessed\":\n"
           "# after unwitnessed_after_ms it is, and /status says so.\n"
           "# without_quorum = \"hold\"\n";
    return;
  }
  out << "[witnesses]\npolicy = " << toml_string(witnesses->policy) << "\n";
  if (witnesses->ca) out << "ca = " << toml_string(*witnesses->ca) << "\n";
  out << "deadline_ms = " << witnesses->deadline.count() << "\n"
      << "beyond_quorum_ms = " << witnesses->beyond_quorum.count() << "\n"
      << "head_interval_ms = " << witnesses->head_interval.count() << "\n";
  if (witnesses->publish_unwitnessed_after) {
    out << "without_quorum = \"publish-unwitnessed\"\nunwitnessed_after_ms = "
        << witnesses->publish_unwitnessed_after->count() << "\n";
  } else {
    out << "without_quorum = \"hold\"\n";
  }
}

void write_witness(std::ostream& out, const std::optional<std::string>& dir) {
  out << "\n# This node can be a witness of other logs too, at /witness. The folder is made by\n"
         "# `witan witness init`, with a name of its own; logs are added with `witan witness "
         "add-log`.\n";
  out << (dir ? "" : "# ") << "[witness]\n"
      << (dir ? "" : "# ") << "dir = " << toml_string(dir.value_or("witness")) << "\n";
}

}  // namespace

Result<NodeConfig> NodeConfig::parse(std::string_view toml, std::string_view file_name) {
  NodeConfig config;
  WITAN_ASSIGN(TomlTable root, TomlTable::parse(toml, file_name));
  WITAN_ASSIGN(config.origin, root.required_string("origin"));
  WITAN_ASSIGN(config.issuer, root.required_string("issuer"));
  if (config.origin.empty()) return fail(root.error("origin", "must not be empty"));
  if (config.issuer.empty()) return fail(root.error("issuer", "must not be empty"));
  WITAN_ASSIGN(auto listen, root.string("listen"));
  if (listen) config.listen = std::move(*listen);
  WITAN_ASSIGN(const auto io_threads, root.integer("io_threads", 1, 64));
  if (io_threads) config.io_threads = static_cast<unsigned>(*io_threads);
  WITAN_ASSIGN(const auto verify_threads, root.integer("verify_threads", 1, 64));
  if (verify_threads) config.verify_threads = static_cast<unsigned>(*verify_threads);

  WITAN_ASSIGN(auto tls, root.table("tls"));
  if (tls) {
    WITAN_ASSIGN(config.tls_certificate, tls->required_string("certificate"));
    WITAN_ASSIGN(config.tls_key, tls->required_string("key"));
    WITAN_TRY(tls->no_other_keys());
  }
  WITAN_ASSIGN(auto registration, root.table("registration"));
  if (registration) WITAN_TRY(read_registration(*registration, config));
  WITAN_ASSIGN(auto witnesses, root.table("witnesses"));
  if (witnesses) WITAN_TRY(read_witnesses(*witnesses, config));
  WITAN_ASSIGN(auto witness, root.table("witness"));
  if (witness) {
    WITAN_ASSIGN(config.witness_dir, witness->required_string("dir"));
    if (config.witness_dir->empty()) return fail(witness->error("dir", "must not be empty"));
    WITAN_TRY(witness->no_other_keys());
  }
  WITAN_ASSIGN(auto enclave, root.table("enclave"));
  if (enclave) {
    WITAN_ASSIGN(config.enclave, read_enclave_config(*enclave));
  }
  WITAN_TRY(root.no_other_keys());
  return config;
}

std::string NodeConfig::encode() const {
  std::ostringstream out;
  out << "# Configuration of a Witan node. What may be registered is not decided here but by the\n"
         "# registration policy, which is entry 0 of the log (a copy: policy.toml).\n\n"
         "# The log's name, as in its checkpoints. Fixed for ever: the enclave holds it too.\n"
      << "origin = " << toml_string(origin) << "\n"
      << "# The issuer that receipts name. Fixed for ever too.\n"
      << "issuer = " << toml_string(issuer) << "\n"
      << "# ADDRESS:PORT; port 0 takes a free one.\n"
      << "listen = " << toml_string(listen) << "\n"
      << "# Threads that answer requests, and threads that check statements.\n"
      << "io_threads = " << io_threads << "\n"
      << "verify_threads = " << verify_threads << "\n\n";
  if (tls_certificate && tls_key) {
    out << "[tls]\ncertificate = " << toml_string(*tls_certificate)
        << "\nkey = " << toml_string(*tls_key) << "\n\n";
  } else {
    out << "# TLS 1.3. Paths are relative to this folder; the key's mode must be 0600.\n"
           "# [tls]\n# certificate = \"tls-chain.pem\"\n# key = \"tls-key.pem\"\n\n";
  }
  out << "[registration]\n"
         "# Registrations a second for each client address, and how many at once; 0 = no limit.\n"
      << "rate_per_s = " << static_cast<std::int64_t>(rate_per_s) << "\n"
      << "burst = " << static_cast<std::int64_t>(burst) << "\n"
      << "# How long a POST waits for its receipt before it is answered 202.\n"
      << "wait_ms = " << wait.count() << "\n";
  if (tokens.empty()) {
    out << "# With tokens, only their bearers may register. sha256 is the token's hash in hex.\n"
           "# [[registration.token]]\n# name = \"build farm\"\n# sha256 = \"...\"\n";
  }
  for (const TokenConfig& token : tokens) {
    out << "[[registration.token]]\nname = " << toml_string(token.name)
        << "\nsha256 = " << toml_string(token.sha256_hex) << "\n";
  }
  write_witnesses(out, witnesses);
  write_witness(out, witness_dir);
  write_enclave_config(out, enclave);
  return out.str();
}

}  // namespace witan
