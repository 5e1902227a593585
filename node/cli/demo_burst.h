#pragma once
// A burst of registrations from several threads, for the demo.

#include <functional>
#include <string>
#include <vector>

#include "config/result.h"

namespace witan::cli {

struct BurstResult {
  std::vector<std::string> ids;  // of the statements that were answered with 201
};

struct Burst {
  std::string url;
  std::string key_file;
  std::string issuer;

  // Registers statements from several threads; calls `in_the_middle` after some were acknowledged,
  // and goes on until requests fail.
  Result<BurstResult> run(const std::function<void()>& in_the_middle) const;
  // How many of them the node at `node_url` has a receipt for.
  Result<std::size_t> count_registered(const std::string& node_url, const BurstResult& burst) const;
};

}  // namespace witan::cli
