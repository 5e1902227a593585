// Registration policies: what parses is written and read back the same.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/registration_policy.h"
#include "ledger/registration/log_keys.h"
#include "ledger/registration/policy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace witan;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // The payload of entry 1, too.
  const auto keys = parse_log_keys(BytesView(data, size));
  if (keys && !equal(encode_log_keys(*keys), BytesView(data, size))) std::abort();
  const auto policy = parse_registration_policy(text, "fuzz");
  if (!policy) return 0;
  const auto again = parse_registration_policy(encode(*policy), "again");
  if (!again || !(*again == *policy)) std::abort();
  (void)RegistrationPolicy::compile(*policy);
  for (const std::string& pattern : policy->subjects) (void)matches_pattern(pattern, text);
  return 0;
}
