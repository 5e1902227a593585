#include "config/witness_config.h"

#include <cstdint>
#include <sstream>
#include <utility>

#include "config/toml_reader.h"

namespace witan {
namespace {

// A basic TOML string of text without control characters.
std::string quoted_toml(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

Result<void> read_submission(TomlTable& table, WitnessConfig& config) {
  constexpr std::int64_t kRateMax = 1'000'000;
  WITAN_ASSIGN(const auto rate, table.integer("rate_per_s", 0, kRateMax));
  if (rate) config.rate_per_s = static_cast<double>(*rate);
  WITAN_ASSIGN(const auto burst, table.integer("burst", 1, kRateMax));
  if (burst) config.burst = static_cast<double>(*burst);
  return table.no_other_keys();
}

bool is_http_url(std::string_view text) {
  const bool scheme = text.starts_with("https://") || text.starts_with("http://");
  const bool host = text.find("//") + 2 < text.size();
  return scheme && host && text.find_first_of(" \t\"<>\\?#") == std::string_view::npos;
}

}  // namespace

Result<WitnessConfig> WitnessConfig::parse(std::string_view toml, std::string_view file_name) {
  WitnessConfig config;
  WITAN_ASSIGN(TomlTable root, TomlTable::parse(toml, file_name));
  WITAN_ASSIGN(config.name, root.required_string("name"));
  if (config.name.empty()) return fail(root.error("name", "must not be empty"));
  WITAN_ASSIGN(auto listen, root.string("listen"));
  if (listen) config.listen = std::move(*listen);
  WITAN_ASSIGN(config.url, root.string("url"));
  if (config.url && !is_http_url(*config.url)) {
    return fail(root.error("url", "expected http(s)://host[:port][/prefix]"));
  }
  WITAN_ASSIGN(const auto io_threads, root.integer("io_threads", 1, 64));
  if (io_threads) config.io_threads = static_cast<unsigned>(*io_threads);

  WITAN_ASSIGN(auto tls, root.table("tls"));
  if (tls) {
    WITAN_ASSIGN(config.tls_certificate, tls->required_string("certificate"));
    WITAN_ASSIGN(config.tls_key, tls->required_string("key"));
    WITAN_TRY(tls->no_other_keys());
  }
  WITAN_ASSIGN(auto submission, root.table("submission"));
  if (submission) WITAN_TRY(read_submission(*submission, config));
  WITAN_TRY(root.no_other_keys());
  return config;
}

std::string WitnessConfig::encode() const {
  std::ostringstream out;
  out << "# Configuration of a Witan witness. The logs that it cosigns are not listed here:\n"
         "# `witan witness add-log`, `pull-logs` and `list` keep them, while it runs too.\n\n"
         "# Its name, as in its cosignatures. Fixed for ever: the enclave holds it too.\n"
      << "name = " << quoted_toml(name) << "\n"
      << "# ADDRESS:PORT; port 0 takes a free one.\n"
      << "listen = " << quoted_toml(listen) << "\n"
      << "# Where the world reaches it, as /witness.v0.json says.\n"
      << (url ? "url = " + quoted_toml(*url) : std::string("# url = \"https://example.com\""))
      << "\n# Threads that answer requests.\n"
      << "io_threads = " << io_threads << "\n\n";
  if (tls_certificate && tls_key) {
    out << "[tls]\ncertificate = " << quoted_toml(*tls_certificate)
        << "\nkey = " << quoted_toml(*tls_key) << "\n\n";
  } else {
    out << "# TLS 1.3. Paths are relative to this folder; the key's mode must be 0600.\n"
           "# [tls]\n# certificate = \"tls-chain.pem\"\n# key = \"tls-key.pem\"\n\n";
  }
  out << "[submission]\n"
         "# Checkpoints a second for each client address, and how many at once; 0 = no limit.\n"
         "# A log's own limit a day is set with its key: `witan witness add-log --qpd N`.\n"
      << "rate_per_s = " << static_cast<std::int64_t>(rate_per_s) << "\n"
      << "burst = " << static_cast<std::int64_t>(burst) << "\n";
  return out.str();
}

}  // namespace witan
