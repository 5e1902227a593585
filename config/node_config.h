#pragma once
// The configuration of a node: the file `witan.toml` in its folder.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/enclave_config.h"
#include "config/limits.h"
#include "config/result.h"

namespace witan {

// Someone who may register statements, where tokens are configured.
struct TokenConfig {
  std::string name;        // for logs and metrics
  std::string sha256_hex;  // of the bearer token; the token itself is not kept
};

// Who must have cosigned a checkpoint before it is published.
struct WitnessesConfig {
  std::string policy;                            // a C2SP tlog-policy; relative to the folder
  std::optional<std::string> ca;                 // PEM file of CAs for https, besides the system's
  std::chrono::milliseconds deadline{5'000};     // of one request
  std::chrono::milliseconds beyond_quorum{100};  // how long the rest is waited for
  // A new head is signed at most so often. Statements wait for it, and share it.
  std::chrono::milliseconds head_interval{0};
  // What happens to a head without quorum: it is held, or published after so long.
  std::optional<std::chrono::milliseconds> publish_unwitnessed_after;
};

struct NodeConfig {
  std::string origin;                          // the log's name, as in its checkpoints
  std::string issuer;                          // "iss" of receipts: a URI of the operator
  std::string listen = "127.0.0.1:8080";       // ADDRESS:PORT
  std::optional<std::string> tls_certificate;  // PEM file; relative to the folder
  std::optional<std::string> tls_key;          // PEM file of mode 0600
  std::vector<TokenConfig> tokens;             // empty: anybody may register, within the rate
  double rate_per_s = 200;  // registrations a second and client; 0 switches it off
  double burst = 400;
  std::optional<WitnessesConfig> witnesses;  // none: checkpoints are published unwitnessed
  // The folder of the witness that this node runs for other logs, relative to its own.
  std::optional<std::string> witness_dir;
  EnclaveConfig enclave;
  std::chrono::milliseconds wait = limits::kRegistrationWait;  // then a POST becomes a 202
  unsigned io_threads = 2;
  unsigned verify_threads = 2;

  // Errors name file, line and key. Unknown keys are refused.
  static Result<NodeConfig> parse(std::string_view toml, std::string_view file_name);
  // As `witan init` writes it, with a comment on every key.
  [[nodiscard]] std::string encode() const;
};

// Where things are in a node's folder.
struct NodePaths {
  std::filesystem::path dir;

  [[nodiscard]] std::filesystem::path config() const { return dir / "witan.toml"; }
  [[nodiscard]] std::filesystem::path policy() const { return dir / "policy.toml"; }
  [[nodiscard]] std::filesystem::path operator_key() const { return dir / "operator.pem"; }
  [[nodiscard]] std::filesystem::path data() const { return dir / "data"; }
  [[nodiscard]] std::filesystem::path enclave() const { return dir / "enclave"; }
  [[nodiscard]] std::filesystem::path log_key() const { return dir / "log.vkey"; }
  [[nodiscard]] std::filesystem::path receipt_key() const { return dir / "receipt-key.pem"; }
};

}  // namespace witan
