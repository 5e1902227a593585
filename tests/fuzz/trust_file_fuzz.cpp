// Trust files: whatever the text, an error that names the file, or values within their bounds. The
// files that it names are made up.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/limits.h"
#include "config/trust_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace witan;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto reader = [](const std::string& path, std::size_t) -> Result<std::string> {
    if (path.size() % 2 == 1) return fail(ErrorCode::kNotFound, path + ": not there");
    return std::string("-----BEGIN CERTIFICATE-----\n");
  };
  const auto trust = TrustFile::parse(input, "trust.toml", reader);
  if (!trust) {
    if (trust.error().message.find("trust.toml") != 0) std::abort();
    return 0;
  }
  if (!trust->tlog_policy && trust->receipt_keys.empty()) std::abort();
  if (trust->issuers.size() > limits::kTrustIssuersMax) std::abort();
  for (const TrustFile::Issuer& issuer : trust->issuers) {
    if (issuer.keys.empty() && issuer.anchors.empty()) std::abort();
    if (!issuer.matches(issuer.name) || trust->find_issuer(issuer.name) == nullptr) std::abort();
  }
  return 0;
}
