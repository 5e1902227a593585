#pragma once
// Issuers with keys of their own, and the statements that they sign.

#include <string>
#include <string_view>

#include "ledger/bytes.h"
#include "ledger/crypto/private_key.h"
#include "ledger/format/statement.h"

namespace witan::test {

class Issuer {
 public:
  explicit Issuer(std::string uri, KeyKind kind = KeyKind::kEd25519);

  [[nodiscard]] const std::string& uri() const { return uri_; }
  [[nodiscard]] const PrivateKey& key() const { return key_; }
  // A statement whose payload is the text: other texts make other statements. Ed25519 signatures
  // are the same each time, so the same text makes the same statement.
  [[nodiscard]] Bytes statement(std::string_view text) const;
  [[nodiscard]] Bytes sign(StatementRequest request) const;

 private:
  std::string uri_;
  PrivateKey key_;
};

// The statement's id: its entry in hex.
[[nodiscard]] std::string id_of(BytesView statement);

}  // namespace witan::test
