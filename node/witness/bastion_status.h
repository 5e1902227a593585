#pragma once
// How a witness stands with its bastions, for people and programs.

#include <cstdint>
#include <string>
#include <vector>

namespace witan {

struct BastionStatus {
  std::string url;         // the bastion's own
  std::string public_url;  // of the witness behind it
  bool connected = false;
  std::uint64_t since_s = 0;  // of that state, seconds since 1970; 0 before the first attempt
  std::uint64_t attempts = 0;
  std::uint64_t requests = 0;
  std::string problem;  // why the last connection ended or did not come; empty while connected
};

// A JSON array of objects with these names.
[[nodiscard]] std::string bastions_json(const std::vector<BastionStatus>& bastions);

}  // namespace witan
