#include "config/witness_config.h"

#include <cstddef>
#include <cstdint>
#include <set>
#include <sstream>
#include <utility>

#include "config/feed_limits.h"
#include "config/limits.h"
#include "config/toml_reader.h"

namespace witan {
namespace {

constexpr std::int64_t kListRefreshSecondsMin = 60;
constexpr std::int64_t kListRefreshSecondsMax = std::int64_t{7} * 86'400;
constexpr std::int64_t kFeedEverySecondsMax = std::int64_t{7} * 86'400;

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

Result<void> read_lists(TomlTable& table, WitnessConfig& config) {
  WITAN_ASSIGN(config.list_sources, table.strings("sources"));
  if (config.list_sources.size() > limits::kLogListsMax) {
    return fail(table.error("sources", "at most " + std::to_string(limits::kLogListsMax) +
                                           " lists, found " +
                                           std::to_string(config.list_sources.size())));
  }
  std::set<std::string_view> seen;
  for (const std::string& source : config.list_sources) {
    if (source.empty() || !seen.insert(source).second) {
      return fail(table.error("sources", "\"" + source + "\" is empty or there twice"));
    }
  }
  WITAN_ASSIGN(const auto refresh,
               table.integer("refresh_s", kListRefreshSecondsMin, kListRefreshSecondsMax));
  if (refresh) config.list_refresh_s = static_cast<std::uint32_t>(*refresh);
  WITAN_ASSIGN(config.list_ca, table.string("ca"));
  return table.no_other_keys();
}

Result<void> read_feeding(TomlTable& table, WitnessConfig& config) {
  WITAN_ASSIGN(const auto every, table.integer("every_s", 1, kFeedEverySecondsMax));
  if (every) config.feed_every_s = static_cast<std::uint32_t>(*every);
  WITAN_ASSIGN(const auto threads, table.integer("threads", 0, 256));
  if (threads) config.feed_threads = static_cast<unsigned>(*threads);
  WITAN_ASSIGN(config.feed_ca, table.string("ca"));
  return table.no_other_keys();
}

// The sections that a witness has only when it reads lists or logs by itself.
void write_background(std::ostringstream& out, const WitnessConfig& config) {
  out << "\n[lists]\n"
         "# Lists of logs (files or URLs; as `pull-logs` takes them) that are read again and "
         "again.\n"
         "# Logs are only added: none is ever changed or removed.\n"
         "sources = [";
  for (std::size_t i = 0; i < config.list_sources.size(); ++i) {
    out << (i == 0 ? "" : ", ") << quoted_toml(config.list_sources[i]);
  }
  out << "]\nrefresh_s = " << config.list_refresh_s
      << "\n# CA certificates (PEM) to trust for https, besides the system's.\n"
      << (config.list_ca ? "ca = " + quoted_toml(*config.list_ca)
                         : std::string("# ca = \"ca.pem\""))
      << "\n\n[feeding]\n"
         "# Logs added with --url are read every so many seconds, and cosigned when they have "
         "grown.\n"
         "# At most so many are read at once; 0 switches it off.\n"
         "every_s = "
      << config.feed_every_s << "\nthreads = " << config.feed_threads << "\n"
      << (config.feed_ca ? "ca = " + quoted_toml(*config.feed_ca)
                         : std::string("# ca = \"ca.pem\""))
      << "\n";
}

bool is_http_url(std::string_view text) {
  const bool scheme = text.starts_with("https://") || text.starts_with("http://");
  const bool host = text.find("//") + 2 < text.size();
  return scheme && host && text.find_first_of(" \t\"<>\\?#") == std::string_view::npos;
}

Result<BastionConfig> read_bastion(TomlTable& table) {
  constexpr std::int64_t kRateMax = 1'000'000;
  BastionConfig bastion;
  WITAN_ASSIGN(bastion.url, table.required_string("url"));
  if (!bastion.url.starts_with("https://") || !is_http_url(bastion.url)) {
    return fail(table.error("url", "expected https://host[:port][/prefix]"));
  }
  WITAN_ASSIGN(bastion.connect, table.string("connect"));
  if (bastion.connect && (bastion.connect->find('/') != std::string::npos ||
                          !is_http_url("https://" + *bastion.connect))) {
    return fail(table.error("connect", "expected HOST:PORT"));
  }
  WITAN_ASSIGN(bastion.ca, table.string("ca"));
  WITAN_ASSIGN(const auto rate, table.integer("rate_per_s", 0, kRateMax));
  if (rate) bastion.rate_per_s = static_cast<double>(*rate);
  WITAN_ASSIGN(const auto burst, table.integer("burst", 1, kRateMax));
  if (burst) bastion.burst = static_cast<double>(*burst);
  WITAN_TRY(table.no_other_keys());
  return bastion;
}

Result<void> read_bastions(TomlTable& root, WitnessConfig& config) {
  WITAN_ASSIGN(auto tables, root.tables("bastion"));
  if (tables.size() > limits::kBastionsMax) {
    return fail(root.error("bastion", "found " + std::to_string(tables.size()) +
                                          ", expected at most " +
                                          std::to_string(limits::kBastionsMax)));
  }
  for (TomlTable& table : tables) {
    WITAN_ASSIGN(BastionConfig bastion, read_bastion(table));
    for (const BastionConfig& other : config.bastions) {
      if (other.url == bastion.url) return fail(table.error("url", "is there twice"));
    }
    config.bastions.push_back(std::move(bastion));
  }
  if (!config.listens() && config.bastions.empty()) {
    return fail(root.error("listen", "\"none\" needs a [[bastion]]: nothing could reach it"));
  }
  return {};
}

void write_bastions(std::ostringstream& out, const WitnessConfig& config) {
  out << "\n# Bastions (C2SP https-bastion): the witness connects to them and answers what they\n"
         "# forward, so that it needs no open port. Their operators must know the SHA-256 of its\n"
         "# bastion key (`witan witness status` shows it). Changes here need a restart.\n";
  const BastionConfig usual;
  const auto write = [&](const BastionConfig& bastion, const char* mark) {
    out << mark << "[[bastion]]\n" << mark << "url = " << quoted_toml(bastion.url) << "\n";
    if (bastion.connect) out << mark << "connect = " << quoted_toml(*bastion.connect) << "\n";
    if (bastion.ca) out << mark << "ca = " << quoted_toml(*bastion.ca) << "\n";
    out << mark << "# Requests a second from all its clients together; 0 = no limit.\n"
        << mark << "rate_per_s = " << static_cast<std::int64_t>(bastion.rate_per_s) << "\n"
        << mark << "burst = " << static_cast<std::int64_t>(bastion.burst) << "\n";
  };
  for (const BastionConfig& bastion : config.bastions) write(bastion, "");
  if (!config.bastions.empty()) return;
  BastionConfig example;
  example.url = "https://bastion.example.com";
  out << "# `connect` is HOST:PORT where witnesses connect, if it is not that of the URL; `ca` a "
         "PEM\n"
         "# file of CA certificates to trust for it, besides the system's.\n";
  write(example, "# ");
}

Result<void> read_peers(TomlTable& table, WitnessConfig& config) {
  constexpr std::size_t kPeersMax = 16;
  WITAN_ASSIGN(config.peers, table.strings("urls"));
  if (config.peers.size() > kPeersMax) return fail(table.error("urls", "expected at most 16"));
  for (const std::string& url : config.peers) {
    if (!is_http_url(url)) {
      return fail(table.error("urls", "expected http(s)://host[:port][/prefix]"));
    }
  }
  WITAN_ASSIGN(config.peers_ca, table.string("ca"));
  return table.no_other_keys();
}

Result<void> read_metric_logs(TomlTable& table, WitnessConfig& config) {
  WITAN_ASSIGN(config.metric_logs, table.strings("logs"));
  return table.no_other_keys();
}

// An array of strings.
std::string quoted_list(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) out += (out.size() > 1 ? ", " : "") + quoted_toml(text);
  return out + "]";
}

void write_watching(std::ostringstream& out, const WitnessConfig& config) {
  out << "\n# Where others keep checkpoints that this witness cosigned, at <origin "
         "hash>/checkpoint:"
         "\n# mirrors, for example. At each start they are asked for its own newest heads; a "
         "folder "
         "that\n# knows less is an old copy, and is held.\n";
  if (config.peers.empty()) {
    out << "# [peers]\n# urls = [\"https://mirror.example.com/mirror\"]\n# ca = \"ca.pem\"\n";
  } else {
    out << "[peers]\nurls = " << quoted_list(config.peers) << "\n";
    if (config.peers_ca) out << "ca = " << quoted_toml(*config.peers_ca) << "\n";
  }
  out << "\n# Logs with metrics of their own, 256 at most; without, the first that are heard of.\n";
  if (config.metric_logs.empty()) {
    out << "# [metrics]\n# logs = [\"log.example.com\"]\n";
  } else {
    out << "[metrics]\nlogs = " << quoted_list(config.metric_logs) << "\n";
  }
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
  WITAN_TRY(read_bastions(root, config));
  WITAN_ASSIGN(auto lists, root.table("lists"));
  if (lists) WITAN_TRY(read_lists(*lists, config));
  WITAN_ASSIGN(auto feeding, root.table("feeding"));
  if (feeding) WITAN_TRY(read_feeding(*feeding, config));
  WITAN_ASSIGN(auto peers, root.table("peers"));
  if (peers) WITAN_TRY(read_peers(*peers, config));
  WITAN_ASSIGN(auto metrics, root.table("metrics"));
  if (metrics) WITAN_TRY(read_metric_logs(*metrics, config));
  WITAN_ASSIGN(auto enclave, root.table("enclave"));
  if (enclave) {
    WITAN_ASSIGN(config.enclave, read_enclave_config(*enclave));
  }
  WITAN_TRY(root.no_other_keys());
  return config;
}

std::string WitnessConfig::encode() const {
  std::ostringstream out;
  out << "# Configuration of a Witan witness. The logs that it cosigns are not listed here:\n"
         "# `witan witness add-log`, `pull-logs` and `list` keep them, while it runs too.\n\n"
         "# Its name, as in its cosignatures. Fixed for ever: the enclave holds it too.\n"
      << "name = " << quoted_toml(name) << "\n"
      << "# ADDRESS:PORT; port 0 takes a free one. \"none\" opens no port: bastions only.\n"
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
  write_bastions(out, *this);
  write_background(out, *this);
  write_watching(out, *this);
  write_enclave_config(out, enclave);
  return out.str();
}

}  // namespace witan
