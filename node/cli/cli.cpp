#include "node/cli/cli.h"

#include <cstdio>

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
  std::fprintf(stderr, "witan %.*s: %s\n", static_cast<int>(verb.size()), verb.data(),
               error.message.c_str());
  return exit_code(error.code);
}

}  // namespace witan::cli
