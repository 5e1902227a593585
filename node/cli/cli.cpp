#include "node/cli/cli.h"

#include <algorithm>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "node/cli/printable.h"

namespace witan::cli {

int exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::kMalformed:
    case ErrorCode::kTooLarge:
    case ErrorCode::kUnsupported:
    case ErrorCode::kBadSignature:
    case ErrorCode::kBadIdentity:
    case ErrorCode::kRefused:
    case ErrorCode::kBadProof:
    case ErrorCode::kConflict:
    case ErrorCode::kStale:
      return kExitCheckFailed;
    case ErrorCode::kUsage:
      return kExitUsage;
    case ErrorCode::kNotFound:
    case ErrorCode::kOverloaded:
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimeout:
    case ErrorCode::kIo:
      return kExitUnreachable;
  }
  return kExitUnreachable;
}

int report(std::string_view verb, const Error& error) {
  // A message may quote what somebody else has sent.
  std::fprintf(stderr, "witan %.*s: %s\n", static_cast<int>(verb.size()), verb.data(),
               printable(error.message).c_str());
  return exit_code(error.code);
}

void print_facts(const Facts& facts, bool as_json) {
  if (as_json) {
    nlohmann::ordered_json object = nlohmann::ordered_json::object();
    for (const auto& [name, value] : facts) object[name] = value;
    std::printf("%s\n",
                object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
    return;
  }
  for (const auto& [name, value] : facts) {
    std::string label = name;
    std::replace(label.begin(), label.end(), '_', ' ');
    std::printf("%-13s %s\n", label.c_str(), value.c_str());
  }
}

}  // namespace witan::cli
