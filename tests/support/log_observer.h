#pragma once
// Somebody outside who watches a log: verifies what it shows, and remembers what it has shown.

#include <optional>
#include <set>
#include <string>

#include "config/node_config.h"
#include "config/result.h"
#include "ledger/crypto/public_key.h"
#include "ledger/format/checkpoint.h"
#include "ledger/format/note.h"
#include "node/http/client.h"

namespace witan::test {

// Used by one thread at a time.
class LogObserver {
 public:
  // Reads the log's public keys from its folder; throws without them.
  explicit LogObserver(const NodePaths& paths);

  // The newest checkpoint: signed, not behind the last one seen, and consistent with it.
  Result<Checkpoint> look(http::Client& client);
  // The receipt of an entry, which must be there and lead from the entry to a head that the log's
  // keys signed, in both of its forms.
  Result<Bytes> receipt(http::Client& client, const std::string& id) const;
  // Reads the whole log: every statement hashes to its entry, all entries to the checkpoint's root.
  // Gives the ids.
  Result<std::set<std::string>> audit(http::Client& client);

  [[nodiscard]] Result<void> check_receipt(BytesView receipt, const std::string& id) const;
  [[nodiscard]] const VerifierKey& log_key() const { return log_key_; }
  [[nodiscard]] const PublicKey& receipt_key() const { return receipt_key_; }
  [[nodiscard]] const std::optional<Checkpoint>& seen() const { return seen_; }

 private:
  VerifierKey log_key_;
  PublicKey receipt_key_;
  std::optional<Checkpoint> seen_;
};

}  // namespace witan::test
