#pragma once
// A witness behind bastions: a connection to each of them is kept up, and what they forward is
// answered as if it had come to the witness itself. One thread serves them all.

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "config/limits.h"
#include "config/result.h"
#include "config/witness_config.h"
#include "ledger/ports/clock.h"
#include "ledger/ports/random.h"
#include "node/http/message.h"
#include "node/http/server.h"
#include "node/metrics.h"
#include "node/witness/bastion_key.h"
#include "node/witness/bastion_retry.h"
#include "node/witness/bastion_status.h"

namespace witan {

namespace http::detail {
class NameLookUp;
}

struct BastionTunnelsOptions {
  std::vector<BastionConfig> bastions;
  std::filesystem::path folder;      // what the `ca` of a bastion is relative to
  std::filesystem::path state_file;  // kept as bastions_json says; none when empty
  BastionKey key;
  http::Handler handler;
  // body_bytes_max and error_response of a server.
  http::ServerOptions server;
  BastionRetryOptions retry;
  http::detail::NameLookUp* names = nullptr;  // null: the process's
};

// The protocol that is offered in TLS (ALPN).
inline constexpr const char* kBastionAlpn = "bastion/0";

// Who a request's rate is counted for: the address in the one X-Forwarded-For field that a bastion
// puts there, as this bastion's word. Without exactly one good address: the bastion itself.
[[nodiscard]] std::string bastion_client(const std::string& bastion_url,
                                         const http::Request& request);

class BastionTunnels {
 public:
  // Begins to connect to all of them. An unreachable one is no error: it is tried again for ever.
  // kIo and kMalformed: CA file, key. kUsage: a URL. All references must outlive it.
  static Result<std::unique_ptr<BastionTunnels>> start(BastionTunnelsOptions options,
                                                       Metrics& metrics, const Clock& clock,
                                                       Random& random);
  // Ends all connections at once.
  virtual ~BastionTunnels() = default;

  [[nodiscard]] virtual std::vector<BastionStatus> status() const = 0;
  // Tells the bastions that no new requests are taken, answers those under way, and returns when
  // all connections have ended or the deadline has passed.
  virtual void shutdown(std::chrono::milliseconds deadline) = 0;
};

}  // namespace witan
