#pragma once
// The configuration of a stand-alone witness: the file `witness.toml` in its folder. Which logs it
// knows is not configuration: they are in its store and change while it runs.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "config/result.h"

namespace witan {

struct WitnessConfig {
  std::string name;                            // as in its cosignatures; fixed for ever
  std::string listen = "127.0.0.1:8090";       // ADDRESS:PORT
  std::optional<std::string> url;              // where the world reaches it, for witness.v0.json
  std::optional<std::string> tls_certificate;  // PEM file; relative to the folder
  std::optional<std::string> tls_key;          // PEM file of mode 0600
  double rate_per_s = 200;                     // submissions a second and client; 0 switches it off
  double burst = 400;
  unsigned io_threads = 2;

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
};

}  // namespace witan
