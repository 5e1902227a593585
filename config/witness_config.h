#pragma once
// The configuration of a stand-alone witness: the file `witness.toml` in its folder. Which logs it
// knows is not configuration: they are in its store and change while it runs.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/enclave_config.h"
#include "config/result.h"

namespace witan {

// A bastion through which the witness is reached, besides its own address or instead of it.
struct BastionConfig {
  std::string url;                     // https://host[:port][/prefix], as clients use it
  std::optional<std::string> connect;  // HOST:PORT where backends connect; of the URL when absent
  std::optional<std::string> ca;       // PEM file of its CA, besides the system's
  double rate_per_s = 2'000;           // of all its requests together; 0 switches the limit off
  double burst = 4'000;
};

struct WitnessConfig {
  static constexpr std::string_view kNoListen = "none";

  std::string name;                            // as in its cosignatures; fixed for ever
  std::string listen = "127.0.0.1:8090";       // ADDRESS:PORT, or kNoListen: bastions only
  std::optional<std::string> url;              // where the world reaches it, for witness.v0.json
  std::optional<std::string> tls_certificate;  // PEM file; relative to the folder
  std::optional<std::string> tls_key;          // PEM file of mode 0600
  double rate_per_s = 200;                     // submissions a second and client; 0 switches it off
  double burst = 400;
  unsigned io_threads = 2;
  std::vector<BastionConfig> bastions;
  // [lists]: files and URLs of lists of logs that are read again and again.
  std::vector<std::string> list_sources;
  std::uint32_t list_refresh_s = 3'600;
  std::optional<std::string> list_ca;  // PEM file, for https; relative to the folder
  // [feeding]: reading logs that do not push.
  std::uint32_t feed_every_s = 60;     // where a log has no pace of its own
  unsigned feed_threads = 4;           // 0: logs are not read
  std::optional<std::string> feed_ca;  // as list_ca

  [[nodiscard]] bool listens() const { return listen != kNoListen; }

  // Where others keep checkpoints that this witness cosigned; asked at each start.
  std::vector<std::string> peers;
  std::optional<std::string> peers_ca;  // PEM file; relative to the folder
  EnclaveConfig enclave;
  // Origins with metrics of their own; with none, the first that are heard of.
  std::vector<std::string> metric_logs;

  // Errors name file, line and key. Unknown keys are refused.
  static Result<WitnessConfig> parse(std::string_view toml, std::string_view file_name);
  // As `witan witness init` writes it, with a comment on every key.
  [[nodiscard]] std::string encode() const;
};

// Where things are in a witness's folder.
struct WitnessPaths {
  std::filesystem::path dir;

  [[nodiscard]] std::filesystem::path config() const { return dir / "witness.toml"; }
  [[nodiscard]] std::filesystem::path vkey() const { return dir / "witness.vkey"; }
  [[nodiscard]] std::filesystem::path data() const { return dir / "data"; }
  [[nodiscard]] std::filesystem::path enclave() const { return dir / "enclave"; }
  // The URL of the witness that runs here; there while it runs.
  [[nodiscard]] std::filesystem::path address() const { return dir / "address"; }
  // The key by which bastions know it, of mode 0600.
  [[nodiscard]] std::filesystem::path bastion_key() const { return dir / "bastion-key.pem"; }
  // How it stands with its bastions; there while it runs.
  [[nodiscard]] std::filesystem::path bastions() const { return dir / "bastions.json"; }
};

}  // namespace witan
