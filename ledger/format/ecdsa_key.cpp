#include "ledger/format/ecdsa_key.h"

#include <mutex>
#include <string>
#include <unordered_map>

namespace witan {
namespace {

// About 3 KiB each.
constexpr std::size_t kEcdsaKeysKeptMax = 1'024;

Result<PublicKey> parse_ecdsa_key(BytesView spki) {
  auto parsed = PublicKey::from_spki(spki);
  if (!parsed) return fail(parsed.error().within("ECDSA key"));
  // The one curve whose customary hash is the SHA-256 that this signature type prescribes.
  if (parsed->kind() != KeyKind::kP256) {
    return fail(ErrorCode::kUnsupported,
                "ECDSA key: expected P-256, found " + std::string(to_string(parsed->kind())));
  }
  // One key, one text: two forms of a key would pass as two keys.
  if (!equal(parsed->spki(), spki)) {
    return fail(ErrorCode::kMalformed, "ECDSA key: not the canonical DER of an uncompressed point");
  }
  return parsed;
}

class EcdsaKeys {
 public:
  Result<PublicKey> find_or_parse(BytesView spki) {
    const std::string bytes(as_text(spki));
    {
      const std::lock_guard lock(mutex_);
      const auto found = keys_.find(bytes);
      if (found != keys_.end()) return found->second;
    }
    WITAN_ASSIGN(PublicKey key, parse_ecdsa_key(spki));
    const std::lock_guard lock(mutex_);
    // Whoever uses more keys than that in turn pays as if there were no memory of them.
    if (keys_.size() >= kEcdsaKeysKeptMax) keys_.clear();
    keys_.emplace(bytes, key);
    return key;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, PublicKey> keys_;  // under mutex_
};

}  // namespace

Result<PublicKey> ecdsa_note_key(BytesView spki) {
  // Never freed: threads may verify until the very end of the process.
  static EcdsaKeys& keys = *new EcdsaKeys;
  return keys.find_or_parse(spki);
}

}  // namespace witan
